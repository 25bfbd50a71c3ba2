import { describe, expect } from 'vitest';
import { clauses, isHeld, message, subject, within } from './subject.js';

const { user, ours } = clauses('bosh');

describe('XEP-0124', () => {
  const s = subject();

  user('8 a request is held until there is something to say', async () => {
    const { session, jid } = await s.user();
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const other = await s.user();
    void other.session.send(message(jid, 'hello')).catch(() => {});
    const answer = await held;
    expect(answer.children.map((each) => each.child('body')?.text)).toEqual(['hello']);
  });

  user('8 at wait expiry a held request is answered with an empty body', async () => {
    const { session } = await s.user({ wait: 1 });
    const started = performance.now();
    const answer = await session.send();
    const took = performance.now() - started;
    expect([answer.status, answer.children.length, answer.verdict]).toEqual([200, 0, '']);
    expect(took).toBeGreaterThan(700);
    expect(took).toBeLessThan(1500);
  });

  user('8 no more than hold requests are held: a second one releases the first', async () => {
    const { session } = await s.user({ wait: 10 });
    const first = session.send();
    expect(await isHeld(first)).toBe(true);
    const second = session.send(message(s.domain, 'x'));
    expect((await within(first, 1000))?.status).toBe(200);
    await session.terminate();
    await second;
  });

  user('8 with hold=2 two requests are held', async () => {
    const { session } = await s.user({ wait: 10, hold: 2 });
    if (session.told('hold') < 2) return;
    const first = session.send();
    // No server answers an error (RFC 6120 section 8.3.1).
    const second = session.send(`<message xmlns='jabber:client' type='error' to='${s.domain}'/>`);
    expect(await isHeld(Promise.race([first, second]))).toBe(true);
    await session.terminate();
    await Promise.all([first, second]);
  });

  ours('8 payloads reach the server at once', async () => {
    const { session, backend } = await s.pair();
    const held = session.send(message('nobody@test.example', 'at once'));
    await backend.until((each) => each.child('body')?.text === 'at once', 1000);
    expect(await isHeld(held)).toBe(true);
  });

  ours('8 payloads that wait for a request come with the next one, in order', async () => {
    const { session, jid, backend } = await s.pair();
    const texts = Array.from({ length: 30 }, (_, at) => `waiting ${at}`);
    backend.write(texts.map((text) => message(jid, text)).join(''));
    const got = [];
    while (got.length < texts.length) got.push(await session.receive((each) => each.name === 'message'));
    expect(got.map((each) => each.child('body')?.text)).toEqual(texts);
  });

  ours('8 stanzas of one write come in one body', async () => {
    const { session, jid, backend } = await s.pair();
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    backend.write(Array.from({ length: 5 }, (_, at) => message(jid, `${at}`)).join(''));
    expect((await held).children).toHaveLength(5);
  });

  ours('8 a large stanza comes whole', async () => {
    const { session, jid, backend } = await s.pair();
    const text = '😀é<&'.repeat(20_000).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const held = session.send();
    backend.write(message(jid, text));
    expect((await held).children[0].child('body')?.text).toBe('😀é<&'.repeat(20_000));
  });

  user('9.1 where the session acknowledges, an ack tells the highest rid received', async ({ skip }) => {
    const { session } = await s.user({ wait: 10, ack: 1 });
    const ack = session.created.body.attr('ack');
    if (ack === undefined) return skip('the server does not acknowledge');
    const first = session.send();
    expect(await isHeld(first)).toBe(true);
    const second = session.send(message(s.domain, 'x'));
    expect((await first).body.attr('ack')).toBe(String(session.rid));
    await session.terminate();
    return second;
  });

  ours('9.1 the creation response acknowledges the creation request', async () => {
    const session = await s.session({ rid: 4711, ack: 1 });
    expect(session.created.body.attr('ack')).toBe('4711');
  });

  user('9.1 no ack where it would be the rid that is answered', async () => {
    const { session } = await s.user({ wait: 1, ack: 1 });
    expect((await session.send()).body.attr('ack')).toBeUndefined();
  });

  ours('9.2 a client that lags behind is told report and time', async () => {
    const { session, jid, backend } = await s.pair({ ack: 1, wait: 10 });
    backend.write(message(jid, 'one'));
    const answered = session.rid + 1;
    await session.send('', { ack: session.rid });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const held = session.send('', { ack: answered - 1 });
    backend.write(message(jid, 'two'));
    const { body } = await held;
    expect(body.attr('report')).toBe(String(answered));
    expect(Number(body.attr('time'))).toBeGreaterThanOrEqual(1000);
    expect(Number(body.attr('time'))).toBeLessThan(10_000);
  });

  ours('9.2 unacknowledged responses stay available beyond the window', async () => {
    const { session, jid, backend } = await s.pair({ ack: 1 });
    const acked = session.rid;
    const answers = [];
    for (let at = 0; at < 4; at++) {
      backend.write(message(jid, `${at}`));
      answers.push(await session.send('', { ack: acked }));
    }
    const repeated = await session.at(acked + 1, '', { ack: acked });
    expect(repeated.bytes.equals(answers[0].bytes)).toBe(true);
  });
});
