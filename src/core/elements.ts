// How many elements proven bytes hold, without a tree.

const LT = 0x3c;
const SLASH = 0x2f;

/** Counts start tags: in what has left the scanner, `<` is a tag and nothing else. */
export function elementsIn(raw: Buffer): number {
  let count = 0;
  for (let at = raw.indexOf(LT); at >= 0; at = raw.indexOf(LT, at + 1)) if (raw[at + 1] !== SLASH) count++;
  return count;
}
