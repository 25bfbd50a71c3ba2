// What a client's bytes mean is what the Receiver of `ws` takes them for, however they are cut: messages, control frames, and
// the code of what breaks the rules. Where RFC 6455 is stricter than that is told by itself.

import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import * as ws from 'ws';
import { FrameError, FrameReader } from '../../src/websocket/frames.js';
import { Dice } from '../support/dice.js';
import { frame, OPCODE } from '../support/ws-raw.js';

const LIMIT = 3000;
const CASES = 3000;

interface Emitter {
  on(event: string, listener: (...args: never[]) => void): Emitter;
  write(bytes: Buffer): void;
}
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Emitter };

/** What was heard, in words. */
async function ofOracle(chunks: readonly Buffer[]): Promise<string[]> {
  const heard: string[] = [];
  const receiver = new Receiver({ isServer: true, maxPayload: LIMIT, maxFragments: 64, skipUTF8Validation: true });
  receiver
    .on('message', (data: Buffer, binary: boolean) => heard.push(said(data, binary)))
    .on('ping', (data: Buffer) => heard.push(`ping ${data.toString('hex')}`))
    .on('pong', () => heard.push('pong'))
    .on('conclude', (code: number) => heard.push(`close ${code}`))
    .on('error', (error: object) => heard.push(`error ${codeOf(error)}`));
  for (const chunk of chunks) {
    // It takes no more, and says so, once it is through.
    if (/^(close|error)/.test(heard.at(-1) ?? '')) break;
    receiver.write(Buffer.from(chunk));
    await turn();
  }
  return heard;
}

function ofOurs(chunks: readonly Buffer[]): string[] {
  const heard: string[] = [];
  const reader = new FrameReader(
    {
      message: (payload, binary) => heard.push(said(payload, binary)),
      pinged: (payload) => heard.push(`ping ${payload.toString('hex')}`),
      ponged: () => heard.push('pong'),
      closed: (code) => heard.push(`close ${code}`),
    },
    LIMIT,
  );
  for (const chunk of chunks) {
    try {
      reader.push(Buffer.from(chunk));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      heard.push(`error ${error.code}`);
    }
  }
  return heard;
}

const said = (data: Buffer, binary: boolean) => `${binary ? 'binary' : 'text'} ${data.length} ${crc32(data)}`;

/** `ws` keeps it under a symbol. */
function codeOf(error: object): unknown {
  const key = Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code');
  return key && (error as Record<symbol, unknown>)[key];
}

const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 100, 124, 125, 126, 127, 511, 512, 513, 515, 1023, LIMIT, LIMIT + 1];

function payload(dice: Dice): Buffer {
  const bytes = Buffer.alloc(dice.one(LENGTHS));
  for (let at = 0; at < bytes.length; at++) bytes[at] = dice.roll(256);
  return bytes;
}

/** Mostly what a client may send; now and then what it may not. */
function randomFrame(dice: Dice): Buffer {
  const kind = dice.roll(40);
  if (kind === 0) return frame(OPCODE.close, Buffer.from([dice.roll(20), dice.roll(256), 1].slice(0, dice.roll(4))));
  if (kind === 1) return frame(dice.roll(16), payload(dice), { fin: dice.roll(2) === 0, reserved: dice.roll(8) });
  if (kind === 2) return frame(OPCODE.text, payload(dice), { mask: false });
  if (kind === 3) return Buffer.from([0x81, 0xff, 1 + dice.roll(255), 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]);
  if (kind < 10) return frame(dice.one([OPCODE.ping, OPCODE.pong]), payload(dice).subarray(0, 125));
  if (kind < 30) return frame(dice.one([OPCODE.text, OPCODE.binary]), payload(dice));
  const parts = Array.from({ length: 2 + dice.roll(dice.one([2, 3, 80])) }, () =>
    payload(dice).subarray(0, dice.roll(90)),
  );
  return Buffer.concat(
    parts.flatMap((part, at) => [
      frame(at === 0 ? OPCODE.text : OPCODE.continuation, part, { fin: at === parts.length - 1 }),
      ...(dice.roll(4) === 0 ? [frame(OPCODE.ping, 'x')] : []),
    ]),
  );
}

/** The same bytes in pieces, some of them single bytes. */
function cut(bytes: Buffer, dice: Dice): Buffer[] {
  const longest = dice.one([1, 3, 20, 1000, 10_000]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + dice.roll(longest));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

test(`${CASES} clients are heard as ws hears them, at any cut`, async () => {
  const dice = new Dice(6455);
  let errors = 0;
  for (let at = 0; at < CASES; at++) {
    const bytes = Buffer.concat(Array.from({ length: 1 + dice.roll(8) }, () => randomFrame(dice)));
    const chunks = cut(bytes, dice);
    const ours = ofOurs(chunks);
    expect(ours, `case ${at}`).toEqual(await ofOracle(chunks));
    if (ours.at(-1)?.startsWith('error')) errors++;
  }
  expect(errors).toBeGreaterThan(CASES / 10);
});

describe('beyond that', () => {
  const heard = (...bytes: number[]) => ofOurs([Buffer.from(bytes)]);

  test('5.2 a length takes as few bytes as it can', () => {
    expect(heard(0x81, 0xfe, 0, 125)).toEqual(['error 1002']);
    expect(heard(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff)).toEqual(['error 1002']);
    expect(heard(0x81, 0xfe, 0, 126)).toEqual([]);
  });

  test('a length that is only claimed takes no room', () => {
    const reader = new FrameReader({ message() {}, pinged() {}, ponged() {}, closed() {} }, 2 ** 40);
    reader.push(Buffer.from([0x81, 0xff, 0, 0, 0x01, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5]));
    reader.push(Buffer.from([6]));
  });

  test('nothing is heard behind what broke the rules, nor behind the end', () => {
    const text = frame(OPCODE.text, 'a');
    expect(ofOurs([frame(OPCODE.text, 'a', { mask: false }), text])).toEqual(['error 1002']);
    expect(ofOurs([Buffer.concat([frame(OPCODE.close, ''), text]), text])).toEqual(['close 1005']);
  });
});
