import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/log.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Client, CREATION, Engine } from '../support/bosh-engine.js';

const create = (attributes = {}, options = {}) => {
  const engine = new Engine(options);
  const held = engine.post({ ...CREATION, rid: 77, ...attributes });
  return { engine, held };
};

describe('the creation response', () => {
  test('7.2 says what was agreed', () => {
    const { creation } = new Client({ ack: 1, from: 'romeo@example.com', content: 'text/html' });
    const { body } = creation;
    const expected = {
      wait: '60',
      hold: '1',
      requests: '2',
      window: '2',
      inactivity: '70',
      polling: '2',
      maxpause: '120',
      ver: '1.11',
      accept: 'gzip,deflate',
      charsets: 'UTF-8',
      ack: '1000',
      content: 'text/html',
      from: 'example.com',
      to: 'romeo@example.com',
      authid: 's1',
    };
    for (const [name, value] of Object.entries(expected)) expect([name, body.attr(name)]).toEqual([name, value]);
    expect(body.attr('stream')).toMatch(/^[\w-]{16,}$/);
    expect(creation.response?.contentType).toBe('text/html');
  });

  test('19.3 a sid is the node and 144 random bits, never the same twice', () => {
    const sids = Array.from({ length: 200 }, () => new Client().sid);
    expect(new Set(sids).size).toBe(200);
    for (const sid of sids) expect(sid).toMatch(/^n-[\w-]{24}$/);
  });

  test('0206 4 carries version, restartlogic and features in their namespaces', () => {
    const { body } = new Client().creation;
    expect(body.attrNS(NS.xbosh, 'version')).toBe('1.0');
    expect(body.attrNS(NS.xbosh, 'restartlogic')).toBe('true');
    expect(body.attr('xmlns:stream')).toBe(NS.stream);
    expect(body.child('features', NS.stream)?.child('mechanisms', NS.sasl)).toBeDefined();
  });

  test('0206 4 waits for the features up to features_timeout, then goes without them', () => {
    const { engine, held } = create();
    engine.pass(800);
    expect(held.waits).toBe(true);
    engine.pass(200);
    expect(held.body.attr('sid')).toBeDefined();
    expect(held.body.attrNS(NS.xbosh, 'restartlogic')).toBe('true');
    const poll = engine.post({ sid: held.body.attr('sid'), rid: 78 });
    engine.server.welcome('late');
    engine.clock.turn();
    expect([poll.body.attr('authid'), poll.body.attr('from')]).toEqual(['late', 'example.com']);
    expect(poll.body.attrNS(NS.xbosh, 'version')).toBe('1.0');
    expect(poll.body.child('features', NS.stream)).toBeDefined();
  });

  test('0206 4 does not wait with pidgin_compatible off, nor for a client that polls', () => {
    expect(create({}, { pidgin_compatible: false }).held.waits).toBe(false);
    expect(create({ hold: 0 }).held.waits).toBe(false);
    expect(create({ wait: 0 }).held.waits).toBe(false);
  });

  test('0206 4 a server without a version is opened with its id, and nobody waits for features', () => {
    const { engine, held } = create();
    engine.server.client.open({ from: 'example.com', id: 'old' });
    engine.clock.turn();
    expect(held.body.attr('authid')).toBe('old');
    expect(held.body.attrNS(NS.xbosh, 'version')).toBeUndefined();
  });

  test('7.1 to, ver, wait, hold, xml:lang and version may all be missing but the domain', () => {
    const engine = new Engine();
    const held = engine.post({ rid: 1, to: 'example.com' });
    engine.server.welcome();
    engine.clock.turn();
    expect(held.body.attr('sid')).toBeDefined();
    expect(engine.server.headers[0]).toEqual({ to: 'example.com' });
  });
});

