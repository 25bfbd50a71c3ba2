// Logging in by the extensible profile: what is offered where, what comes in which order, and what broken messages come to.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bind2 } from '../../src/modules/bind2.js';
import { carbons } from '../../src/modules/carbons.js';
import { csi } from '../../src/modules/csi.js';
import { fast } from '../../src/modules/fast.js';
import { message } from '../../src/modules/message.js';
import { sasl2 } from '../../src/modules/sasl2.js';
import { saslauth } from '../../src/modules/saslauth.js';
import { streamLimits } from '../../src/modules/stream-limits.js';
import { streamManagement } from '../../src/modules/stream-management.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, OPTIONS, testCore } from '../support/core.js';
import { agent, authenticate2, plain2, SASL2, tokenRequest } from '../support/sasl2.js';
import { parseXml, type Xml } from '../support/xml.js';

const ALL = [saslauth, sasl2, bind2, fast, message, carbons, csi, streamManagement, streamLimits];
const BIND = "<bind xmlns='urn:xmpp:bind:0'/>";
const binding = (inside: string) => `<bind xmlns='urn:xmpp:bind:0'>${inside}</bind>`;

async function came(limits: Partial<typeof OPTIONS.limits> = { rates: false }, modules = ALL) {
  const tested = testCore(modules, { limits: { ...OPTIONS.limits, ...limits } });
  const host = tested.core.hosts.get('example.test');
  await host?.accounts.create('user', 'pencil');
  const enter = async (fields: { secure?: boolean; remoteAddress?: string } = {}) => {
    const client = Object.assign(new CoreClient(tested.core), fields);
    await client.when(() => client.stanzas.length === 1);
    const features = parseXml(client.stanzas.shift() ?? '');
    const ask = async (xml: string): Promise<Xml> => {
      client.say(xml);
      await client.when(() => client.stanzas.length > 0);
      return parseXml(client.stanzas.shift() ?? '');
    };
    return { client, features, ask };
  };
  return { ...tested, host, enter };
}

const conditionOf = ({ name, children }: Xml) => (name === 'failure' ? children[0].name : name);
const identifier = (success: Xml) => success.child('authorization-identifier')?.text;

