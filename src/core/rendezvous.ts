// Rendezvous hashing: who of several serves a key. One that comes or goes moves only what is, or was, its own.

/** Each has a name, or some salt, that tells it from the others. */
export function rendezvous<T>(all: readonly T[], nameOf: (each: T) => string, key: string): T | undefined {
  let [chosen, highest] = [all[0], -1];
  for (const each of all) {
    const weight = hash(`${nameOf(each)}${key}`);
    if (weight > highest) [chosen, highest] = [each, weight];
  }
  return chosen;
}

/** FNV-1a, 32 bits, and a final mix. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 15;
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}
