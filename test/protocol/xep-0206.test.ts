import { describe, expect } from 'vitest';
import { isFeatures, XBOSH } from '../support/bosh-client.js';
import { authenticate, bind, login } from '../support/sasl.js';
import { WRONG_PASSWORD } from '../support/stub-server.js';
import { clauses, isHeld, message, subject } from './subject.js';

const { user, ours } = clauses('bosh');

describe('XEP-0206', () => {
  const s = subject({ default_inactivity: 1, max_inactivity: 2 });

  user('5 a client logs in, restarts and binds', async () => {
    expect((await s.user()).jid).toContain(`@`);
  });

  user('5 after a restart the features are those of the new stream', async () => {
    const session = await s.session();
    const before = await session.features();
    await authenticate(session, s.credentials, before);
    const after = await session.restart();
    expect([before.child('bind'), after.child('mechanisms')]).toEqual([undefined, undefined]);
    expect(await bind(session)).toBeTruthy();
  });

  ours('5 a restart opens a new stream on the same connection', async () => {
    const { backend } = await s.pair();
    expect(backend.headers).toHaveLength(2);
    expect(backend.headers[1].attr('to')).toBe('test.example');
  });

  ours('5 the payload of a restart request is ignored', async () => {
    const session = await s.session();
    const backend = s.backend(session.created.body.attr('authid') ?? '');
    await authenticate(session, s.credentials, await session.features());
    const attrs = { to: s.domain, 'xmlns:xmpp': XBOSH, 'xmpp:restart': 'true' };
    await session.receive(isFeatures, session.send(message('a@test.example', 'ignored'), attrs));
    await bind(session);
    expect(backend.received.some((each) => each.name === 'message')).toBe(false);
  });

  ours("5 restart is matched by namespace: any prefix, and '1' for true", async () => {
    const session = await s.session();
    const backend = s.backend(session.created.body.attr('authid') ?? '');
    await authenticate(session, s.credentials, await session.features());
    const attrs = { to: s.domain, 'xmlns:q': XBOSH, 'q:restart': '1' };
    await session.receive(isFeatures, session.send('', attrs));
    expect(backend.headers).toHaveLength(2);
  });

  ours('5 a prefix `xmpp` of another namespace restarts nothing', async () => {
    const session = await s.session({ wait: 1 });
    const backend = s.backend(session.created.body.attr('authid') ?? '');
    await session.send('', { 'xmlns:xmpp': 'urn:example:other', 'xmpp:restart': 'true' });
    expect(backend.headers).toHaveLength(1);
  });

  user('5 a failed login is told and the session lives on', async () => {
    const session = await s.session();
    const features = await session.features();
    const wrong = { ...s.credentials, password: WRONG_PASSWORD };
    await expect(authenticate(session, wrong, features)).rejects.toThrow(/not-authorized/);
    expect((await session.terminate()).verdict).toBe('terminate');
  });

  ours('5 xml:lang and from of a restart reach the new stream header', async () => {
    const session = await s.session();
    const backend = s.backend(session.created.body.attr('authid') ?? '');
    await authenticate(session, s.credentials, await session.features());
    const attrs = {
      to: s.domain,
      from: 'juliet@test.example',
      'xml:lang': 'de',
      'xmlns:x': XBOSH,
      'x:restart': 'true',
    };
    await session.receive(isFeatures, session.send('', attrs));
    expect(['from', 'xml:lang'].map((name) => backend.headers[1].attr(name))).toEqual(['juliet@test.example', 'de']);
  });

  ours('2 stanzas without a namespace of their own reach the server in jabber:client', async () => {
    const { session, backend } = await s.pair();
    void session.send("<message to='a@test.example'><body>bare</body></message>").catch(() => {});
    const arrived = await backend.until((each) => each.name === 'message');
    expect([arrived.ns, arrived.child('body')?.ns]).toEqual(['jabber:client', 'jabber:client']);
  });

  ours('2 stanzas for the client are in jabber:client', async () => {
    const { session, jid, backend } = await s.pair();
    backend.write(`<message to='${jid}'><body>bare</body></message>`);
    const arrived = await session.receive((each) => each.name === 'message');
    expect([arrived.ns, arrived.child('body')?.ns]).toEqual(['jabber:client', 'jabber:client']);
  });

  ours('2 prefixes that the server declared on its stream are declared for the client', async () => {
    const { session, jid, backend } = await s.pair();
    backend.write(`<message to='${jid}'><stream:odd/></message>`);
    const arrived = await session.receive((each) => each.name === 'message');
    expect(arrived.child('odd')?.ns).toBe('http://etherx.jabber.org/streams');
  });

  ours('6 a stream error is remote-stream-error, with the stanzas before it and a copy of it', async () => {
    const { session, jid, backend } = await s.pair();
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    backend.write(message(jid, 'before'));
    await held;
    backend.write(message(jid, 'last words'));
    backend.error('policy-violation', '<text xmlns="urn:ietf:params:xml:ns:xmpp-streams">too much</text>');
    const answer = await session.send();
    const last = answer.verdict ? answer : await session.send();
    expect(last.verdict).toBe('terminate remote-stream-error');
    const error = last.body.child('error', 'http://etherx.jabber.org/streams');
    expect(error?.children.map((each) => each.name)).toEqual(['policy-violation', 'text']);
    expect(error?.child('text')?.text).toBe('too much');
    expect(answer.text + last.text).toContain('last words');
  });

  ours('7 a message for a client that is gone comes back as recipient-unavailable', async () => {
    const { jid, backend } = await s.pair();
    backend.write(`<message to='${jid}' from='a@test.example/x' id='m1' type='chat'><body>x</body></message>`);
    const bounced = await backend.until((each) => each.name === 'message' && each.attr('type') === 'error', 6000);
    expect([bounced.attr('to'), bounced.attr('id')]).toEqual(['a@test.example/x', 'm1']);
    expect(bounced.child('error')?.children[0].name).toBe('recipient-unavailable');
  });

  ours('7 an iq for a client that is gone comes back as service-unavailable', async () => {
    const { jid, backend } = await s.pair();
    const from = 'a@test.example/x';
    backend.write(`<iq to='${jid}' from='${from}' id='i1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`);
    backend.write(`<iq to='${jid}' from='${from}' id='i2' type='result'/><presence to='${jid}' from='${from}'/>`);
    const bounced = await backend.until((each) => each.attr('id') === 'i1', 6000);
    expect(bounced.child('error')?.children[0].name).toBe('service-unavailable');
    await backend.end;
    expect(backend.received.some((each) => each.attr('id') === 'i2' || each.name === 'presence')).toBe(false);
  });

  ours('7 nothing comes back where stream management is active', async () => {
    const { session, jid, backend } = await s.pair();
    await session.exchange("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", (each) => each.name === 'enabled');
    backend.write(message(jid, 'kept by the server'));
    expect(await backend.end).toBe('lost');
    expect(backend.received.some((each) => each.attr('type') === 'error')).toBe(false);
  });
});

