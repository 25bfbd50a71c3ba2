// How many streams each address has in each process, so that what is limited by address holds for all of them together:
// each hears of those of the others a moment after they came.

import type { Wire } from './wire.js';
import { WORD } from './words.js';

export class Census {
  readonly #processes = new Map<Wire, Map<string, number>>();

  /** A process is there: it hears who is in the others. */
  join(wire: Wire): void {
    for (const parties of this.#processes.values())
      for (const [party, count] of parties) wire.send(WORD.came, count, Buffer.from(party));
    this.#processes.set(wire, new Map());
  }

  /** Streams of this address came to that process, or left it. */
  count(wire: Wire, party: string, by: number): void {
    const parties = this.#processes.get(wire);
    if (parties === undefined) return;
    const count = (parties.get(party) ?? 0) + by;
    if (count > 0) parties.set(party, count);
    else parties.delete(party);
    this.#tell(wire, party, by);
  }

  /** It is gone, and all in it. */
  leave(wire: Wire): void {
    const parties = this.#processes.get(wire) ?? [];
    this.#processes.delete(wire);
    for (const [party, count] of parties) this.#tell(wire, party, -count);
  }

  #tell(from: Wire, party: string, by: number): void {
    const bytes = Buffer.from(party);
    for (const wire of this.#processes.keys())
      if (wire !== from) wire.send(by > 0 ? WORD.came : WORD.left, Math.abs(by), bytes);
  }
}
