import { afterEach, describe, expect, test, vi } from 'vitest';
import { head } from '../../src/cluster/frames.js';
import { Wire, type WireLimits } from '../../src/cluster/wire.js';
import { Heard, socketPair, turn } from '../support/wires.js';

const sockets: { destroy(): void }[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function wired(limits?: WireLimits) {
  const [one, other] = await socketPair();
  sockets.push(one, other);
  const here = new Heard();
  return { wire: new Wire(one, here, turn, limits), here, socket: one, other };
}

/** A wire at both ends. */
async function joined() {
  const { wire, here, socket, other } = await wired();
  const there = new Heard();
  return { wire, here, socket, there, back: new Wire(other, there, turn) };
}

test('frames arrive whole and in order, and all of a turn leave in one write', async () => {
  const { wire, socket, there } = await joined();
  const write = vi.spyOn(socket, 'write');
  for (let at = 0; at < 50; at++) wire.send(1, at, Buffer.from('head '), Buffer.from(`body ${at}`));
  await there.when(() => there.frames.length === 50);
  expect(there.frames.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, at) => `head body ${at}`));
  expect(write).toHaveBeenCalledTimes(1);
});

test('a large frame arrives', async () => {
  const { wire, there } = await joined();
  const text = 'x'.repeat(3_000_000);
  expect(wire.send(1, 1, Buffer.from(text))).toBe(false);
  await there.when(() => there.frames.length === 1);
  expect(there.frames[0].text === text).toBe(true);
});

test('the end of the other is told once; nothing is sent after it', async () => {
  const { wire, here, back } = await joined();
  back.cut();
  await here.when(() => here.gones.length > 0);
  expect(wire.send(1, 1)).toBe(true);
  wire.flush();
  wire.cut();
  await new Promise(setImmediate);
  expect(here.gones).toEqual([undefined]);
  expect(wire.waiting).toBe(0);
});

test('what is said before `finish` arrives', async () => {
  const { wire, there } = await joined();
  wire.send(1, 1, Buffer.from('last words'));
  wire.finish();
  await there.when(() => there.gones.length > 0);
  expect(there.frames.map(({ text }) => text)).toEqual(['last words']);
});

describe('an end that breaks the rules', () => {
  test('is cut, and what was right before is heard', async () => {
    const { here, other } = await wired();
    const wrong = head(1, 2, 0);
    wrong.writeUInt32LE(2, 0);
    other.write(Buffer.concat([head(1, 1, 0), wrong, head(1, 3, 0)]));
    await here.when(() => here.gones.length > 0);
    expect(here.frames.map(({ number }) => number)).toEqual([1]);
    expect(here.gones[0]).toBeInstanceOf(RangeError);
  });

  test('bytes of no frame are no frame', async () => {
    const { here, other } = await wired();
    other.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await here.when(() => here.gones.length > 0);
    expect(here.frames).toEqual([]);
  });
});

describe('an end that takes nothing', () => {
  const limits = { soft: 100_000, hard: 1_000_000 };
  const chunk = Buffer.alloc(10_000);

  test('senders are asked to wait, and told when there is room again', async () => {
    const { wire, here, other } = await wired(limits);
    other.pause();
    let sent = 0;
    while (wire.send(1, sent++, chunk)) await new Promise(setImmediate);
    expect(wire.waiting).toBeGreaterThanOrEqual(limits.soft);
    expect(here.drains).toBe(0);
    other.resume();
    await here.when(() => here.drains > 0);
    expect(wire.waiting).toBeLessThan(limits.soft);
    expect(wire.send(1, 0, chunk)).toBe(true);
  });

  test('one that goes on taking nothing is cut, and holds no more bytes than may wait', async () => {
    const { wire, here, other } = await wired(limits);
    other.pause();
    let most = 0;
    for (let at = 0; at < 1000 && here.gones.length === 0; at++) {
      wire.send(1, at, chunk);
      most = Math.max(most, wire.waiting);
      await new Promise(setImmediate);
    }
    expect(here.gones).toHaveLength(1);
    expect(here.gones[0]?.message).toContain('takes nothing');
    expect(most).toBeLessThan(limits.hard);
    expect(wire.waiting).toBe(0);
  });
});
