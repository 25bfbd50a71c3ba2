// What a client says before its server is there.

import type { StreamEnd } from '../stream/end.js';
import type { Stanza } from '../xmpp/stanza.js';

/** What a stanza takes besides its bytes. */
const OVERHEAD = 512;

/** Keeps stanzas in their order, and says when it is too much. */
export class Backlog implements StreamEnd {
  #stanzas: Stanza[] = [];
  #bytes = 0;

  constructor(
    /** Bytes from which the client is asked to wait. */
    readonly soft: number,
    /** Bytes at which `overflow` is called, in an event of its own. */
    readonly hard: number,
    readonly overflow: () => void,
  ) {}

  /** Whether the client was asked to wait. */
  get full(): boolean {
    return this.#bytes >= this.soft;
  }

  /** Bytes that wait. */
  get waiting(): number {
    const { length } = this.#stanzas;
    return length === 0 ? 0 : this.#bytes - length * OVERHEAD;
  }

  open(): void {}

  stanza(stanza: Stanza): boolean {
    this.#stanzas.push(stanza);
    this.#bytes += stanza.raw.length + OVERHEAD;
    if (this.#bytes > this.hard) setImmediate(this.overflow);
    return !this.full;
  }

  drain(): void {}

  close(): void {
    this.#stanzas = [];
  }

  /** Says everything to `server`; false when that wants to wait now. */
  empty(server: StreamEnd): boolean {
    const stanzas = this.#stanzas;
    this.close();
    return stanzas.map((stanza) => server.stanza(stanza)).every(Boolean);
  }
}
