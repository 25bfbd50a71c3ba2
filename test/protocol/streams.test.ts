import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type BoshSession, XBOSH } from '../support/bosh-client.js';
import type { StubConnection } from '../support/stub-server.js';
import { clauses, message, subject, within } from './subject.js';

const { ours } = clauses('bosh');

describe('XEP-0124', () => {
  const s = subject({ max_streams_per_session: 3 });

  interface Two {
    session: BoshSession;
    first: string;
    second: string;
    backends: [StubConnection, StubConnection];
  }

  /** A session with two streams and the stub's ends of them. */
  async function two(): Promise<Two> {
    const session = await s.session({ wait: 10 });
    const first = session.created.body.attr('stream') ?? '';
    const from = `${randomBytes(6).toString('hex')}@test.example`;
    const added = await session.send('', { to: s.domain, from, 'xml:lang': 'en' });
    const second = added.body.attr('stream') ?? '';
    const one = s.backend(session.created.body.attr('authid') ?? '');
    const other = await s.stub?.until((header) => header.attr('from') === from);
    if (!other) throw new Error('no stub');
    return { session, first, second, backends: [one, other] };
  }

  ours('16.2 the creation response names the first stream', async () => {
    const [one, two] = [await s.session(), await s.session()];
    expect(one.created.body.attr('stream')).toBeTruthy();
    expect(one.created.body.attr('stream')).not.toBe(two.created.body.attr('stream'));
  });

  ours('16.3 an empty body with `to` opens another stream and is told its name', async () => {
    const { first, second } = await two();
    expect(second).toBeTruthy();
    expect(second).not.toBe(first);
  });

  ours('16.3 the answer has none of the attributes of session creation', async () => {
    const session = await s.session();
    const { body } = await session.send('', { to: s.domain });
    for (const name of [
      'sid',
      'requests',
      'polling',
      'hold',
      'inactivity',
      'maxpause',
      'accept',
      'charsets',
      'ver',
      'wait',
    ])
      expect(body.attr(name), name).toBeUndefined();
  });

  ours('16.4 a payload goes to the stream that the body names', async () => {
    const { session, first, second, backends } = await two();
    void session.send(message('a@test.example', 'second only'), { stream: second }).catch(() => {});
    await backends[1].until((each) => each.name === 'message');
    void session.send(message('a@test.example', 'first only'), { stream: first }).catch(() => {});
    await backends[0].until((each) => each.name === 'message');
    const texts = backends.map(({ received }) => received.map((each) => each.textOf('body')));
    expect(texts).toEqual([['first only'], ['second only']]);
  });

  ours('16.4 a payload without `stream` goes to all streams', async () => {
    const { session, backends } = await two();
    void session.send(message('a@test.example', 'to all')).catch(() => {});
    for (const backend of backends) await backend.until((each) => each.child('body')?.text === 'to all');
  });

  ours('16.4 a body with payloads names their one stream', async () => {
    const { session, first, second, backends } = await two();
    await session.receive((each) => each.name === 'features').catch(() => {});
    backends[0].write(message('x@test.example', 'of the first'));
    backends[1].write(message('x@test.example', 'of the second'));
    const got = new Map<string | undefined, string[]>();
    for (let count = 0; count < 2; ) {
      const answer = await session.send();
      const texts = answer.children
        .filter((each) => each.name === 'message')
        .map((each) => each.child('body')?.text ?? '');
      const stream = answer.body.attr('stream');
      if (texts.length) got.set(stream, [...(got.get(stream) ?? []), ...texts]);
      count += texts.length;
    }
    expect([...got]).toEqual(
      expect.arrayContaining([
        [first, ['of the first']],
        [second, ['of the second']],
      ]),
    );
    expect(got.size).toBe(2);
  });

  ours('16.4 an unknown stream is item-not-found', async () => {
    const { session } = await two();
    const answer = await session.send(message('a@test.example', 'x'), { stream: 'nobody' });
    expect(answer.verdict).toBe('terminate item-not-found');
  });

  ours('16.4 `stream` on an empty body is ignored', async () => {
    const session = await s.session({ wait: 1 });
    expect((await session.send('', { stream: 'nobody' })).verdict).toBe('');
  });

  ours('16.5 terminate with `stream` closes only that stream', async () => {
    const { session, second, backends } = await two();
    const answer = await session.send('', { type: 'terminate', stream: second });
    expect(await backends[1].end).toBe('closed');
    expect(answer.status).toBe(200);
    void session.send(message('a@test.example', 'still here')).catch(() => {});
    await backends[0].until((each) => each.child('body')?.text === 'still here');
  });

  ours('16.5 closing the last stream ends the session', async () => {
    const { session, first, second } = await two();
    await session.send('', { type: 'terminate', stream: second });
    await session.send('', { type: 'terminate', stream: first });
    expect((await session.send()).verdict).toBe('terminate item-not-found');
  });

  ours('16.5 terminate without `stream` closes all, with its payloads to all', async () => {
    const { session, backends } = await two();
    await session.terminate("<presence xmlns='jabber:client' type='unavailable'/>");
    for (const backend of backends) {
      expect(await backend.end).toBe('closed');
      expect(backend.received.at(-1)?.attr('type')).toBe('unavailable');
    }
  });

  ours('16.6 an error of one stream names it and leaves the others', async () => {
    const { session, second, backends } = await two();
    backends[1].error('conflict');
    let { body } = await session.send();
    while (body.attr('type') === undefined) body = (await session.send()).body;
    expect([body.attr('stream'), body.attr('condition')]).toEqual([second, 'remote-stream-error']);
    void session.send(message('a@test.example', 'still here')).catch(() => {});
    await backends[0].until((each) => each.child('body')?.text === 'still here');
  });

  ours('16.3 more streams than max_streams_per_session are a policy-violation', async () => {
    const session = await s.session({ wait: 5 });
    const verdicts = [];
    for (let at = 0; at < 3; at++) verdicts.push((await session.send('', { to: s.domain })).verdict);
    expect(verdicts.at(-1)).toBe('terminate policy-violation');
    expect(await within(session.send(), 2000)).toBeDefined();
  });

  ours('0206 3 version reaches the stream that is added and comes with its answer', async () => {
    const session = await s.session({ wait: 10 });
    const from = `${randomBytes(6).toString('hex')}@test.example`;
    const attrs = { to: s.domain, from, 'xmlns:xmpp': XBOSH, 'xmpp:version': '1.0' };
    let { body } = await session.send('', attrs);
    const added = await s.stub?.until((header) => header.attr('from') === from);
    expect(added?.headers[0].attr('version')).toBe('1.0');
    while (body.attrNS(XBOSH, 'version') === undefined) body = (await session.send()).body;
    expect(body.attrNS(XBOSH, 'version')).toBe('1.0');
  });
});
