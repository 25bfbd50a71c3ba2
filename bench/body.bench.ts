// bosh/body.ts: a request's <body/> read, a response's written.

import { readBody, writeBody } from '../src/bosh/body.js';
import { DEFAULT_LIMITS } from '../src/xmpp/scanner.js';
import type { Bench } from './micro.js';
import { LONG, MESSAGE, request } from './samples.js';

const PAYLOADS = {
  'without payload': '',
  'message of 100 B': MESSAGE,
  'message of 2 KiB': LONG,
  '8 messages': MESSAGE.repeat(8),
};

export function benches(): Bench[] {
  return Object.entries(PAYLOADS).flatMap(([name, payload]) => {
    const bytes = request(1573741820, payload);
    const { stanzas } = readBody(bytes, DEFAULT_LIMITS);
    return [
      { name: `readBody, ${name}`, bytes: bytes.length, run: times(() => readBody(bytes, DEFAULT_LIMITS)) },
      { name: `writeBody, ${name}`, run: times(() => writeBody('', stanzas)) },
    ];
  });
}

function times(once: () => unknown): Bench['run'] {
  return (count) => {
    for (let i = 0; i < count; i++) once();
  };
}