describe('XEP-0388', () => {
  test('2.1 it is offered with what can be asked for besides', async () => {
    const { enter } = await came();
    const offer = (await enter()).features.child('authentication', SASL2);
    expect(offer?.children.filter(({ name }) => name === 'mechanism').map(({ text }) => text)).toEqual([
      'SCRAM-SHA-512',
      'SCRAM-SHA-256',
      'SCRAM-SHA-1',
      'PLAIN',
      'ANONYMOUS',
    ]);
    const inline = offer?.child('inline');
    expect(inline?.children.map(({ name, ns }) => [name, ns])).toEqual([
      ['bind', 'urn:xmpp:bind:0'],
      ['sm', 'urn:xmpp:sm:3'],
      ['fast', 'urn:xmpp:fast:0'],
    ]);
    const features = inline
      ?.child('bind')
      ?.child('inline')
      ?.children.map((each) => each.attr('var'));
    expect(features).toEqual(['urn:xmpp:carbons:2', 'urn:xmpp:csi:0', 'urn:xmpp:sm:3']);
  });

  test('without modules for it nothing besides is offered, and what is asked for all the same is passed over', async () => {
    const { enter } = await came({ rates: false }, [saslauth, sasl2]);
    const { features, ask } = await enter();
    expect(features.child('authentication')?.child('inline')).toBeUndefined();
    const success = await ask(plain2('user', 'pencil', `${agent()}${BIND}<resume xmlns='urn:xmpp:sm:3'/>`));
    expect(success.children.map(({ name }) => name)).toEqual(['authorization-identifier']);
    expect(identifier(success)).toBe('user@example.test');
  });

  test('4 where somebody may read along it is not offered, and not taken', async () => {
    const { enter } = await came();
    const { features, ask } = await enter({ secure: false });
    expect(features.child('authentication')).toBeUndefined();
    expect(features.child('mechanisms')).toBeDefined();
    expect(conditionOf(await ask(authenticate2('SCRAM-SHA-1', 'n,,n=user,r=abc')))).toBe('encryption-required');
  });

  test('within this machine it is offered without TLS', async () => {
    const { enter } = await came();
    const { features } = await enter({ secure: false, remoteAddress: '127.0.0.1' });
    expect(features.child('authentication')).toBeDefined();
  });

  test('2.6.1 success is followed by features, and no header comes again', async () => {
    const { enter } = await came();
    const { client, ask } = await enter();
    expect(identifier(await ask(plain2('user', 'pencil')))).toBe('user@example.test');
    await client.when(() => client.stanzas.length > 0);
    const features = parseXml(client.stanzas[0]);
    expect([features.name, features.child('bind')?.ns]).toEqual(['features', 'urn:ietf:params:xml:ns:xmpp-bind']);
    expect(features.child('authentication')).toBeUndefined();
    expect(client.headers).toHaveLength(1);
  });

  test('who fails in one profile has failed in the other too', async () => {
    const { enter } = await came({ auth_failures_per_account: 1 });
    const [one, other] = [await enter(), await enter({ remoteAddress: '203.0.113.9' })];
    expect(conditionOf(await one.ask(plain2('user', 'wrong')))).toBe('not-authorized');
    expect(conditionOf(await other.ask(plain2('user', 'pencil')))).toBe('temporary-auth-failure');
    const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${btoa('\0user\0pencil')}</auth>`;
    expect(conditionOf(await other.ask(auth))).toBe('temporary-auth-failure');
  });

  test('six failures end the stream', async () => {
    const { enter } = await came();
    const { client, ask } = await enter();
    for (let n = 0; n < 6; n++) expect(conditionOf(await ask(plain2('user', 'wrong')))).toBe('not-authorized');
    expect((await client.closed()).error?.condition).toBe('policy-violation');
  });

  test('who has an account and who has none hear the same', async () => {
    const { enter } = await came();
    const heard = async (user: string) => {
      const { ask } = await enter();
      const plain = await ask(plain2(user, 'wrong', `${agent()}${BIND}${tokenRequest()}`));
      const scram = await ask(authenticate2('SCRAM-SHA-256', `n,,n=${user},r=abc`));
      const final = `<response xmlns='${SASL2}'>${btoa(`c=biws,r=x,p=${btoa('p'.repeat(32))}`)}</response>`;
      const said = Buffer.from(scram.text, 'base64')
        .toString()
        .replace(/=[^,]{24,}/g, '');
      return [plain.raw, said, (await ask(final)).raw];
    };
    expect(await heard('nobody')).toEqual(await heard('user'));
  });

  test('what is no element of it ends the stream', async () => {
    const { enter } = await came();
    const { client } = await enter();
    client.say(`<success xmlns='${SASL2}'/>`);
    expect((await client.closed()).error?.condition).toBe('unsupported-stanza-type');
  });

  test('whatever is said, it is answered by one element, or ends the stream, and lets nobody in', async () => {
    const { enter, told } = await came();
    const word = fc.constantFrom(
      '',
      '=',
      'AA==',
      'AHVzZXIAcGVuY2k=',
      'biwsbj11c2VyLHI9YWJj',
      'dXNlcgA=',
      ' AA== ',
      '\u00e9',
    );
    const mechanism = fc.constantFrom('PLAIN', 'SCRAM-SHA-1', 'EXTERNAL', 'HT-SHA-256-NONE', 'plain', '', 'X');
    const part = fc.constantFrom(
      BIND,
      agent(),
      agent(''),
      "<fast xmlns='urn:xmpp:fast:0'/>",
      "<fast xmlns='urn:xmpp:fast:0' count='-1' invalidate='maybe'/>",
      "<resume xmlns='urn:xmpp:sm:3' h='x'/>",
      '<initial-response/>',
      '<user-agent/>',
      tokenRequest('NONE'),
      'text',
      "<x xmlns='urn:x'/>",
    );
    const begin = fc.tuple(mechanism, fc.option(word), fc.array(part, { maxLength: 4 })).map(([name, data, parts]) => {
      const initial = data === null ? '' : `<initial-response>${data}</initial-response>`;
      return `<authenticate xmlns='${SASL2}' mechanism='${name}'>${parts.join('')}${initial}</authenticate>`;
    });
    const message = fc.oneof(
      { weight: 3, arbitrary: begin },
      word.map((data) => `<response xmlns='${SASL2}'>${data}</response>`),
      fc.constantFrom(`<abort xmlns='${SASL2}'/>`, `<authenticate xmlns='${SASL2}'/>`),
    );
    const property = fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), async (messages) => {
      const { client } = await enter();
      for (const xml of messages) {
        const before = client.stanzas.length;
        client.say(xml);
        await client.when(() => client.stanzas.length > before || client.ending !== undefined);
        const said = client.stanzas.slice(before).map((each) => parseXml(each).name);
        if (client.ending === undefined) expect(['challenge', 'failure']).toContain(said.join());
      }
      client.end.close({ how: 'closed' });
    });
    await fc.assert(property, { numRuns: 60 });
    expect(told.filter((each) => !each.startsWith('loaded'))).toEqual([]);
  });
});

describe('XEP-0386', () => {
  test.each([
    ['AwesomeXMPP', /^user@example\.test\/AwesomeXMPP\/[\w-]{12}$/],
    ['', /^user@example\.test\/[\w-]{12}$/],
    ['\u200b', /^user@example\.test\/[\w-]{12}$/],
    ['x'.repeat(300), /^user@example\.test\/[\w-]{12}$/],
  ])('3.2.1 the tag %j is part of the resource where it can be', async (tag, expected) => {
    const { enter } = await came();
    const { ask } = await enter();
    expect(identifier(await ask(plain2('user', 'pencil', binding(`<tag>${tag}</tag>`))))).toMatch(expected);
  });

  test('nobody hears of a session, and it hears of nothing, before its client is told', async () => {
    const { enter, host } = await came();
    const { client, ask } = await enter();
    let before = -1;
    host?.hooks.of('test').on('session-created', ({ session }) => {
      before = client.stanzas.length;
      session.send(Stanza.from(`<message xmlns='jabber:client' to='${session.address}'/>`));
    });
    const success = await ask(plain2('user', 'pencil', `${binding("<enable xmlns='urn:xmpp:sm:3'/>")}`));
    expect(success.child('bound')?.child('enabled')).toBeDefined();
    expect(before).toBe(2);
    expect(client.stanzas.map((each) => parseXml(each).name)).toEqual(['features', 'message']);
    // What comes before the counting began is not counted.
    client.say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    expect(client.ending).toBeUndefined();
  });

  test('3.2 inactive from the beginning: presence waits, and a message brings it', async () => {
    const { enter, host } = await came();
    const { client, ask } = await enter();
    await ask(plain2('user', 'pencil', binding("<inactive xmlns='urn:xmpp:csi:0'/>")));
    const [session] = host?.sessions.of('user') ?? [];
    session.send(Stanza.from("<presence xmlns='jabber:client' from='a@b/c'/>"));
    expect(client.stanzas.filter((each) => each.startsWith('<presence'))).toEqual([]);
    session.send(Stanza.from("<message xmlns='jabber:client' from='a@b/c'><body/></message>"));
    expect(client.stanzas.slice(-2).map((each) => parseXml(each).name)).toEqual(['presence', 'message']);
  });

  test('who cannot be bound is logged in, and hears what to do next', async () => {
    const { enter } = await came({ sessions_per_user: 1 });
    const [one, two] = [await enter(), await enter()];
    await one.ask(plain2('user', 'pencil', BIND));
    const success = await two.ask(plain2('user', 'pencil', BIND));
    expect(success.child('bound')).toBeUndefined();
    expect(identifier(success)).toBe('user@example.test');
    expect(two.client.stanzas[0]).toContain('urn:ietf:params:xml:ns:xmpp-bind');
  });

  test('XEP-0198 4: who acknowledges more than he was sent does not resume', async () => {
    const { enter } = await came();
    const one = await enter();
    const success = await one.ask(plain2('user', 'pencil', binding("<enable xmlns='urn:xmpp:sm:3' resume='1'/>")));
    const token = success.child('bound')?.child('enabled')?.attr('id');
    one.client.end.close({ how: 'lost' });
    const two = await enter();
    two.client.say(plain2('user', 'pencil', `<resume xmlns='urn:xmpp:sm:3' previd='${token}' h='7'/>`));
    expect((await two.client.closed()).error?.condition).toBe('undefined-condition');
  });
});
