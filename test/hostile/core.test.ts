// What a hostile client may say to a domain that is served here, over real sockets: each thing is refused by its own limit or
// condition, and two others chat undisturbed meanwhile.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../src/core/host.js';
import type { Module } from '../../src/core/module.js';
import { createServer, type Server } from '../../src/index.js';
import { MemoryLog } from '../support/memory-log.js';
import { authenticate, bind, type Credentials, login } from '../support/sasl.js';
import { TcpClient } from '../support/tcp-client.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const DOMAIN = 'example.test';
const TYBALT: Credentials = { user: 'tybalt', password: 'secret', resource: 'alley' };
const CLIENT = "xmlns='jabber:client'";

const log = new MemoryLog();
let server: Server;
let host: Host;
let port: number;
const clients: TcpClient[] = [];

const visitor: Module = { name: 'visitor', about: 'For tests.', specifications: [], load };

function load(it: Host): void {
  host = it;
}

const options = {
  roster: { max_items: 5 },
  presence: { max_directed: 10, max_requests: 10 },
};

beforeAll(async () => {
  server = createServer({
    host: '127.0.0.1',
    port: 0,
    domains: { [DOMAIN]: { auth: { anonymous: true }, options } },
    c2s: { port: 0, direct_tls_port: null, require_tls: false },
    limits: { auth_failures_per_account: 2, creations_per_second: 1000, creation_burst: 1000 },
    modules: [visitor],
    log,
  });
  await server.start();
  port = Number(server.urls.xmpp?.split(':').at(-1));
  for (const name of ['romeo', 'juliet', 'tybalt', 'victim', 'locked']) await host.accounts.create(name, 'secret');
});

afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy();
});

