// An upstream that remembers what its clients said, and says what a test tells it to.

import type { ClientStream, Ending, StreamEnd, Upstream } from '../../src/stream/end.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import type { Stanza } from '../../src/xmpp/stanza.js';
import { News } from './news.js';

export class ScriptedEnd implements StreamEnd {
  readonly headers: StreamHeader[];
  readonly stanzas: string[] = [];
  readonly endings: Ending[] = [];
  drains = 0;
  /** What `stanza` returns. */
  ready = true;
  #news = new News();

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
    this.#news.tell();
  }

  stanza(stanza: Stanza): boolean {
    this.stanzas.push(stanza.raw.toString());
    this.#news.tell();
    return this.ready;
  }

  drain(): void {
    this.drains++;
    this.#news.tell();
  }

  close(ending: Ending): void {
    this.endings.push(ending);
    this.#news.tell();
  }

  /** Waits until this holds. */
  async until(holds: (end: ScriptedEnd) => boolean): Promise<this> {
    await this.#news.when(() => holds(this));
    return this;
  }
}

export class ScriptedUpstream implements Upstream {
  readonly ends: ScriptedEnd[] = [];
  /** Whether streams are opened at once. */
  answers = true;
  #news = new News();

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const end = new ScriptedEnd(client, header, this.answers);
    this.ends.push(end);
    if (this.answers) client.open({ id: 'stream-1', from: header.to });
    this.#news.tell();
    return end;
  }

  /** The stream that was attached as the n-th, counted from 0. */
  async end(index: number): Promise<ScriptedEnd> {
    await this.#news.when(() => this.ends.length > index);
    return this.ends[index];
  }

  async stop(): Promise<void> {}
}
