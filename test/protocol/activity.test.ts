import { describe, expect } from 'vitest';
import type { BoshSession } from '../support/bosh-client.js';
import { clauses, isHeld, message, subject, within } from './subject.js';

const { any, user, ours, inOrder } = clauses('bosh');

function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Empty requests, so that the last one is overactive. */
function burst(session: BoshSession, count: number) {
  return Array.from({ length: count }, () => session.send());
}

describe('XEP-0124', () => {
  const s = subject({ default_inactivity: 1, max_inactivity: 3, max_pause: 4, polling: 1 });

  ours('10 an inactive session ends silently and is then unknown', async () => {
    const { session, backend } = await s.pair();
    expect(await within(backend.end, 5000)).toBeDefined();
    expect((await session.send()).verdict).toBe('terminate item-not-found');
  });

  ours('10 a session is not inactive while a request is held', async () => {
    const { session } = await s.pair({ wait: 3 });
    expect((await session.send()).verdict).toBe('');
  });

  ours('10 pause answers all pending requests at once, itself without payloads', async () => {
    const { session, jid, backend } = await s.pair({ wait: 10 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const pause = session.send('', { pause: 3 });
    const [first, second] = await Promise.all([within(held, 800), within(pause, 800)]);
    expect([first?.children.length, second?.children.length, second?.verdict]).toEqual([0, 0, '']);
    backend.write(message(jid, 'while away'));
    await elapse(2200);
    expect((await session.receive((each) => each.name === 'message')).child('body')?.text).toBe('while away');
  });

  ours('10 pause may be one request more than `requests`', async () => {
    const { session } = await s.pair({ wait: 10 });
    const held = [session.send(), session.send(message(s.domain, 'x'))];
    expect((await session.send('', { pause: 2 })).verdict).toBe('');
    for (const answer of await Promise.all(held)) expect(answer.verdict).toBe('');
  });

  ours('10 after a pause the next request restores the normal inactivity', async () => {
    const { session, backend } = await s.pair({ wait: 1 });
    await session.send('', { pause: 4 });
    await session.send();
    const ended = await within(backend.end, 3500);
    expect(ended).toBeDefined();
  });

  ours('10 a pause longer than maxpause is a policy-violation', async () => {
    const { session } = await s.pair();
    expect((await session.send('', { pause: 5 })).verdict).toBe('terminate policy-violation');
  });

  ours('14.3 a pause response is not kept', async () => {
    const { session } = await s.pair();
    await session.send('', { pause: 3 });
    expect((await session.at(session.rid)).verdict).toBe('terminate item-not-found');
  });

  inOrder(user)('11 more simultaneous requests than `requests` are a policy-violation', async () => {
    const { session } = await s.user({ wait: 10 });
    const first = session.rid + 1;
    // The first is held, and none after it can be answered while the second is missing.
    const sent = [session.at(first)];
    for (let rid = first + 2; rid <= first + session.told('requests'); rid++)
      sent.push(session.at(rid, message(s.domain, 'x')));
    expect(await isHeld(Promise.race(sent))).toBe(true);
    sent.push(session.at(first + 1, message(s.domain, 'x')));
    const verdicts = (await Promise.all(sent.map((each) => within(each, 2000)))).map((answer) => answer?.verdict);
    expect(verdicts.at(-1)).toBe('terminate policy-violation');
  });

  inOrder(ours)('11 empty requests faster than `polling` are a policy-violation', async () => {
    const { session } = await s.pair({ wait: 10 });
    const answers = await Promise.all(burst(session, session.told('requests')));
    expect(answers.map((answer) => answer.verdict)).toContain('terminate policy-violation');
  });

  inOrder(ours)('11 requests with payloads may be as fast as they like', async () => {
    const { session } = await s.pair({ wait: 2 });
    const answers = Array.from({ length: 6 }, () => session.send(message('nobody@test.example', 'x')));
    await answers[0];
    expect((await Promise.all(answers)).map((answer) => answer.verdict).join('')).toBe('');
  });

  any('12 hold=0 makes a polling session: nothing is held', async () => {
    const session = await s.session({ hold: 0 });
    const answer = await within(session.send(message(s.domain, 'x')), 1000);
    expect(answer?.status).toBe(200);
  });

  any('12 wait=0 makes a polling session: nothing is held', async () => {
    const session = await s.session({ wait: 0 });
    expect(session.created.body.attr('wait')).toBe('0');
    const answer = await within(session.send('', { type: 'terminate' }), 1000);
    expect(answer?.status).toBe(200);
  });

  ours('12 a polling session has a longer inactivity, by more than `polling`', async () => {
    const [usual, polling] = [await s.session(), await s.session({ hold: 0 })];
    expect(polling.told('inactivity')).toBeGreaterThan(usual.told('inactivity') + usual.told('polling'));
  });

  ours('12 empty polls faster than `polling` are a policy-violation', async () => {
    const session = await s.session({ hold: 0 });
    await session.features();
    expect((await session.send()).verdict).toBe('');
    expect((await session.send()).verdict).toBe('terminate policy-violation');
  });

  ours('12 empty polls at the interval of `polling` are fine', async () => {
    const session = await s.session({ hold: 0 });
    await session.features();
    for (let at = 0; at < 3; at++) {
      expect((await session.send()).verdict).toBe('');
      await elapse(session.told('polling') * 1000 + 100);
    }
  });

  ours('12 a poll after a response with payloads may come at once', async () => {
    const { session, jid, backend } = await s.pair({ hold: 0 });
    backend.write(message(jid, 'one'));
    await session.receive((each) => each.name === 'message');
    expect((await session.send()).verdict).toBe('');
  });

  ours('12 repeats of a poll do not count as polls', async () => {
    const session = await s.session({ hold: 0 });
    const first = await session.send();
    const repeated = await session.at(session.rid);
    expect(repeated.bytes.equals(first.bytes)).toBe(true);
  });
});