afterAll(async () => {
  await server.stop();
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

async function open(attrs: Record<string, string> = {}): Promise<TcpClient> {
  const client = await TcpClient.connect(port, { to: DOMAIN });
  clients.push(client);
  client.open(attrs);
  return client;
}

async function enter(credentials: Credentials = TYBALT): Promise<TcpClient> {
  const client = await open();
  await login(client, credentials);
  return client;
}

const reads = async (limit: string): Promise<number> => {
  const found = new RegExp(`bosh_limits_hit_total\\{limit="${limit}"\\} (\\d+)`).exec(await server.metrics.text());
  return Number(found?.[1] ?? 0);
};

/** Two others, who chat while something is done, one message after the other; and one more when it is done. */
async function whileOthersChat(attack: () => Promise<void>): Promise<void> {
  const [romeo, juliet] = [
    await enter({ user: 'romeo', password: 'secret' }),
    await WsClient.open(server.urls.websocket, DOMAIN),
  ];
  await login(juliet, { user: 'juliet', password: 'secret', resource: 'balcony' });
  let over = false;
  const chat = async () => {
    for (let count = 0, last = false; !last; count++) {
      last = over;
      romeo.write(`<message type='chat' to='juliet@${DOMAIN}/balcony'><body>${count}</body></message>`);
      const { children } = await juliet.receive(
        ({ name, attributes }) => name === 'message' && attributes.some(({ value }) => value.startsWith('romeo@')),
      );
      expect(children.find(({ name }) => name === 'body')?.text).toBe(String(count));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const chatting = chat();
  // Whatever else fails is told first.
  chatting.catch(() => {});
  await attack().finally(() => {
    over = true;
  });
  await chatting;
  juliet.cut();
}

const conditionOf = (stanza: Xml): string | undefined =>
  stanza.child('error')?.children.find(({ name }) => name !== 'text')?.name;

const isError = (each: Xml) => each.attr('type') === 'error';
const iq = (type: string, payload: string, attrs = "id='1'") => `<iq ${CLIENT} type='${type}' ${attrs}>${payload}</iq>`;
const ping = "<ping xmlns='urn:xmpp:ping'/>";
const rosterItem = (jid: string) => `<query xmlns='jabber:iq:roster'><item jid='${jid}'/></query>`;

// Streams that end.

test.each([
  [
    'a large stanza',
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${'A'.repeat(8192)}</auth>`,
    'policy-violation',
    'stanza_before_auth',
  ],
  [
    'many elements',
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${'<a/>'.repeat(32)}</auth>`,
    'policy-violation',
    'elements_before_auth',
  ],
  ['a message', `<message ${CLIENT} to='juliet@${DOMAIN}'><body>hi</body></message>`, 'not-authorized', undefined],
  ['a roster', iq('get', "<query xmlns='jabber:iq:roster'/>"), 'not-authorized', undefined],
  ['an unknown element', "<knock xmlns='test'/>", 'unsupported-stanza-type', undefined],
])('before authentication %s ends the stream', async (_, xml, condition, limit) => {
  const before = limit === undefined ? 0 : await reads(limit);
  await whileOthersChat(async () => {
    const client = await open();
    await client.features();
    client.write(xml);
    expect(await client.error()).toBe(condition);
    expect(await client.end()).toBe('closed');
  });
  if (limit !== undefined) expect(await reads(limit)).toBe(before + 1);
});

test.each([
  [
    'RFC 6120 8.1.2.1: a forged from',
    `<message ${CLIENT} from='romeo@${DOMAIN}' to='juliet@${DOMAIN}'/>`,
    'invalid-from',
  ],
  ['a forged resource', `<message ${CLIENT} from='tybalt@${DOMAIN}/other' to='juliet@${DOMAIN}'/>`, 'invalid-from'],
  ['a from that is no address', `<presence ${CLIENT} from='@@'/>`, 'invalid-from'],
  ['a stanza of servers', `<message xmlns='jabber:server' to='juliet@${DOMAIN}'/>`, 'unsupported-stanza-type'],
  ['a stanza of nobody', `<iq xmlns='test' type='get' id='1'>${ping}</iq>`, 'unsupported-stanza-type'],
  ['an unknown element', "<knock xmlns='test'/>", 'unsupported-stanza-type'],
  ['a second log-in', "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", 'policy-violation'],
  ['an acknowledgement of nothing', "<a xmlns='urn:xmpp:sm:3' h='99'/>", 'unsupported-stanza-type'],
])('%s ends the stream of its client', async (_, xml, condition) => {
  await whileOthersChat(async () => {
    const client = await enter();
    client.write(xml);
    expect(await client.error()).toBe(condition);
    expect(await client.end()).toBe('closed');
  });
});

// Stanzas that are refused.

test.each([
  ['RFC 6121 4.7.2.3: a priority above 127', `<presence ${CLIENT}><priority>128</priority></presence>`, 'bad-request'],
  ['a priority that is no number', `<presence ${CLIENT}><priority>1e1</priority></presence>`, 'bad-request'],
  ['two priorities', `<presence ${CLIENT}><priority>1</priority><priority>2</priority></presence>`, 'bad-request'],
  ['presence of an unknown type', `<presence ${CLIENT} type='bored'/>`, 'bad-request'],
  ['directed presence of an unknown type', `<presence ${CLIENT} type='bored' to='juliet@${DOMAIN}'/>`, 'bad-request'],
  ['RFC 6120 8.2.3: an iq without an id', iq('get', ping, ''), 'bad-request'],
  ['an iq of an unknown type', iq('ask', ping), 'bad-request'],
  ['an iq without a type', `<iq ${CLIENT} id='1'>${ping}</iq>`, 'bad-request'],
  ['an iq with two children', iq('get', ping + ping), 'bad-request'],
  ['an iq with none', `<iq ${CLIENT} type='get' id='1'/>`, 'bad-request'],
  ['an iq that nobody knows', iq('get', "<open xmlns='sesame'/>"), 'service-unavailable'],
  [
    "RFC 6121 2.3.3: a change of somebody's roster",
    iq('set', rosterItem('a@b.test'), `id='1' to='juliet@${DOMAIN}'`),
    'forbidden',
  ],
  [
    "a look at somebody's roster",
    iq('get', "<query xmlns='jabber:iq:roster'/>", `id='1' to='juliet@${DOMAIN}'`),
    'forbidden',
  ],
  ['a second resource', iq('set', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), 'not-allowed'],
  ['a contact that is no address', iq('set', rosterItem('@')), 'jid-malformed'],
])('%s is refused', async (_, xml, condition) => {
  await whileOthersChat(async () => {
    const client = await enter();
    client.write(xml);
    expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe(condition);
    client.write(iq('get', ping, "id='after'"));
    await client.inbox.take((each) => each.attr('id') === 'after', 'the answer to a ping');
  });
});

test.each([
  ['a space', `ju liet@${DOMAIN}`],
  ['a quote', `ju&quot;liet@${DOMAIN}`],
  ['no name', `@${DOMAIN}`],
  ['no domain', 'juliet@'],
  ['two ats', `juliet@${DOMAIN}@${DOMAIN}`],
  ['an empty resource', `juliet@${DOMAIN}/`],
  ['an empty label', 'juliet@example..test'],
  ['a soft hyphen', `ju&#xad;liet@${DOMAIN}`],
  ['a resource with a tabulator', `juliet@${DOMAIN}/a&#9;b`],
  ['a name of 1024 bytes', `${'j'.repeat(1024)}@${DOMAIN}`],
  ['a resource of 1024 bytes', `juliet@${DOMAIN}/${'r'.repeat(1024)}`],
  ['10,000 bytes', `${'j'.repeat(10_000)}@${DOMAIN}`],
])('RFC 7622: an address with %s is refused, in a message and in a contact', async (_, jid) => {
  const client = await enter();
  const takes = async (xml: string) => {
    client.write(xml);
    return conditionOf(await client.inbox.take(isError, 'an error'));
  };
  expect(await takes(`<message ${CLIENT} to='${jid}'><body>hi</body></message>`)).toBe('jid-malformed');
  expect(await takes(iq('set', rosterItem(jid)))).toBe('jid-malformed');
  expect(await takes(`<presence ${CLIENT} type='subscribe' to='${jid}'/>`)).toBe('jid-malformed');
});

test.each([
  ['1024 bytes', 'r'.repeat(1024)],
  ['80,000 bytes', 'é'.repeat(40_000)],
  ['a tabulator', 'a&#9;b'],
])('RFC 6120 7.7.2.1: a resource of %s is not bound', async (_, resource) => {
  const client = await open();
  await authenticate(client, TYBALT, await client.features());
  await client.restart();
  client.write(iq('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`));
  expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe('bad-request');
  expect(await bind(client, 'fine')).toBe(`tybalt@${DOMAIN}/fine`);
});

test('XEP-0203 4, XEP-0359 4: delays and ids that only this server writes are taken out of messages', async () => {
  const victim = await enter({ user: 'victim', password: 'secret', resource: 'home' });
  const client = await enter();
  const forged = [
    `<delay xmlns='urn:xmpp:delay' from='${DOMAIN}' stamp='2000-01-01T00:00:00Z'/>`,
    `<delay xmlns='urn:xmpp:delay' from='victim@${DOMAIN}' stamp='2000-01-01T00:00:00Z'/>`,
    `<delay xmlns='urn:xmpp:dela&#x79;' from='${DOMAIN}' stamp='2000-01-01T00:00:00Z'/>`,
    `<stanza-id xmlns='urn:xmpp:sid:0' by='${DOMAIN}' id='1'/>`,
    `<stanza-id xmlns='urn:xmpp:sid:0' by='victim@${DOMAIN}' id='2'/>`,
    `<x:stanza-id xmlns:x='urn:xmpp:sid:0' by='VICTIM@${DOMAIN.toUpperCase()}' id='3'/>`,
    `<stanza-id xmlns='urn:xmpp:sid:0' by='victim@${DOMAIN}/home' id='4'/>`,
  ].join('');
  client.write(`<message ${CLIENT} type='chat' to='victim@${DOMAIN}/home'>${forged}<body>old news</body></message>`);
  const { raw } = await victim.inbox.take(({ name }) => name === 'message', 'a message');
  expect(raw).toContain('old news');
  expect(raw).not.toContain('delay');
  // The archive's own is there, and no other.
  const ids = [...raw.matchAll(/<(?:\w+:)?stanza-id [^>]*\bid=['"]([^'"]*)/g)].map(([, id]) => id);
  expect(ids).toHaveLength(1);
  expect(['1', '2', '3', '4']).not.toContain(ids[0]);
});

// Too much of something.

test('roster.max_items: contacts have a limit, however they come', async () => {
  const client = await enter();
  await whileOthersChat(async () => {
    for (let i = 0; i < 5; i++) {
      client.write(iq('set', rosterItem(`c${i}@elsewhere.test`), `id='set${i}'`));
      expect((await client.inbox.take((each) => each.attr('id') === `set${i}`, 'an answer')).attr('type')).toBe(
        'result',
      );
    }
    client.write(iq('set', rosterItem('c5@elsewhere.test')));
    expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe('resource-constraint');
    client.write(`<presence ${CLIENT} type='subscribe' to='c6@elsewhere.test'/>`);
    expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe('resource-constraint');
    client.write(`<presence ${CLIENT} type='subscribed' to='c7@elsewhere.test'/>`);
    expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe('resource-constraint');
  });
  expect(await reads('roster.max_items')).toBe(3);
});

test('presence.max_requests: so many strangers may wait for an answer, and more are refused', async () => {
  await whileOthersChat(async () => {
    const strangers = await Promise.all(Array.from({ length: 20 }, () => enter({})));
    const refused = strangers.map(async (stranger) => {
      stranger.write(`<presence ${CLIENT} type='subscribe' to='victim@${DOMAIN}'/>${iq('get', ping, "id='after'")}`);
      await stranger.inbox.take((each) => each.attr('id') === 'after', 'the answer to a ping');
      return stranger.inbox.items.filter(isError).map(conditionOf);
    });
    const conditions = (await Promise.all(refused)).flat();
    expect(conditions).toEqual(Array(10).fill('resource-constraint'));
  });
  expect(await reads('presence.max_requests')).toBe(10);
});

test('limits.sessions_per_user: an account has 20 resources and no more', async () => {
  await whileOthersChat(async () => {
    const bound = Array.from({ length: 20 }, (_, i) => enter({ ...TYBALT, resource: `r${i}` }));
    await Promise.all(bound);
    await expect(enter({ ...TYBALT, resource: 'r20' })).rejects.toThrow('resource-constraint');
  });
  expect(await reads('sessions_per_user')).toBe(1);
});

test('presence.max_directed: presence is directed to so many', async () => {
  const client = await enter();
  const to = (i: number) => `<presence ${CLIENT} to='n${i}@${DOMAIN}'/>`;
  client.write(Array.from({ length: 11 }, (_, i) => to(i)).join(''));
  expect(conditionOf(await client.inbox.take(isError, 'an error'))).toBe('resource-constraint');
  expect(await reads('presence.max_directed')).toBe(1);
});

test('limits.auth_failures_per_account: a flood of guesses is not judged', async () => {
  await whileOthersChat(async () => {
    const guess = async (password: string) => enter({ user: 'locked', password, mechanism: 'PLAIN' }).catch(String);
    const outcomes = await Promise.all(Array.from({ length: 30 }, (_, i) => guess(`wrong${i}`)));
    const judged = outcomes.filter((outcome) => String(outcome).includes('not-authorized'));
    expect(judged.length).toBeLessThanOrEqual(2);
    expect(outcomes.every((outcome) => /not-authorized|temporary-auth-failure/.test(String(outcome)))).toBe(true);
  });
  expect(await reads('auth_failures_per_account')).toBeGreaterThanOrEqual(28);
});

test('RFC 6120 6.4.5: who fails too often on one stream is let go', async () => {
  const client = await open();
  await client.features();
  for (let i = 0; i < 10; i++) client.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>");
  expect(await client.error()).toBe('policy-violation');
});

test('limits.stanzas_per_second: a flood is read slowly, and others hear each other meanwhile', async () => {
  const before = await reads('stanzas_per_second');
  const client = await enter();
  await whileOthersChat(async () => {
    const chat = `<message ${CLIENT} type='chat' to='juliet@${DOMAIN}/balcony'><body>flood</body></message>`;
    client.write(chat.repeat(2000));
    while ((await reads('stanzas_per_second')) === before) await otherTurn();
  });
});

test('10,000 questions of a client that never reads cost others nothing', async () => {
  const client = await enter();
  client.write(iq('set', `<vCard xmlns='vcard-temp'><NOTE>${'n'.repeat(50_000)}</NOTE></vCard>`));
  await client.inbox.take(({ name }) => name === 'iq', 'an answer');
  await whileOthersChat(async () => {
    const hits = async () => (await reads('stanzas_per_second')) + (await reads('queue_hard'));
    const before = await hits();
    client.socket.pause();
    client.write(iq('get', "<vCard xmlns='vcard-temp'/>").repeat(10_000));
    while ((await hits()) === before) await otherTurn();
  });
});

test('half a stanza, and its client is gone', async () => {
  const victim = await enter({ user: 'victim', password: 'secret', resource: 'home' });
  const client = await enter();
  client.write(`<presence ${CLIENT} to='victim@${DOMAIN}/home'/><message ${CLIENT} to='victim@${DOMAIN}/home'><bo`);
  await victim.inbox.take(({ name, raw }) => name === 'presence' && raw.includes('tybalt'), 'presence');
  client.socket.destroy();
  const gone = await victim.inbox.take(({ raw }) => raw.includes('tybalt'), 'the end of it');
  expect(gone.attr('type')).toBe('unavailable');
  expect(victim.inbox.items.filter(({ name }) => name === 'message')).toEqual([]);
});

test('a language of 5000 bytes is not written into every stanza of its client', async () => {
  const victim = await enter({ user: 'victim', password: 'secret', resource: 'home' });
  const client = await open();
  await authenticate(client, TYBALT, await client.features());
  client.open({ 'xml:lang': 'x'.repeat(5000) });
  await client.features();
  await bind(client);
  client.write(`<message ${CLIENT} to='victim@${DOMAIN}/home' type='chat'><body>hi</body></message>`);
  const { raw } = await victim.inbox.take(({ name }) => name === 'message', 'a message');
  expect(raw.length).toBeLessThan(500);
});

const otherTurn = () => new Promise((resolve) => setImmediate(resolve));
