import { describe, expect } from 'vitest';
import { BoshSession, body, creation, post, XBOSH } from '../support/bosh-client.js';
import { clauses, subject, within } from './subject.js';

const { any, ours } = clauses('bosh');

describe('XEP-0124', () => {
  const s = subject({
    default_wait: 10,
    max_wait: 20,
    max_pause: 30,
    default_inactivity: 10,
    max_inactivity: 25,
    polling: 2,
  });

  any('7.2 the response has sid, wait and requests', async () => {
    const { body } = await s.create({ wait: 5, hold: 1 });
    expect(body.attr('sid')).toBeTruthy();
    expect(Number(body.attr('wait'))).toBeLessThanOrEqual(5);
    expect(Number(body.attr('requests'))).toBeGreaterThan(1);
  });

  any('7.2 the response has ver, polling, inactivity, hold and from', async () => {
    const { body } = await s.create();
    for (const name of ['ver', 'polling', 'inactivity', 'hold', 'from']) expect(body.attr(name), name).toBeTruthy();
    expect(body.attr('from')).toBe(s.domain);
    for (const name of ['polling', 'inactivity']) expect(body.attr(name)).toMatch(/^\d+$/);
  });

  any('7.2 these are not repeated in later responses', async () => {
    const session = await s.session({ wait: 1 });
    await session.features();
    const { body } = await session.send();
    for (const name of [
      'sid',
      'wait',
      'requests',
      'ver',
      'polling',
      'inactivity',
      'hold',
      'accept',
      'charsets',
      'maxpause',
    ])
      expect(body.attr(name), name).toBeUndefined();
  });

  any('7.2 wait is never longer than asked for', async () => {
    for (const wait of [1, 2, 60, 65_535]) {
      const told = Number((await s.create({ wait })).body.attr('wait'));
      expect(told).toBeLessThanOrEqual(wait);
      expect(told).toBeGreaterThan(0);
    }
  });

  ours('7.2 wait is clamped to max_wait', async () => {
    expect((await s.create({ wait: 3600 })).body.attr('wait')).toBe('20');
  });

  any('7.2 hold is never more than asked for, and requests is more than was asked for', async () => {
    for (const hold of [0, 1, 2, 4, 5, 100, 254]) {
      const { body } = await s.create({ hold });
      expect(Number(body.attr('hold'))).toBeLessThanOrEqual(hold);
      expect(Number(body.attr('requests')), `${hold}`).toBeGreaterThan(hold);
      expect(Number(body.attr('requests'))).toBeLessThanOrEqual(255);
    }
  });

  any(
    '22 hold=255 leaves no number for requests: it is the largest of its type, and more than the hold that is granted',
    async () => {
      const { body } = await s.create({ hold: 255 });
      expect(Number(body.attr('requests'))).toBe(255);
      expect(Number(body.attr('hold'))).toBeLessThan(255);
    },
  );

  for (const name of ['wait', 'hold', 'ver', 'xml:lang', 'content', 'xmpp:version'])
    any(`7.1 a request without \`${name}\` creates a session`, async () => {
      expect((await s.create({ [name]: undefined })).body.attr('sid')).toBeTruthy();
    });

  for (const [name, value] of [
    ['wait', 'soon'],
    ['hold', '-1'],
    ['wait', '99999999999999999999'],
    ['hold', '300'],
  ])
    any(`7.1 ${name}='${value}' does no harm`, async () => {
      const answer = await s.create({ [name]: value });
      expect(answer.status).toBe(200);
      if (!answer.body.attr('sid')) expect(answer.verdict).toBe('terminate bad-request');
    });

  for (const [asked, told] of [
    ['1.6', '1.6'],
    ['1.5', '1.5'],
    ['1.2', '1.2'],
    ['1.10', '1.10'],
    ['1.99', '1.11'],
    ['2.0', '1.11'],
  ])
    ours(`7.2 ver: a client of ${asked} is told ${told}`, async () => {
      expect((await s.create({ ver: asked })).body.attr('ver')).toBe(told);
    });

  any('7.1 ver: 1.10 is higher than 1.6', async () => {
    const told = (await s.create({ ver: '1.10' })).body.attr('ver') ?? '';
    const [major, minor] = told.split('.').map(Number);
    expect(major).toBe(1);
    expect(minor).toBeGreaterThanOrEqual(6);
    expect(minor).toBeLessThanOrEqual(10);
  });

  any('7.1 without `content` the Content-Type is text/xml; charset=utf-8', async () => {
    const session = await s.session({ content: undefined, wait: 1 });
    expect(session.created.headers['content-type']).toBe('text/xml; charset=utf-8');
    expect((await session.terminate()).headers['content-type']).toBe('text/xml; charset=utf-8');
  });

  any('7.1 `content` is the Content-Type of all responses of the session', async () => {
    const session = await s.session({ content: 'text/html; charset=utf-8' });
    expect(session.created.headers['content-type']).toBe('text/html; charset=utf-8');
    expect((await session.terminate()).headers['content-type']).toBe('text/html; charset=utf-8');
  });

  any('7.1 `content` cannot smuggle a header', async () => {
    const text = body(creation(s.domain, { content: 'HERE' })).replace('HERE', 'text/xml&#13;&#10;X-Smuggled: yes');
    const answer = await post(s.bosh, text);
    expect(answer.headers['x-smuggled']).toBeUndefined();
    expect(answer.status).toBeLessThan(500);
  });

  any('7.2 maxpause says that pausing is supported', async () => {
    expect(Number((await s.create()).body.attr('maxpause'))).toBeGreaterThan(0);
  });

  any('7.2 `accept` lists encodings', async () => {
    const accept = (await s.create()).body.attr('accept');
    if (accept !== undefined) expect(accept).toMatch(/^\w+(, ?\w+)*$/);
  });

  any('7.2 `charsets`, where it is sent, lists UTF-8', async () => {
    const charsets = (await s.create()).body.attr('charsets');
    if (charsets !== undefined) expect(charsets.toUpperCase().split(' ')).toContain('UTF-8');
  });

  any('7.1 `secure` of old clients is tolerated', async () => {
    expect((await s.create({ secure: 'true' })).body.attr('sid')).toBeTruthy();
  });

  ours('7.1 `secure` is never claimed', async () => {
    expect((await s.create({ secure: 'true' })).text).not.toContain('secure=');
  });

  any('7.1 a request with an unknown sid creates nothing', async () => {
    const answer = await s.create({ sid: 'nobody' });
    expect(answer.verdict).toBe('terminate item-not-found');
  });

  any('7.1 a second request without sid is another session', async () => {
    const [first, second] = [await s.create(), await s.create()];
    expect(first.body.attr('sid')).not.toBe(second.body.attr('sid'));
  });

  ours('7.1 `route` is ignored unless route_filter allows it', async () => {
    const answer = await s.create({ route: 'xmpp:127.0.0.1:1' });
    expect(answer.body.child('features')).toBeTruthy();
  });

  any('7.1 an unknown `to` is host-unknown', async () => {
    const session = await s.create({ to: 'nobody.invalid', wait: 2 });
    if (session.verdict) return expect(session.verdict).toBe('terminate host-unknown');
    const next = body({ rid: 2, sid: session.body.attr('sid') });
    return expect((await post(s.bosh, next)).verdict).toBe('terminate host-unknown');
  });

  any('17.2 a request without `to` is improper-addressing', async () => {
    expect((await s.create({ to: undefined })).verdict).toBe('terminate improper-addressing');
  });

  for (const to of ['', '@', 'a b', '<', 'x'.repeat(2000)])
    any(`17.2 to='${to.slice(0, 9)}' is no domain`, async () => {
      expect((await s.create({ to })).verdict).toMatch(/^terminate (improper-addressing|host-unknown|bad-request)$/);
    });

  ours('node-xmpp-bosh: `inactivity` asked for is clamped between the default and max_inactivity', async () => {
    const told = async (inactivity: number): Promise<string | undefined> =>
      (await s.create({ inactivity })).body.attr('inactivity');
    expect([await told(1), await told(20), await told(9999)]).toEqual(['10', '20', '25']);
  });

  ours('node-xmpp-bosh: `from` is echoed as `to`', async () => {
    expect((await s.create({ from: 'romeo@test.example' })).body.attr('to')).toBe('romeo@test.example');
  });
});