describe('XEP-0198 over BOSH', () => {
  const s = subject({ default_inactivity: 1, max_inactivity: 2 });

  ours('S1 enable, r and a pass through as they are', async () => {
    const { session, backend } = await s.pair();
    const sm = "xmlns='urn:xmpp:sm:3'";
    await session.exchange(`<enable ${sm} resume='true'/>`, (each) => each.name === 'enabled');
    const answer = await session.exchange(`<r ${sm}/>`, (each) => each.name === 'a');
    expect([answer.ns, answer.attr('h')]).toEqual(['urn:xmpp:sm:3', '0']);
    backend.write(`<r ${sm}/>`);
    await session.receive((each) => each.name === 'r');
    void session.send(`<a ${sm} h='0'/>`).catch(() => {});
    await backend.until((each) => each.name === 'a');
  });

  ours('S2 a session that timed out can be resumed by another', async () => {
    const { session, jid, backend } = await s.pair();
    const enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    const enabled = await session.exchange(enable, (each) => each.name === 'enabled');
    expect(await backend.end).toBe('lost');
    const fresh = await s.session();
    await authenticate(fresh, s.credentials, await fresh.features());
    await fresh.restart();
    const resume = `<resume xmlns='urn:xmpp:sm:3' previd='${enabled.attr('id')}' h='0'/>`;
    expect((await fresh.exchange(resume, (each) => each.ns === 'urn:xmpp:sm:3')).name).toBe('resumed');
    s.backend(jid).write(message(jid, 'welcome back'));
    expect((await fresh.receive((each) => each.name === 'message')).child('body')?.text).toBe('welcome back');
  });

  ours('S2 type=terminate ends the stream for good', async () => {
    const { session, backend } = await s.pair();
    await session.exchange("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", (each) => each.name === 'enabled');
    await session.terminate();
    expect(await backend.end).toBe('closed');
  });

  ours('S1 an anonymous login works', async () => {
    const session = await s.session();
    expect(await login(session, {})).toContain('@test.example/');
  });
});
