import { createHash, randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Attributes, BoshSession } from '../support/bosh-client.js';
import { clauses, isHeld, message, subject } from './subject.js';

const { ours } = clauses('bosh');

/** K(1) to K(n) of section 15.3, to be used from the end. */
function chain(n: number): string[] {
  const keys = [sha1(randomBytes(8).toString('hex'))];
  while (keys.length < n) keys.push(sha1(keys[keys.length - 1]));
  return keys;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

describe('XEP-0124', () => {
  const s = subject();
  const to = 'nobody@test.example';

  async function keyed(n = 10): Promise<{ session: BoshSession; keys: string[] }> {
    const keys = chain(n);
    return { session: await s.session({ newkey: keys.pop() }), keys };
  }

  function send(session: BoshSession, attrs: Attributes) {
    return session.send(message(to, 'x'), { ...attrs });
  }

  ours('15.4 a key whose hash is the key before is accepted', async () => {
    const { session, keys } = await keyed();
    for (let at = 0; at < 3; at++) {
      const last = at === 2 ? { type: 'terminate' } : { pause: 5 };
      expect((await session.send('', { key: keys.pop(), ...last })).verdict).toBe(at === 2 ? 'terminate' : '');
    }
  });

  ours('15.3 keys are compared without regard to case', async () => {
    const keys = chain(3);
    const session = await s.session({ newkey: keys.pop()?.toUpperCase() });
    expect((await session.send('', { key: keys.pop(), type: 'terminate' })).verdict).toBe('terminate');
  });

  ours('15.4 a wrong key ends the session with item-not-found and forwards nothing', async () => {
    const { session } = await keyed();
    const backend = s.backend(session.created.body.attr('authid') ?? '');
    expect((await send(session, { key: sha1('wrong') })).verdict).toBe('terminate item-not-found');
    await backend.end;
    expect(backend.received).toEqual([]);
  });

  ours('15.4 a missing key ends the session with item-not-found', async () => {
    const { session } = await keyed();
    expect((await send(session, {})).verdict).toBe('terminate item-not-found');
  });

  ours('15.4 the same key a second time ends the session with item-not-found', async () => {
    const { session, keys } = await keyed();
    const key = keys.pop();
    await session.send('', { key, pause: 5 });
    expect((await session.send('', { key, pause: 5 })).verdict).toBe('terminate item-not-found');
  });

  ours('15.5 a sequence is switched by key and newkey together', async () => {
    const { session, keys } = await keyed(3);
    const next = chain(3);
    await session.send('', { key: keys.pop(), newkey: next.pop(), pause: 5 });
    expect((await session.send('', { key: next.pop(), pause: 5 })).verdict).toBe('');
    expect((await session.send('', { key: keys.pop(), pause: 5 })).verdict).toBe('terminate item-not-found');
  });

  ours('15.5 a newkey with a wrong key switches nothing', async () => {
    const { session } = await keyed();
    const answer = await session.send('', { key: sha1('wrong'), newkey: chain(2)[1], pause: 5 });
    expect(answer.verdict).toBe('terminate item-not-found');
  });

  ours('15.4 the keys of requests that overtake each other are checked in the order of their rids', async () => {
    const { session, keys } = await keyed();
    const [first, second] = [keys.pop(), keys.pop()];
    const rid = session.rid + 1;
    const later = session.at(rid + 1, message(to, 'b'), { key: second });
    expect(await isHeld(later)).toBe(true);
    const earlier = session.at(rid, message(to, 'a'), { key: first });
    expect((await earlier).verdict).toBe('');
    session.rid = rid + 1;
    await session.send('', { key: keys.pop(), type: 'terminate' });
    expect((await later).verdict).toBe('terminate');
  });

  ours('15.4 a repeated request does not use up a key', async () => {
    const keys = chain(3);
    const session = await s.session({ hold: 0, newkey: keys.pop() });
    const key = keys.pop();
    const answer = await session.send(message(to, 'x'), { key });
    for (let at = 0; at < 2; at++)
      expect((await session.at(session.rid, message(to, 'x'), { key })).bytes.equals(answer.bytes)).toBe(true);
    expect((await session.send('', { key: keys.pop(), type: 'terminate' })).verdict).toBe('terminate');
  });
});
