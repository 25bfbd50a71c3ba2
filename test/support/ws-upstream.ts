// An upstream that remembers what its clients said, and says what a test tells it to.

import type { ClientStream, Ending, StreamEnd, Upstream } from '../../src/stream/end.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import type { Stanza } from '../../src/xmpp/stanza.js';

export class ScriptedEnd implements StreamEnd {
  readonly headers: StreamHeader[];
  readonly stanzas: string[] = [];
  readonly endings: Ending[] = [];
  drains = 0;
  /** What `stanza` returns. */
  ready = true;
  #wake: (() => void)[] = [];

  constructor(
    readonly client: ClientStream,
    header: StreamHeader,
    readonly answers: boolean,
  ) {
    this.headers = [header];
  }

  open(header: StreamHeader): void {
    this.headers.push(header);
    if (this.answers) this.client.open({ id: `stream-${this.headers.length}`, from: header.to });
    this.#rouse();
  }

  stanza(stanza: Stanza): boolean {
    this.stanzas.push(stanza.raw.toString());
    this.#rouse();
    return this.ready;
  }

  drain(): void {
    this.drains++;
    this.#rouse();
  }

  close(ending: Ending): void {
    this.endings.push(ending);
    this.#rouse();
  }

  /** Waits until this holds. */
  async until(holds: (end: ScriptedEnd) => boolean): Promise<this> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this;
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const one of wake) one();
  }
}

export class ScriptedUpstream implements Upstream {
  readonly ends: ScriptedEnd[] = [];
  /** Whether streams are opened at once. */
  answers = true;
  #wake: (() => void)[] = [];

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const end = new ScriptedEnd(client, header, this.answers);
    this.ends.push(end);
    if (this.answers) client.open({ id: 'stream-1', from: header.to });
    const wake = this.#wake;
    this.#wake = [];
    for (const one of wake) one();
    return end;
  }

  /** The stream that was attached as the n-th, counted from 0. */
  async end(index: number): Promise<ScriptedEnd> {
    while (this.ends.length <= index) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.ends[index];
  }

  async stop(): Promise<void> {}
}
