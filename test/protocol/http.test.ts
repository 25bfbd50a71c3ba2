import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { body, creation, HTTPBIND, post, rawHttp } from '../support/bosh-client.js';
import { clauses, isHeld, message, subject } from './subject.js';

const { any, user, ours } = clauses('bosh');

describe('XEP-0124', () => {
  const s = subject({ max_data_held: 20_000 });

  function http(version: string, headers: string, text: string): string {
    const path = new URL(s.bosh).pathname;
    return `POST ${path} HTTP/${version}\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  }

  any('2 HTTP/1.0 without Host or keep-alive is answered in full and the connection closed', async () => {
    const said = await rawHttp(s.bosh, http('1.0', '', body(creation(s.domain))));
    expect(said).toMatch(/^HTTP\/1\.[01] 200 /);
    expect(said).toMatch(/sid=/);
    expect(said).not.toMatch(/transfer-encoding/i);
  });

  any('5 an answer has a Content-Length and is not chunked', async () => {
    const { headers, bytes } = await s.create();
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(Number(headers['content-length'])).toBe(bytes.length);
  });

  any('5 the Content-Type of a request does not matter', async () => {
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'text/xml; charset=utf-8', 'nonsense', ''];
    const answers = await Promise.all(
      types.map((type) => s.create({}, type ? { headers: { 'Content-Type': type } } : {})),
    );
    for (const answer of answers) expect(answer.body.attr('sid')).toBeTruthy();
  });

  any('5 unknown HTTP headers are ignored', async () => {
    const answer = await s.create({}, { headers: { 'X-Unknown': 'yes', Cookie: 'a=b', Expect2: 'x' } });
    expect(answer.body.attr('sid')).toBeTruthy();
  });

  any('5 there is one body element per answer', async () => {
    const answer = await s.create();
    expect([answer.body.name, answer.body.ns]).toEqual(['body', HTTPBIND]);
  });

  any('5 a client that does not ask for compression gets none', async () => {
    expect((await s.create()).headers['content-encoding']).toBeUndefined();
  });

  ours('5 a large answer is compressed with a coding of Accept-Encoding', async () => {
    const { session, jid, backend } = await s.pair();
    for (const [coding, undo] of [
      ['gzip', gunzipSync],
      ['deflate', inflateSync],
    ] as const) {
      const held = session.send('', {}, { headers: { 'Accept-Encoding': coding } });
      backend.write(message(jid, 'wherefore '.repeat(500)));
      const answer = await held;
      expect(answer.headers['content-encoding']).toBe(coding);
      expect(undo(answer.bytes).toString()).toContain('wherefore');
    }
  });

  for (const [coding, pack] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)
    any(`7.2 a request in ${coding} is read where \`accept\` lists it`, async ({ skip }) => {
      const session = await s.session();
      const accept = session.created.body.attr('accept')?.split(/, ?/) ?? [];
      if (!accept.includes(coding)) return skip(`${coding} is not in \`accept\``);
      const packed = pack(session.text(++session.rid, '', { type: 'terminate' }));
      const answer = await post(s.bosh, packed, { headers: { 'Content-Encoding': coding } });
      expect(answer.verdict).toBe('terminate');
    });

  ours('5 a request that is not what its Content-Encoding says is refused and forwards nothing', async () => {
    const answer = await s.create({}, { headers: { 'Content-Encoding': 'gzip' } });
    expect(answer.text).not.toContain('sid=');
    expect((await s.create()).body.attr('sid')).toBeTruthy();
  });

  user('18.1 a pipelined request does not wait for a held one', async () => {
    const { session } = await s.user();
    const first = http('1.1', 'Host: x\r\n', session.text(++session.rid));
    const second = http('1.1', 'Host: x\r\n', session.text(++session.rid, message(s.domain, 'pipelined')));
    const third = http(
      '1.1',
      'Host: x\r\nConnection: close\r\n',
      session.text(++session.rid, '', { type: 'terminate' }),
    );
    const said = await rawHttp(s.bosh, first + second + third);
    expect(said.match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
  });

  any('5 many requests go over one connection', async () => {
    const session = await s.session();
    const text = http('1.1', 'Host: x\r\n', session.text(++session.rid, '', { pause: 1 }));
    const last = http(
      '1.1',
      'Host: x\r\nConnection: close\r\n',
      session.text(++session.rid, '', { type: 'terminate' }),
    );
    expect((await rawHttp(s.bosh, text + last)).match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
  });

  ours('6 a body above max_data_held ends its session with policy-violation', async () => {
    const { session, backend } = await s.pair();
    const answer = await session.send(message(s.domain, 'x'.repeat(30_000)));
    expect(answer.verdict).toBe('terminate policy-violation');
    await backend.end;
    expect(backend.text).not.toContain('xxx');
  });

  ours('19.1 a session that was created over TLS drops a plain connection and lives on', async () => {
    const tls = { headers: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.1' } };
    const session = await s.session({}, tls);
    await expect(session.at(session.rid + 1)).rejects.toThrow();
    expect((await session.send('', { type: 'terminate' }, tls)).verdict).toBe('terminate');
  });

  any('19.3 sids are long and do not repeat', async () => {
    const sids = await Promise.all(Array.from({ length: 10 }, async () => (await s.create()).body.attr('sid') ?? ''));
    expect(new Set(sids).size).toBe(10);
    for (const sid of sids) expect(sid.length).toBeGreaterThanOrEqual(16);
  });
});

describe('node-xmpp-bosh URLs', () => {
  const s = subject();
  const query = (text: string, more = ''): string => `?data=${encodeURIComponent(text)}${more}`;

  ours('GET carries the body as data', async () => {
    const answer = await post(s.bosh, '', { method: 'GET', query: query(body(creation(s.domain))) });
    expect(answer.body.attr('sid')).toBeTruthy();
  });

  ours('GET with a callback is answered with a script that calls it', async () => {
    const answer = await post(s.bosh, '', { method: 'GET', query: query(body({}), '&callback=cb') });
    expect(answer.headers['content-type']).toMatch(/javascript|json/);
    const said: { reply: string }[] = [];
    new Function('cb', answer.text)((reply: { reply: string }) => said.push(reply));
    expect(said[0].reply).toMatch(/^<body [^>]*type=.terminate/);
  });

  ours('GET with a callback that is no name is refused and never echoed', async () => {
    const query_ = query(body({}), `&callback=${encodeURIComponent('alert(1);//')}`);
    const answer = await post(s.bosh, '', { method: 'GET', query: query_ });
    expect(answer.text).not.toContain('alert(1)');
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  ours('GET without data shows a page to people', async () => {
    const answer = await post(s.bosh, '', { method: 'GET', headers: { Accept: 'text/html' } });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, expect.stringContaining('text/html')]);
  });

  ours('the path is served with and without its last slash and with a query', async () => {
    const text = body(creation(s.domain));
    const urls = [s.bosh, s.bosh.replace(/\/$/, ''), `${s.bosh}?room=x`];
    for (const url of urls) expect((await post(url, text)).body.attr('sid')).toBeTruthy();
  });

  ours('other paths are not found', async () => {
    expect((await post(`${s.origin}/http-bind-not/`, body(creation(s.domain)))).status).toBe(404);
  });

  ours('CORS: preflights and answers, errors included, carry Access-Control-Allow-Origin', async () => {
    const headers = { Origin: 'https://chat.example', 'Access-Control-Request-Method': 'POST' };
    const preflight = await post(s.bosh, '', { method: 'OPTIONS', headers });
    expect(preflight.status).toBeLessThan(300);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    expect(preflight.headers['access-control-allow-methods']).toMatch(/POST/);
    expect(preflight.headers['access-control-allow-headers']).toMatch(/Content-Type/i);
    for (const text of [body(creation(s.domain)), 'no xml', body({ rid: 1, sid: 'none' })])
      expect((await post(s.bosh, text, { headers })).headers['access-control-allow-origin']).toBe('*');
  });

  ours('a held request of a client that went away harms nobody', async () => {
    const session = await s.session();
    const abort = new AbortController();
    const held = session.send('', {}, { signal: abort.signal });
    expect(await isHeld(held)).toBe(true);
    abort.abort();
    await expect(held).rejects.toThrow();
    expect((await session.terminate()).status).toBe(200);
  });
});
