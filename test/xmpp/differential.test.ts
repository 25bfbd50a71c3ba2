import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import type { ScannerLimits } from '../../src/xmpp/scanner.js';
import { decode, expatAccepts, isLocalName, type Reading, saxesReads } from '../support/oracles.js';
import { Chance, legalDocument, spoiled } from '../support/random-xml.js';
import { pieces, scanChunks } from '../support/scan.js';

const CASES = 100_000;
// Another seed is another hundred thousand documents.
const SEED = Number(process.env.XML_SEED ?? 20_251_120);

const hasLooseName = ({ locals }: Reading) => ![...locals].every(isLocalName);

/** Why the scanner, which took these bytes, should not have; or why what it made of them is wrong. */
function wronglyTaken(bytes: Buffer, stanzas: readonly string[]): string | undefined {
  const text = decode(bytes);
  if (text === undefined) return 'not UTF-8';
  const reading = saxesReads(text);
  if (reading === undefined) return 'saxes refuses it';
  if (reading.restricted) return 'RFC 6120 section 11.1 restricts it';
  if (hasLooseName(reading)) return 'a name that is none';
  if (reading.mixed) return 'text between stanzas';
  if (reading.encoding !== undefined && reading.encoding.toLowerCase() !== 'utf-8') return 'another encoding';
  if (reading.version !== undefined && reading.version !== '1.0') return 'another version';
  if (!expatAccepts(bytes)) return 'expat refuses it';
  const alone = stanzas.map((stanza) => saxesReads(`<r>${stanza}</r>`)?.children[0]);
  return isDeepStrictEqual(alone, reading.children) ? undefined : 'a stanza means something else alone';
}

/** Whether both oracles and RFC 6120 take it, so that refusing it needs a reason. */
function wronglyRefused(bytes: Buffer): boolean {
  const text = decode(bytes);
  const reading = text === undefined ? undefined : saxesReads(text);
  if (reading === undefined || reading.restricted || reading.mixed || hasLooseName(reading)) return false;
  if ((reading.encoding ?? 'utf-8').toLowerCase() !== 'utf-8' || (reading.version ?? '1.0') !== '1.0') return false;
  return expatAccepts(bytes);
}

/** A start tag or an attribute with a name beyond ASCII. */
const BEYOND_ASCII = /<[\w.:-]*[^\p{ASCII}]|[^\p{ASCII}][\w.:-]*=/u;

/** Whether it is the names alone for which expat refuses it. */
function isOnlyInFifth(bytes: Buffer): boolean {
  const text = decode(bytes);
  return text !== undefined && !expatAccepts(bytes) && saxesReads(text) !== undefined;
}

const show = (bytes: Buffer) => JSON.stringify(bytes.toString('latin1'));

test(`of ${CASES} documents (seed ${SEED}) only those are taken that saxes, node-expat and RFC 6120 take, at any chunking`, () => {
  const chance = new Chance(SEED);
  const count = { legal: 0, taken: 0, refused: 0, beyond: 0, onlyInFifth: 0 };
  let other: Buffer = Buffer.from('<a/>');
  for (let i = 0; i < CASES; i++) {
    const legal = legalDocument(chance);
    const pure = chance.once(4);
    const bytes = pure ? legal : spoiled(legal, other, chance);
    other = legal;
    const whole = scanChunks([bytes]);
    const taken = whole.complete && whole.error === undefined;
    if (pure) {
      count.legal++;
      if (!taken) expect.fail(`case ${i}: refused (${whole.error}) what is legal: ${show(bytes)}`);
    }
    if (taken) {
      count.taken++;
      if (BEYOND_ASCII.test(bytes.toString())) count.beyond++;
      const wrong = wronglyTaken(bytes, whole.stanzas);
      if (wrong !== undefined) expect.fail(`case ${i}: ${wrong}: ${show(bytes)} -> ${whole.stanzas}`);
    } else {
      count.refused++;
      if (isOnlyInFifth(bytes)) count.onlyInFifth++;
      if (wronglyRefused(bytes))
        expect.fail(`case ${i}: refused (${whole.error}) what all others take: ${show(bytes)}`);
    }
    const sizes = i % 8 === 0 ? () => 1 : () => 1 + chance.below(12);
    const cut = scanChunks(pieces(bytes, sizes));
    if (!isDeepStrictEqual(cut, whole)) {
      expect.fail(`case ${i}: depends on the chunks: ${show(bytes)}\n${JSON.stringify(whole)}\n${JSON.stringify(cut)}`);
    }
  }
  // The generator reaches both verdicts often enough for the comparison to mean something.
  expect(count.legal).toBeGreaterThan(CASES / 5);
  expect(count.taken).toBeGreaterThan(CASES / 4);
  expect(count.refused).toBeGreaterThan(CASES / 3);
  expect(count.beyond).toBeGreaterThan(CASES / 10);
  expect(count.onlyInFifth).toBeGreaterThan(CASES / 200);
}, 300_000);

test('limits are passed at the same place at once and byte by byte', () => {
  const chance = new Chance(SEED);
  let passed = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = legalDocument(chance);
    const small = (most: number) => 1 + chance.below(most);
    const limits: ScannerLimits = {
      stanza: small(200),
      elements: small(6),
      depth: small(5),
      attributes: small(4),
      attributeBytes: small(80),
      name: 5 + small(8),
      namespaces: small(3),
    };
    const whole = scanChunks([bytes], undefined, limits);
    if (whole.error === 'policy-violation') passed++;
    expect(
      scanChunks(
        pieces(bytes, () => 1),
        undefined,
        limits,
      ),
    ).toEqual(whole);
  }
  expect(passed).toBeGreaterThan(1000);
});
