// The core by itself: streams, routing and modules, with clients that have no transport.

import { describe, expect, test, vi } from 'vitest';
import type { Module } from '../../src/core/module.js';
import { message } from '../../src/modules/message.js';
import { ping } from '../../src/modules/ping.js';
import { JID } from '../../src/xmpp/jid.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../support/core.js';

const module = (name: string, load: Module['load'], needs?: string[]): Module => ({
  name,
  about: 'For tests.',
  specifications: [],
  needs,
  load,
});

test('RFC 6120 4.3.2: the header is answered and features follow, after attach has returned', async () => {
  const { core } = testCore();
  const client = new CoreClient(core);
  expect(client.headers).toEqual([]);
  await client.when(() => client.stanzas.length === 1);
  expect(client.headers[0]).toMatchObject({ from: 'example.test', version: '1.0' });
  expect(client.stanzas[0]).toContain('<stream:features');
});

test('RFC 6120 6.4.1: a stanza before authentication ends the stream with not-authorized', async () => {
  const client = new CoreClient(testCore().core);
  await client.when(() => client.headers.length === 1);
  client.say("<message xmlns='jabber:client' to='juliet@example.test'/>");
  expect((await client.closed()).error?.condition).toBe('not-authorized');
});

test.each([
  ['bytes', `<auth xmlns='test'>${'a'.repeat(8192)}</auth>`],
  ['elements', `<auth xmlns='test'>${'<a/>'.repeat(32)}</auth>`],
])('before authentication the %s of a stanza have a limit', async (_, xml) => {
  const client = new CoreClient(testCore().core);
  await client.when(() => client.headers.length === 1);
  client.say(xml);
  expect((await client.closed()).error?.condition).toBe('policy-violation');
});

test('a client that binds nothing in time is let go', async () => {
  const { core, clock } = testCore();
  const client = new CoreClient(core);
  clock.now = 119_999;
  core.sweep();
  expect(client.ending).toBeUndefined();
  clock.now = 120_000;
  core.sweep();
  expect((await client.closed()).error?.condition).toBe('connection-timeout');
});

test('RFC 6120 7.7.2.2: who binds a taken resource replaces the one who had it', async () => {
  const { core, told } = testCore();
  const old = await new CoreClient(core).enter('romeo', 'garden');
  const young = await new CoreClient(core).enter('romeo', 'garden');
  expect((await old.closed()).error?.condition).toBe('conflict');
  expect(young.ending).toBeUndefined();
  expect(told.slice(-3)).toEqual([
    'created romeo@example.test/garden',
    'closed romeo@example.test/garden',
    'created romeo@example.test/garden',
  ]);
});

test('an account has so many resources', async () => {
  const { core } = testCore([], { limits: { ...OPTIONS.limits, sessions_per_user: 1 } });
  await new CoreClient(core).enter('romeo', 'one');
  const second = new CoreClient(core);
  await second.when(() => second.headers.length === 1);
  second.say("<auth xmlns='test'>romeo</auth>");
  second.say(
    "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>two</resource></bind></iq>",
  );
  await second.when(() => second.stanzas.some((xml) => xml.includes('resource-constraint')));
});

test('a message reaches a resource with the address of its sender; a forged one ends the stream', async () => {
  const { core } = testCore([message]);
  const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
  romeo.say("<message xmlns='jabber:client' to='juliet@example.test/test' id='1'><body>hi</body></message>");
  expect(juliet.stanzas).toEqual([
    "<message from='romeo@example.test/test' xmlns='jabber:client' to='juliet@example.test/test' id='1'><body>hi</body></message>",
  ]);
  romeo.say("<message xmlns='jabber:client' from='nurse@example.test' to='juliet@example.test'/>");
  expect((await romeo.closed()).error?.condition).toBe('invalid-from');
  expect(juliet.stanzas).toHaveLength(1);
});

test('RFC 6120 8.1.5: a stanza that does not say its language has that of its stream', async () => {
  const { core } = testCore([message]);
  const romeo = await new CoreClient(core).enter('romeo');
  const juliet = await new CoreClient(core).enter('juliet');
  romeo.end.open({ to: 'example.test', lang: 'it' });
  const said = "<message xmlns='jabber:client' to='juliet@example.test/test'";
  romeo.say(`${said} id='1'/>`);
  romeo.say(`${said} id='2' xml:lang='en'/>`);
  expect(await juliet.hears("id='1'")).toContain("xml:lang='it'");
  expect(await juliet.hears("id='2'")).toMatch(/^(?=.*xml:lang='en')(?!.*xml:lang='it')/);
});

