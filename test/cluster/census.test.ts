import { expect, test } from 'vitest';
import { Census } from '../../src/cluster/census.js';
import type { Wire } from '../../src/cluster/wire.js';
import { WORD } from '../../src/cluster/words.js';
import { Admission } from '../../src/stream/admission.js';

const OPTIONS = {
  trusted_proxies: [],
  limits: { rates: true, sessions: 100, sessions_per_address: 4, creations_per_second: 1, creation_burst: 6 },
};

/** A process that lets streams in; what it hears of others arrives at once. */
class Process {
  readonly admission: Admission;
  readonly wire: Wire;

  constructor(readonly census: Census) {
    const hear = (kind: number, count: number, party: Buffer) =>
      this.admission.hear(party.toString(), kind === WORD.came ? count : -count);
    this.wire = {
      send(kind: number, count: number, party: Buffer) {
        hear(kind, count, party);
        return true;
      },
    } as Partial<Wire> as Wire;
    this.admission = new Admission(
      OPTIONS,
      () => 0,
      (party, by) => census.count(this.wire, party, by),
    );
    census.join(this.wire);
  }

  enter(address = '192.0.2.1'): string | undefined {
    return this.admission.enter(address)?.limit;
  }
}

test('an address has no more streams than it may in all processes together', () => {
  const census = new Census();
  const [one, two] = [new Process(census), new Process(census)];
  expect([one.enter(), two.enter(), one.enter(), two.enter()]).toEqual([undefined, undefined, undefined, undefined]);
  expect([one.enter(), two.enter()]).toEqual(['sessions_per_address', 'sessions_per_address']);
  two.admission.leave('192.0.2.1');
  expect([one.enter(), two.enter()]).toEqual([undefined, 'sessions_per_address']);
  expect(one.enter('192.0.2.2')).toBeUndefined();
});

test('nor does it make them faster', () => {
  const census = new Census();
  const [one, two] = [new Process(census), new Process(census)];
  for (let at = 0; at < 3; at++) {
    expect([one.enter(), two.enter()]).toEqual([undefined, undefined]);
    one.admission.leave('192.0.2.1');
    two.admission.leave('192.0.2.1');
  }
  expect([one.enter(), two.enter()]).toEqual(['creations_per_second', 'creations_per_second']);
});

test('a process that comes later hears who is there, which costs nobody of his rate', () => {
  const census = new Census();
  const one = new Process(census);
  for (let at = 0; at < 3; at++) one.enter();
  const late = new Process(census);
  expect(late.admission.size).toBe(3);
  expect([late.enter(), late.enter(), one.enter()]).toEqual([
    undefined,
    'sessions_per_address',
    'sessions_per_address',
  ]);
});

test('with a process that is gone, all in it are', () => {
  const census = new Census();
  const [one, two] = [new Process(census), new Process(census)];
  for (let at = 0; at < 4; at++) two.enter();
  expect(one.enter()).toBe('sessions_per_address');
  census.leave(two.wire);
  expect([one.admission.size, one.enter()]).toEqual([0, undefined]);
  census.leave(two.wire);
  census.count(two.wire, '192.0.2.1', 1);
  expect(one.admission.size).toBe(1);
});
