import { describe, expect } from 'vitest';
import { body, creation, HTTPBIND, post } from '../support/bosh-client.js';
import { clauses, message, subject } from './subject.js';

const { any, user, ours } = clauses('bosh');

/** What must not be in a body, by what it is. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['text that is not well-formed', '<message xmlns="jabber:client">'],
  ['end tags that do not match', '<message xmlns="jabber:client"><body>x</message></body>'],
  ['a partial element', '<message xmlns="jabber:client" to="'],
  ['a comment', '<!-- hello -->'],
  ['a comment within a stanza', '<message xmlns="jabber:client"><!-- hello --></message>'],
  ['a processing instruction', '<?php echo 1 ?>'],
  ['an entity reference', '<message xmlns="jabber:client"><body>&nbsp;</body></message>'],
  ['character data', 'hello'],
  ['an undeclared prefix', '<x:message/>'],
  ['a doubled attribute', '<message xmlns="jabber:client" to="a" to="b"/>'],
  ['an attribute without quotes', '<message xmlns="jabber:client" to=a/>'],
  ['a `<` in an attribute', '<message xmlns="jabber:client" to="<"/>'],
  ['a character XML does not know', '<message xmlns="jabber:client"><body>\u0001</body></message>'],
  ['a reference to a character XML does not know', '<message xmlns="jabber:client"><body>&#0;</body></message>'],
  ['a CDATA end in text', '<message xmlns="jabber:client"><body>]]></body></message>'],
];

/** What belongs to the stream between the connection manager and the server, or to other peers of a server. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['a stream error', "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>"],
  ['an element of stream features', "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"],
  ['TLS', "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
  ['compression', "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"],
  ['WebSocket framing', "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='test.example'/>"],
  ['a stanza of servers', "<message xmlns='jabber:server' to='a@test.example' from='b@test.example'/>"],
  ['a handshake of components', "<handshake xmlns='jabber:component:accept'>x</handshake>"],
];

describe('XEP-0124', () => {
  const s = subject();

  for (const [what, payload] of FORBIDDEN)
    any(`6 a body with ${what} is a bad-request`, async () => {
      const session = await s.session();
      expect((await session.send(payload)).verdict).toBe('terminate bad-request');
    });

  any('6 a document type declaration is a bad-request and is never expanded', async () => {
    const session = await s.session();
    const dtd = '<!DOCTYPE body [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>';
    const answer = await post(s.bosh, dtd + session.text(++session.rid, '<message><body>&b;</body></message>'));
    expect(answer.verdict).toBe('terminate bad-request');
  });

  any('6 bytes that are not UTF-8 are a bad-request', async () => {
    const session = await s.session();
    const [head, tail] = session.text(++session.rid, message('a@b', 'HERE')).split('HERE');
    const answers = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]].map(async (bytes) => {
      const fresh = await s.session();
      const text = [head.replace(session.sid, fresh.sid).replace(String(session.rid), String(fresh.rid + 1)), tail];
      return post(s.bosh, Buffer.concat([Buffer.from(text[0]), Buffer.from(bytes), Buffer.from(text[1])]));
    });
    for (const answer of await Promise.all(answers)) expect(answer.verdict).toBe('terminate bad-request');
  });

  any('6 tags smuggled past the body end are a bad-request', async () => {
    const session = await s.session();
    const smuggled = `</body><body xmlns='${HTTPBIND}' rid='1' sid='x'>`;
    expect((await session.send(smuggled)).verdict).toBe('terminate bad-request');
  });

  any('6 a stream end smuggled into a body is a bad-request', async () => {
    const session = await s.session();
    expect((await session.send('</stream:stream>')).verdict).toBe('terminate bad-request');
  });

  ours('6 of a refused body nothing is forwarded, not even what was complete', async () => {
    const { session, backend } = await s.pair();
    const before = backend.received.length;
    const answer = await session.send(`${message('a@test.example', 'one')}<message`);
    expect(answer.verdict).toBe('terminate bad-request');
    await backend.end;
    expect(backend.received.length).toBe(before);
  });

  any('6 a root element of another name is a bad-request', async () => {
    const answer = await post(s.bosh, body(creation(s.domain)).replace('<body', '<head'));
    expect(answer.text).not.toContain('sid=');
    expect(answer.verdict).toMatch(/bad-request|HTTP 400/);
  });

  any('6 a root element in another namespace is a bad-request', async () => {
    const answer = await post(s.bosh, body(creation(s.domain)).replace(HTTPBIND, 'urn:example:other'));
    expect(answer.text).not.toContain('sid=');
    expect(answer.verdict).toMatch(/bad-request|HTTP 400/);
  });

  any('6 the body may be prefixed, declared and spaced as XML allows', async () => {
    const attrs = creation(s.domain);
    const text = body({ ...attrs, xmlns: undefined, 'xmlns:b': HTTPBIND }).replaceAll(/(<\/?)body/g, '$1b:body');
    const answer = await post(s.bosh, `<?xml version='1.0' encoding='utf-8'?>\n${text}\n`);
    expect(answer.body.attr('sid')).toBeTruthy();
  });

  any('6 whitespace between payloads is tolerated', async () => {
    const session = await s.session();
    expect((await session.send('\n  \t', { type: 'terminate' })).verdict).toBe('terminate');
  });

  any('6 unknown attributes are ignored', async () => {
    const answer = await s.create({ unheard: 'of', 'xmlns:x': 'urn:example:x', 'x:y': 'z' });
    expect(answer.body.attr('sid')).toBeTruthy();
  });

  any('6 the five predefined entities and character references are fine', async () => {
    const session = await s.session();
    const answer = await session.send('', { type: 'terminate', unheard: `&lt;'"` });
    expect(answer.verdict).toBe('terminate');
  });

  ours('6 payloads of any namespace are carried as they are', async () => {
    const { session, backend } = await s.pair();
    const payload = "<a xmlns='urn:example:a' xmlns:q='urn:example:q' q:b='1'><q:c>&lt;é😀&amp;</q:c></a>";
    void session.send(payload).catch(() => {});
    const arrived = await backend.until((each) => each.name === 'a');
    expect([arrived.ns, arrived.attrNS('urn:example:q', 'b'), arrived.child('c', 'urn:example:q')?.text]).toEqual([
      'urn:example:a',
      '1',
      '<é😀&',
    ]);
  });

  ours('0206 2 what a client says to its server is carried, whatever its namespace', async () => {
    const { session, backend } = await s.pair();
    const payloads = [
      "<presence xmlns='jabber:client'/>",
      "<active xmlns='urn:xmpp:csi:0'/>",
      "<a xmlns='urn:xmpp:sm:3' h='0'/>",
      "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
      "<abort xmlns='urn:xmpp:sasl:2'/>",
      `<json xmlns='urn:xmpp:json:0'>{"a":1}</json>`,
      "<last xmlns='urn:example:last'/>",
    ];
    void session.send(payloads.join('')).catch(() => {});
    await backend.until((each) => each.name === 'last');
    const arrived = backend.received.slice(-payloads.length).map(({ ns }) => ns);
    expect(arrived).toEqual(payloads.map((payload) => /xmlns='([^']+)/.exec(payload)?.[1]));
  });

  for (const [what, payload] of OTHERS)
    ours(`0206 2 ${what} is not for a client to say: a bad-request, and nothing is forwarded`, async () => {
      const { session, backend } = await s.pair();
      const before = backend.received.length;
      expect((await session.send(message('a@test.example', 'x') + payload)).verdict).toBe('terminate bad-request');
      await backend.end;
      expect(backend.received.length).toBe(before);
    });

  ours('6 a payload may use a prefix that the body declares', async () => {
    const { session, backend } = await s.pair();
    void session
      .send("<message xmlns='jabber:client'><q:c/></message>", { 'xmlns:q': 'urn:example:q' })
      .catch(() => {});
    const arrived = await backend.until((each) => each.name === 'message');
    expect(arrived.child('c')?.ns).toBe('urn:example:q');
  });

  user('6 several payloads of one body keep their order', async () => {
    const { session, jid } = await s.user();
    const texts = Array.from({ length: 10 }, (_, at) => `message ${at}`);
    const got = [];
    const first = session.send(texts.map((text) => message(jid, text)).join(''));
    for (let at = 0; at < texts.length; at++)
      got.push(await session.receive((each) => each.name === 'message', at === 0 ? first : undefined));
    expect(got.map((each) => each.child('body')?.text)).toEqual(texts);
  });
});