describe('XEP-0206', () => {
  const s = subject({ features_timeout: 0.5 });

  any('4 the response advertises restarts by namespace', async () => {
    const { body } = await s.create();
    expect(body.attrNS(XBOSH, 'restartlogic')).toMatch(/^(true|1)$/);
    expect(body.attrNS(XBOSH, 'version')).toBe('1.0');
  });

  any('4 features come as soon as they are there, in the stream namespace', async () => {
    const features = await (await s.session()).features();
    expect(features.child('mechanisms')).toBeTruthy();
  });

  ours('4 features come with the creation response when the server is quick', async () => {
    expect((await s.create()).body.child('features')?.ns).toBe('http://etherx.jabber.org/streams');
  });

  ours('4 features that are late come with a later response', async () => {
    const session = await BoshSession.create(s.bosh, 'late.test.example');
    expect(session.created.children).toEqual([]);
    expect((await session.features()).child('mechanisms')).toBeTruthy();
  });

  any('4 no starttls and no compression is shown', async () => {
    const features = await (await s.session()).features();
    expect(features.child('starttls')).toBeUndefined();
    expect(features.child('compression')).toBeUndefined();
  });

  ours('4 authid is the id of the stream', async () => {
    const { body } = await s.create();
    expect(s.backend(body.attr('authid') ?? '').ids[0]).toBe(body.attr('authid'));
  });

  ours('3 to, from, version and xml:lang reach the stream header', async () => {
    const { body } = await s.create({ from: 'romeo@test.example', 'xml:lang': 'de' });
    const [header] = s.backend(body.attr('authid') ?? '').headers;
    const told = ['to', 'from', 'version', 'xml:lang'].map((name) => header.attr(name));
    expect(told).toEqual(['test.example', 'romeo@test.example', '1.0', 'de']);
  });

  ours('4 a server that never answers does not hold the creation response past its time', async () => {
    const answer = await within(s.create({ to: 'silent.test.example', wait: 3 }), 3500);
    expect(answer?.body.attr('sid')).toBeTruthy();
  });
});
