// How what is kept lies in an ordered database of texts. The parts of a name are JSON texts without their quotes: those
// have no character below space, so that a NUL between two parts can be told from all they contain, and lone surrogates
// survive. What lies under a name is one range, and in no other's.

/** From the first key, itself included, to the last, which is outside. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

const BETWEEN = '\u0000';
const BEHIND = '\u0001';

export function nameOf(...parts: readonly string[]): string {
  return parts.map((part) => JSON.stringify(part).slice(1, -1)).join(BETWEEN);
}

/** The key of a record under a name. */
export function under(name: string, part: string): string {
  return name + BETWEEN + nameOf(part);
}

/** The part of a key that follows the name it is under. */
export function partUnder(name: string, key: string): string {
  const start = name.length + BETWEEN.length;
  const end = key.indexOf(BETWEEN, start);
  return JSON.parse(`"${end === -1 ? key.slice(start) : key.slice(start, end)}"`);
}

/** Everything under a name, however deep. */
export function allUnder(name: string): KeyRange {
  return { gte: name + BETWEEN, lt: name + BEHIND };
}

/** The least that is greater than a key. */
export function successor(key: string): string {
  return key + BETWEEN;
}

/** The key of what the driver itself remembers; no name begins like it. */
export function ownKey(name: string): string {
  return BEHIND + name;
}

/** What a record counts of the bytes that are kept. */
export function cost(key: string, text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(key) + Buffer.byteLength(text);
}
