import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { Client, Engine, FakeHeld, message } from '../support/bosh-engine.js';

const serverError = () =>
  new StreamError('conflict', undefined, {
    element: Stanza.from(`<stream:error xmlns:stream='${NS.stream}'><conflict xmlns='${NS.streams}'/></stream:error>`),
  });

describe('the client leaves', () => {
  test('13 its last payloads go first, the oldest request gets terminate, the others are empty', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    const last = client.next({ type: 'terminate' }, `<presence xmlns='${NS.client}' type='unavailable' id='bye'/>`);
    expect(client.server.ids).toEqual(['1', 'bye']);
    expect(client.server.closed).toEqual({ how: 'closed' });
    expect(held.text).toBe(`<body xmlns='${NS.httpbind}' type='terminate'/>`);
    expect(last.text).toBe(`<body xmlns='${NS.httpbind}'/>`);
    expect(client.next().verdict).toBe('terminate item-not-found');
  });

  test('13 alone, it gets the terminate itself', () => {
    const client = new Client();
    const last = client.next({ type: 'terminate' });
    expect([last.verdict, last.response?.status]).toEqual(['terminate', 200]);
    expect(client.at(client.rid, { type: 'terminate' }).verdict).toBe('terminate');
  });

  test('13 a terminate that overtakes waits for its turn', () => {
    const client = new Client();
    const last = client.at(1002, { type: 'terminate' }, message('2'));
    expect(last.waits).toBe(true);
    client.at(1001, {}, message('1'));
    expect(client.server.ids).toEqual(['1', '2']);
    expect(client.server.closed?.how).toBe('closed');
  });

  test('0206 7 what it did not fetch is handed back', () => {
    const client = new Client();
    client.engine.say(message('x'));
    client.next({ type: 'terminate' });
    expect(client.server.closed?.undelivered?.map((stanza) => stanza.id)).toEqual(['x']);
  });
});

describe('the server leaves', () => {
  test('0206 6 its error comes behind its last stanzas', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.server.say(message('x'));
    client.server.client.close({ how: 'closed', error: serverError() });
    client.engine.clock.turn();
    expect(held.verdict).toBe('terminate remote-stream-error');
    expect(held.body.children.map((child) => child.name)).toEqual(['message', 'error']);
    expect(client.server.closes).toBe(0);
  });

  test('17.2 a client without a request learns it by its next one, payloads ignored', () => {
    const client = new Client();
    client.server.client.close({ how: 'lost', error: new StreamError('remote-connection-failed') });
    client.engine.clock.turn();
    expect(client.next({}, message('1')).verdict).toBe('terminate remote-connection-failed');
    expect(client.server.received).toEqual([]);
    expect(client.engine.sessions.size).toBe(0);
    expect(client.next().verdict).toBe('terminate remote-connection-failed');
  });

  test('14.3 the last response, too, can be had again', () => {
    const client = new Client();
    client.server.say(message('x'));
    client.server.client.close({ how: 'closed', error: serverError() });
    const held = client.next({}, message('1'));
    expect(client.at(1001, {}, message('1')).response?.body).toBe(held.response?.body);
  });

  test('what is not a stanza, as a SASL failure, comes in a body of its own before the end', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.server.say(`<failure xmlns='${NS.sasl}'/>`);
    client.server.client.close({ how: 'closed' });
    client.engine.clock.turn();
    expect([held.verdict, held.body.children[0].name]).toEqual(['', 'failure']);
    expect(client.next().verdict).toBe('terminate');
  });

  test('the true condition is remembered for wait and a little, then the sid is unknown', () => {
    const client = new Client({ wait: 10 });
    const held = client.next({}, message('1'));
    client.server.client.close({ how: 'lost' });
    client.engine.clock.turn();
    expect(held.verdict).toBe('terminate remote-connection-failed');
    client.engine.pass(14_000);
    expect(client.next().verdict).toBe('terminate remote-connection-failed');
    client.engine.pass(2_000);
    expect(client.next().verdict).toBe('terminate item-not-found');
  });
});

