import { describe, expect } from 'vitest';
import { type Answer, body, post } from '../support/bosh-client.js';
import { clauses, isHeld, message, subject, within } from './subject.js';

const { any, user, ours } = clauses('bosh');
const LAST = 2 ** 53 - 1;

describe('XEP-0124', () => {
  const s = subject();

  user('13 terminate is answered with 200, the oldest held request with type terminate', async () => {
    const { session } = await s.user({ wait: 10 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const own = await session.terminate();
    expect((await held).verdict).toBe('terminate');
    expect(own.status).toBe(200);
    expect(own.children).toEqual([]);
  });

  any('13 terminate with nothing held is answered with type terminate', async () => {
    const session = await s.session();
    expect((await session.terminate()).verdict).toBe('terminate');
  });

  any('13 after terminate the session is unknown', async () => {
    const session = await s.session();
    await session.terminate();
    expect((await session.send()).verdict).toBe('terminate item-not-found');
  });

  ours('13 payloads of a terminate request are forwarded before the stream is closed', async () => {
    const { session, backend } = await s.pair();
    await session.terminate("<presence xmlns='jabber:client' type='unavailable'/>");
    expect(await backend.end).toBe('closed');
    expect(backend.received.at(-1)?.attr('type')).toBe('unavailable');
  });

  ours('13 terminate may be one request more than `requests`', async () => {
    const { session } = await s.pair({ wait: 10 });
    const held = [session.send(), session.send(message(s.domain, 'x'))];
    const answers = await Promise.all([...held, session.terminate()]);
    expect(answers.map((answer) => answer.verdict)).not.toContain('terminate policy-violation');
    expect(answers.map((answer) => answer.verdict)).toContain('terminate');
  });

  any('14.1 the highest rid is 2^53-1', async () => {
    const session = await s.session({ rid: LAST - 1 });
    expect((await session.send('', { type: 'terminate' })).verdict).toBe('terminate');
  });

  for (const rid of ['9007199254740992', '0', '-1', '1.5', '1e3', '0x10', '12abc', 'abc', ''])
    any(`14.1 rid='${rid}' creates no session`, async () => {
      const answer = await s.create({ rid });
      expect(answer.text).not.toContain('sid=');
      expect(answer.verdict).toMatch(/bad-request|item-not-found|HTTP 40/);
    });

  any('6 a request without rid is refused', async () => {
    expect((await s.create({ rid: undefined })).text).not.toContain('sid=');
    const session = await s.session();
    const answer = await post(s.bosh, body({ sid: session.sid }));
    expect(answer.verdict).toMatch(/terminate (bad-request|item-not-found)/);
  });

  ours('14.2 payloads of requests that overtake each other are forwarded in the order of their rids', async () => {
    const { session, backend } = await s.pair({ wait: 10 });
    const first = session.rid + 1;
    const second = session.at(first + 1, message('nobody@test.example', 'second'));
    expect(await isHeld(second)).toBe(true);
    expect(backend.received.some((each) => each.name === 'message')).toBe(false);
    void session.at(first, message('nobody@test.example', 'first')).catch(() => {});
    await backend.until((each) => each.child('body')?.text === 'second');
    const texts = backend.received.filter((each) => each.name === 'message').map((each) => each.child('body')?.text);
    expect(texts).toEqual(['first', 'second']);
  });

  user('14.2 requests that overtake each other are answered in the order of their rids', async () => {
    const { session, jid } = await s.user({ wait: 10 });
    const first = session.rid + 1;
    const order: string[] = [];
    const noted = async (name: string, answer: Promise<Answer>): Promise<Answer> => {
      await answer;
      order.push(name);
      return answer;
    };
    const second = noted('second', session.at(first + 1, message(jid, 'b')));
    expect(await isHeld(second)).toBe(true);
    const answers = await Promise.all([noted('first', session.at(first, message(jid, 'a'))), within(second, 3000)]);
    expect(order[0]).toBe('first');
    const texts = answers.flatMap((answer) => answer?.children.map((each) => each.child('body')?.text) ?? []);
    expect(texts).toEqual(['a', 'b'].slice(0, texts.length));
  });

  any('14.2 a rid beyond the window ends the session with item-not-found', async () => {
    const session = await s.session();
    const answer = await session.at(session.rid + session.told('requests') + 10);
    expect(answer.verdict).toBe('terminate item-not-found');
    expect((await session.send()).verdict).toBe('terminate item-not-found');
  });

  ours('14.2 the rid after 2^53-1 is beyond every window', async () => {
    const session = await s.session({ rid: LAST });
    expect((await session.at('9007199254740992')).verdict).toBe('terminate item-not-found');
  });

  user('14.3 a repeated rid gets the same response, byte by byte', async () => {
    const { session, jid } = await s.user({ wait: 5 });
    const answer = await session.send(message(jid, 'once'));
    expect(answer.children).toHaveLength(1);
    const text = session.text(session.rid, message(jid, 'once'));
    for (let at = 0; at < 2; at++) expect((await post(s.bosh, text)).bytes.equals(answer.bytes)).toBe(true);
  });

  ours('14.3 a repeated request is forwarded only once', async () => {
    const { session, jid, backend } = await s.pair({ wait: 5 });
    await session.send(message(jid, 'once'));
    await session.at(session.rid, message(jid, 'once'));
    await session.send(message(jid, 'after'));
    const texts = backend.received.filter((each) => each.name === 'message').map((each) => each.child('body')?.text);
    expect(texts).toEqual(['once', 'after']);
  });

  any('14.3 the creation request may be followed by a repeat of the first rid', async () => {
    const session = await s.session({ wait: 1 });
    const answer = await session.send();
    expect((await session.at(session.rid)).bytes.equals(answer.bytes)).toBe(true);
  });

  user('14.3 a repeat of a pending rid releases the older connection with a recoverable error', async () => {
    const { session, jid } = await s.user({ wait: 10 });
    const older = session.send();
    expect(await isHeld(older)).toBe(true);
    const newer = session.at(session.rid);
    expect((await within(older, 2000))?.verdict).toBe('error');
    expect(await isHeld(newer)).toBe(true);
    const other = await s.user();
    void other.session.send(message(jid, 'for the newer')).catch(() => {});
    expect((await newer).children[0].child('body')?.text).toBe('for the newer');
  });

  ours('14.3 a repeat of a request that waits for its predecessor is taken once', async () => {
    const { session, backend } = await s.pair({ wait: 10 });
    const first = session.rid + 1;
    const older = session.at(first + 1, message('nobody@test.example', 'second'));
    expect(await isHeld(older)).toBe(true);
    void session.at(first + 1, message('nobody@test.example', 'second')).catch(() => {});
    expect((await older).verdict).toBe('error');
    void session.at(first, message('nobody@test.example', 'first')).catch(() => {});
    await backend.until((each) => each.child('body')?.text === 'second');
    expect(backend.received.filter((each) => each.name === 'message')).toHaveLength(2);
  });

  user('14.3 a rid that is too old to repeat ends the session with item-not-found', async () => {
    const { session, jid } = await s.user();
    const old = session.rid + 1;
    for (let at = 0; at < 6; at++) await session.send(message(jid, `${at}`));
    expect((await session.at(old)).verdict).toBe('terminate item-not-found');
  });

  ours('14.3 a client that lost its connection gets its response by repeating', async () => {
    const { session, jid, backend } = await s.pair({ wait: 10 });
    const abort = new AbortController();
    const lost = session.send('', {}, { signal: abort.signal });
    expect(await isHeld(lost)).toBe(true);
    abort.abort();
    await expect(lost).rejects.toThrow();
    backend.write(message(jid, 'not lost'));
    expect((await session.at(session.rid)).children[0].child('body')?.text).toBe('not lost');
  });

  ours('14.3 a rid that is repeated without end is a policy-violation', async () => {
    const { session } = await s.pair();
    const answer = await session.send(message(s.domain, 'x'), { pause: 5 });
    expect(answer.verdict).toBe('');
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const repeats = Array.from({ length: 100 }, () => session.at(session.rid));
    const verdicts = (await Promise.all([held, ...repeats])).map((each) => each.verdict);
    expect(verdicts).toContain('terminate policy-violation');
  });
});
