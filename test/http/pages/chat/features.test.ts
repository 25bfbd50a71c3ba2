// The parts of the chat page that need no browser: what it says of itself is hashed as others hash it, and SHA-1 is SHA-1.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { described, verification } from '../../../../src/modules/caps.js';

const part = (name: string) => import(new URL(`../../../../src/http/pages/chat/${name}.js`, import.meta.url).href);

test('XEP-0115 5.1 the verification string of the page is that of what it says', async () => {
  const { FEATURES, IDENTITY, VERIFICATION } = await part('features');
  expect(VERIFICATION).toBe(
    verification(described({ identities: [IDENTITY], features: new Set(FEATURES), extensions: [] })),
  );
});

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 70_001])('SHA-1 of %i bytes', async (length) => {
  const { sha1 } = await part('sha1');
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);
  expect(sha1(bytes)).toBe(createHash('sha1').update(bytes).digest('hex'));
});