test('RFC 6120 10.4: what is for nobody we know goes back with remote-server-not-found', async () => {
  const { core } = testCore([message]);
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say("<message xmlns='jabber:client' to='juliet@elsewhere.test' id='1'/>");
  expect(romeo.stanzas[0]).toContain('remote-server-not-found');
  expect(romeo.stanzas[0]).toContain("to='romeo@example.test/test'");
});

test('RFC 6120 8.2.3: an iq needs an id, a type and one child, and an answer comes for each', async () => {
  const { core } = testCore([ping]);
  const romeo = await new CoreClient(core).enter('romeo');
  const ask = (xml: string) => {
    romeo.say(xml);
    return romeo.stanzas.pop() ?? '';
  };
  expect(ask("<iq xmlns='jabber:client' type='get' id='1' to='example.test'><ping xmlns='urn:xmpp:ping'/></iq>")).toBe(
    "<iq xmlns='jabber:client' type='result' id='1' from='example.test' to='romeo@example.test/test'/>",
  );
  expect(ask("<iq xmlns='jabber:client' type='get' id='2'/>")).toContain('<bad-request');
  expect(ask("<iq xmlns='jabber:client' type='get' id='3'><a xmlns='x'/><a xmlns='x'/></iq>")).toContain(
    '<bad-request',
  );
  expect(ask("<iq xmlns='jabber:client' type='get'><a xmlns='x'/></iq>")).toContain('<bad-request');
  expect(ask("<iq xmlns='jabber:client' type='get' id='4'><a xmlns='x'/></iq>")).toContain('<service-unavailable');
  expect(ask("<iq xmlns='jabber:client' type='result' id='5'/>")).toBe('');
});

test('a handler that throws is its module’s failure, and what it hooked goes on without it', async () => {
  const broken = module('broken', ({ hooks }) => {
    hooks.on(
      'message/full',
      () => {
        throw new Error('a bug');
      },
      10,
    );
    hooks.iq('get', 'host', 'broken', 'query', () => {
      throw new Error('another');
    });
  });
  const { core, told } = testCore([broken, message]);
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say("<message xmlns='jabber:client' to='romeo@example.test/test' id='1'/>");
  expect(romeo.stanzas.pop()).toContain("id='1'");
  romeo.say("<iq xmlns='jabber:client' to='example.test' type='get' id='2'><query xmlns='broken'/></iq>");
  expect(romeo.stanzas.pop()).toContain('internal-server-error');
  expect(told.filter((line) => line.startsWith('failed'))).toEqual([
    'failed example.test broken: Error: a bug',
    'failed example.test broken: Error: another',
  ]);
});

test('modules are loaded after what they need, unloaded before it, and leave nothing behind', async () => {
  const first = module('first', ({ hooks }) => void hooks.iq('get', 'host', 'first', 'query', () => '<first/>'));
  const second = module('second', () => {}, ['first']);
  const { core, told } = testCore([second, first]);
  const host = core.hosts.get('example.test');
  expect(told.map((line) => line.split(' ')[2])).toEqual(['bind', 'trusting', 'first', 'second']);
  host?.modules.unload('first');
  expect(told.slice(-2)).toEqual(['unloaded example.test second', 'unloaded example.test first']);
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say("<iq xmlns='jabber:client' to='example.test' type='get' id='2'><query xmlns='first'/></iq>");
  expect(romeo.stanzas.pop()).toContain('service-unavailable');
});

test('a reload opens domains, closes those that are gone, and loads and unloads modules', async () => {
  const { core, told } = testCore([ping]);
  const romeo = await new CoreClient(core).enter('romeo');
  core.reload({ ...OPTIONS, domains: { 'example.test': { ...DOMAIN, modules: ['bind'] } } });
  expect(told).toContain('unloaded example.test ping');
  expect(romeo.ending).toBeUndefined();
  core.reload({ ...OPTIONS, domains: { 'other.test': DOMAIN } });
  expect((await romeo.closed()).error?.condition).toBe('host-gone');
  expect([...core.hosts.keys()]).toEqual(['other.test']);
});

