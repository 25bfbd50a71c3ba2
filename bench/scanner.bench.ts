// xmpp/scanner.ts: a backend's stream in the chunks in which it comes, and single messages of a WebSocket.

import { Scanner, scanStanza } from '../src/xmpp/scanner.js';
import type { Bench } from './micro.js';
import { HEADER, LONG, MESSAGE, PRESENCE, ROSTER } from './samples.js';

const SAMPLES = { 'message of 100 B': MESSAGE, 'message of 2 KiB': LONG, presence: PRESENCE, 'roster of 170': ROSTER };

export function benches(): Bench[] {
  const all: Bench[] = [];
  for (const [name, xml] of Object.entries(SAMPLES)) {
    const bytes = Buffer.from(xml);
    all.push({ name: `scanner, one chunk, ${name}`, bytes: bytes.length, run: pushes([bytes]) });
    all.push({ name: `scanStanza, ${name}`, bytes: bytes.length, run: whole(bytes) });
  }
  const mix = Buffer.from((MESSAGE + PRESENCE + MESSAGE + LONG).repeat(16));
  all.push({ name: 'scanner, 64 stanzas in one chunk', bytes: mix.length, run: pushes([mix]) });
  all.push({ name: 'scanner, 64 stanzas in chunks of 700 B', bytes: mix.length, run: pushes(split(mix, 700)) });
  return all;
}

function pushes(chunks: readonly Buffer[]): Bench['run'] {
  let heard = 0;
  const scanner = new Scanner({
    header() {},
    stanza(stanza) {
      heard += stanza.raw.length;
    },
    end() {},
  });
  scanner.push(Buffer.from(HEADER));
  return (count) => {
    const before = heard;
    for (let i = 0; i < count; i++) for (const chunk of chunks) scanner.push(chunk);
    if (heard === before) throw new Error('nothing was heard');
  };
}

function whole(bytes: Buffer): Bench['run'] {
  return (count) => {
    for (let i = 0; i < count; i++) scanStanza(bytes);
  };
}

function split(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size));
  return chunks;
}