describe('the stream header', () => {
  test('0206 3 gets to, from, version and language from the request, whatever the prefix', () => {
    const engine = new Engine();
    engine.post({
      rid: 1,
      to: 'example.com',
      from: 'romeo@example.com',
      'xml:lang': 'de',
      'x:version': '1.0',
      'xmlns:x': NS.xbosh,
      route: 'xmpp:10.0.0.1:5222',
    });
    expect(engine.server.headers[0]).toMatchObject({
      to: 'example.com',
      from: 'romeo@example.com',
      version: '1.0',
      lang: 'de',
    });
    expect(engine.server.client).toMatchObject({
      transport: 'bosh',
      remoteAddress: '192.0.2.1',
      remotePort: 4711,
      route: 'xmpp:10.0.0.1:5222',
    });
  });

  test('stream_attrs add to it', () => {
    const engine = new Engine();
    engine.post({
      ...CREATION,
      rid: 1,
      stream_attrs: '{&quot;tenant&quot;:&quot;a&quot;,&quot;xml:lang&quot;:&quot;fr&quot;}',
    });
    expect(engine.server.headers[0].extra?.get('tenant')).toBe('a');
    expect(engine.server.headers[0].lang).toBe('fr');
  });

  test('no log and no upstream ever sees the sid', () => {
    const lines: string[] = [];
    const line = (event: string, fields?: object) => void lines.push(JSON.stringify([event, fields]));
    const log: Log = { debug: line, info: line, warn: line, error: line, child: () => log };
    const { server, sid, engine } = new Client({}, {}, new Engine({}, log));
    expect(server.client.name).toMatch(/^bosh-[0-9a-f]{12}$/);
    engine.pass(71_000);
    expect(lines.map((text) => JSON.parse(text)[0])).toEqual(['session_created', 'session_closed']);
    expect([server.client.name, ...lines].join()).not.toContain(sid.slice(2));
  });
});

describe('a request for a session that cannot be', () => {
  test.each([
    ['17.2 nothing about a session', {}, 'terminate item-not-found'],
    ['17.2 only a rid', { rid: 1 }, 'terminate item-not-found'],
    ['17.2 a sid that is not known', { rid: 1, sid: 'x', ver: '1.6' }, 'terminate item-not-found'],
    ['14.1 no rid', { ...CREATION }, 'terminate bad-request'],
    ['14.1 a rid that is none', { ...CREATION, rid: '1e3' }, 'terminate bad-request'],
    ['17.2 no domain', { ...CREATION, to: undefined, rid: 1 }, 'terminate improper-addressing'],
    ['17.2 an empty domain', { ...CREATION, to: '', rid: 1 }, 'terminate improper-addressing'],
    [
      '17.2 a route that is ignored',
      { ...CREATION, to: undefined, route: 'xmpp:a:1', rid: 1 },
      'terminate improper-addressing',
    ],
    ['7.1 a number that is none', { ...CREATION, wait: 'long', rid: 1 }, 'terminate bad-request'],
    ['17.1 a number that is none, without ver', { to: 'a', wait: 'long', rid: 1 }, 'HTTP 400'],
    ['17.1 no rid, without ver', { to: 'a' }, 'HTTP 400'],
    ['17.1 no domain, without ver', { wait: 1, rid: 1 }, 'terminate improper-addressing'],
  ])('%s: %j gets %s', (_, attributes, verdict) => {
    const engine = new Engine();
    expect(engine.post(attributes).verdict).toBe(verdict);
    expect(engine.servers).toEqual([]);
    expect(engine.sessions.size).toBe(0);
  });

  test('17.2 is refused by the upstream with its condition, and is not remembered', () => {
    const { engine, held } = create();
    engine.server.client.close({ how: 'closed', error: new StreamError('host-unknown') });
    engine.clock.turn();
    expect(held.verdict).toBe('terminate host-unknown');
    expect(engine.sessions.size).toBe(0);
    expect(engine.server.closes).toBe(0);
  });

  test('a client that leaves before it knows its sid leaves no session', () => {
    const { engine, held } = create();
    engine.sessions.gone(held);
    expect(engine.sessions.size).toBe(0);
    expect(engine.server.closed?.how).toBe('lost');
  });
});