test('what a module cannot delete of a client without an account is logged, and harms nobody', async () => {
  const keeper = module('keeper', ({ hooks, domain }) => {
    const identity = { jid: JID.of('ghost', domain), anonymous: true, mechanism: 'TEST' };
    hooks.nonza('ghost', ({ stream }) => stream.authenticated(identity));
    hooks.on('account-deleted', ({ waits }) => void waits.push(Promise.reject(new Error('the disk is full'))));
  });
  const { core, log } = testCore([keeper]);
  const ghost = new CoreClient(core);
  await ghost.when(() => ghost.headers.length === 1);
  ghost.say("<haunt xmlns='ghost'/>");
  ghost.say("<iq xmlns='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await ghost.hears("id='1'");
  ghost.end.close({ how: 'closed' });
  await vi.waitFor(() => expect(log.of('account_left_behind')).toEqual([{ error: new Error('the disk is full') }]));
});

test('what a handler promises and does not keep is its module’s failure too', async () => {
  const late = async () => {
    throw new Error('too late');
  };
  const broken = module('broken', ({ hooks }) => {
    hooks.on('session-created', late);
    hooks.on('pre-message/bare', late);
  });
  const { core, told } = testCore([broken, message]);
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say("<message xmlns='jabber:client' to='romeo@example.test'/>");
  const failed = 'failed example.test broken: Error: too late';
  await vi.waitFor(() => expect(told.filter((line) => line === failed)).toHaveLength(2));
});

test('a reload that names a module there is not changes nothing', () => {
  const { core, told } = testCore([ping]);
  const before = told.length;
  const domains = {
    'new.test': DOMAIN,
    'example.test': { ...DOMAIN, modules: ['bind'] },
    'other.test': { ...DOMAIN, modules: ['pong'] },
  };
  expect(() => core.reload({ ...OPTIONS, domains })).toThrow('pong');
  expect(told).toHaveLength(before);
  expect([...core.hosts.keys()]).toEqual(['example.test']);
});

describe('while what a client said is being looked at', () => {
  const holding = () => {
    let release = () => {};
    const work = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hold = module('hold', ({ hooks }) => hooks.nonza('hold', ({ stream }) => stream.hold(work)));
    return { hold, release: () => release() };
  };

  test('a restart of its stream waits, as all that it says', async () => {
    const { hold, release } = holding();
    const { core } = testCore([hold, message]);
    const romeo = await new CoreClient(core).enter('romeo');
    romeo.say("<wait xmlns='hold'/>");
    romeo.end.open({ to: 'example.test' });
    expect([romeo.headers.length, romeo.stanzas]).toEqual([2, []]);
    release();
    await romeo.hears('<stream:features');
    expect(romeo.headers).toHaveLength(3);
  });

  test('what comes for a client that is gone already is undelivered, as what it had not got', async () => {
    const { hold, release } = holding();
    const undelivered: string[] = [];
    const curious = module('curious', ({ hooks }) => {
      hooks.on('undelivered', ({ stanzas }) => void undelivered.push(...stanzas.map(({ id }) => String(id))));
    });
    const { core, told } = testCore([hold, curious, message]);
    const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
    romeo.say("<wait xmlns='hold'/>");
    romeo.end.close({ how: 'lost', undelivered: [Stanza.from("<message xmlns='jabber:client' id='1'/>")] });
    juliet.say("<message xmlns='jabber:client' to='romeo@example.test/test' type='headline' id='2'/>");
    release();
    await vi.waitFor(() => expect(told).toContain('closed romeo@example.test/test'));
    expect(undelivered).toEqual(['1', '2']);
  });
});

test('with an account go all streams that are logged in to it, bound or not', async () => {
  const { core } = testCore();
  const bound = await new CoreClient(core).enter('romeo');
  const [unbound, other] = [new CoreClient(core), new CoreClient(core)];
  await other.when(() => other.headers.length === 1);
  unbound.say("<auth xmlns='test'>romeo</auth>");
  other.say("<auth xmlns='test'>juliet</auth>");
  await core.hosts.get('example.test')?.accounts.delete('romeo');
  for (const client of [bound, unbound]) expect((await client.closed()).error?.condition).toBe('not-authorized');
  expect(other.ending).toBeUndefined();
});