describe('bad requests', () => {
  const broken = (client: Client, rest: string) =>
    client.engine.send(`<body xmlns='${NS.httpbind}' sid='${client.sid}' rid='${++client.rid}'>${rest}`);

  test.each(['<a>', '<a></b></body>', '<!-- --></body>', '</body>x', '<a>&x;</a></body>', '<a b="1" b="2"/></body>'])(
    '6 a session whose request reads %s ends with bad-request and nothing is forwarded',
    (rest) => {
      const client = new Client();
      expect(broken(client, message('1') + rest).verdict).toBe('terminate bad-request');
      expect(client.server.received).toEqual([]);
      expect(client.server.closed?.how).toBe('closed');
    },
  );

  test('17.1 without ver, as HTTP 400, 403 and 404, and only those', () => {
    const legacy = () => new Client({ ver: undefined });
    expect(broken(legacy(), '<a>').verdict).toBe('HTTP 400');
    const busy = legacy();
    busy.next({}, message('1'));
    expect(busy.next().verdict).toBe('HTTP 403');
    expect(legacy().at(2000).verdict).toBe('HTTP 404');
    const lost = legacy();
    lost.server.client.close({ how: 'lost' });
    expect(lost.next().verdict).toBe('terminate remote-connection-failed');
    const refused = legacy();
    const held = refused.next({}, message('1'));
    refused.server.client.close({ how: 'closed', error: new StreamError('policy-violation') });
    refused.engine.clock.turn();
    expect([held.verdict, refused.next().verdict]).toEqual(['HTTP 403', 'HTTP 403']);
  });

  test('what cannot be read at all is bad-request to the one who sent it', () => {
    const engine = new Engine();
    for (const bytes of ['', '<', 'hello', '<x/>']) expect(engine.send(bytes).verdict).toBe('terminate bad-request');
  });

  test('a body that is too large ends its session with policy-violation', () => {
    const client = new Client();
    const held = new FakeHeld(client.engine.clock);
    const head = `<body xmlns='${NS.httpbind}' sid='${client.sid}' rid='1001'><message><body>xxxx`;
    client.engine.sessions.oversize(Buffer.from(head), held);
    expect(held.verdict).toBe('terminate policy-violation');
    expect(client.engine.sessions.size).toBe(0);
  });

  test('19.1 a broken body in the clear does not end a session that was made over TLS', () => {
    const client = new Client({}, {}, undefined, true);
    expect(broken(client, '<a>').dropped).toBe(true);
    expect(client.engine.sessions.size).toBe(1);
  });

  test('17.2 an upstream that throws ends only its own session, with internal-server-error', () => {
    const engine = new Engine();
    const [a, b] = [new Client({}, {}, engine), new Client({}, {}, engine)];
    a.server.onStanza = () => {
      throw new TypeError('bug');
    };
    expect(a.next({}, message('1')).verdict).toBe('terminate internal-server-error');
    expect(b.next({}, message('2')).waits).toBe(true);
    expect(engine.sessions.size).toBe(1);
  });
});

describe('restart', () => {
  const RESTART = { 'xmpp:restart': 'true', 'xmlns:xmpp': NS.xbosh, to: 'example.com', 'xml:lang': 'en' };

  test('0206 5 the stream is opened anew, the payload is ignored, the new features come with the new id', () => {
    const client = new Client();
    const held = client.next(RESTART, message('ignored'));
    expect(client.server.headers).toHaveLength(2);
    expect(client.server.headers[1]).toMatchObject({ to: 'example.com', lang: 'en' });
    expect(client.server.received).toEqual([]);
    client.server.welcome('s2', `<bind xmlns='${NS.bind}'/>`);
    client.engine.clock.turn();
    expect(held.body.attr('authid')).toBe('s2');
    expect(held.body.child('features', NS.stream)?.child('bind', NS.bind)).toBeDefined();
    expect(client.engine.servers).toHaveLength(1);
  });

  test('0206 5 the attribute is known by its namespace', () => {
    const client = new Client();
    client.next({ 'x:restart': '1', 'xmlns:x': NS.xbosh });
    client.next({ 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:other:xbosh' }, message('1'));
    expect(client.server.headers).toHaveLength(2);
  });

  test('a restart stays with the domain of its stream', () => {
    const client = new Client();
    client.next({ ...RESTART, to: 'evil.example' });
    expect(client.server.headers[1].to).toBe('example.com');
  });
});

describe('key sequences', () => {
  const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');
  const keys = ['seed'];
  while (keys.length < 10) keys.push(sha1(keys[keys.length - 1]));

  test('15 requests with the next key are processed, in rid order, and repeats do not count', () => {
    const client = new Client({ newkey: keys[9] });
    client.at(1002, { key: keys[7] }, message('2'));
    client.at(1001, { key: keys[8] }, message('1'));
    client.at(1001, { key: keys[8] }, message('1'));
    client.rid = 1002;
    client.next({ key: keys[6].toLowerCase() }, message('3'));
    expect(client.server.ids).toEqual(['1', '2', '3']);
  });

  test.each([undefined, keys[7], 'x'])('15.5 the key %s is not: nothing is processed, item-not-found', (key) => {
    const client = new Client({ newkey: keys[9] });
    expect(client.next({ key }, message('1')).verdict).toBe('terminate item-not-found');
    expect(client.server.received).toEqual([]);
    expect(client.engine.sessions.size).toBe(0);
  });

  test('15 a key in a session without a chain is ignored', () => {
    expect(new Client().next({ key: 'x' }, message('1')).waits).toBe(true);
  });
});
