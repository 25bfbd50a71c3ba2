// A client without a transport: hears what an upstream says and keeps it, and waits for it.

import type { ClientStream, Ending } from '../../src/stream/end.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import type { Stanza } from '../../src/xmpp/stanza.js';
import { News } from './news.js';

export class FakeClient implements ClientStream {
  name = 'test-client';
  transport = 'websocket' as const;
  remoteAddress = '198.51.100.7';
  remotePort = 40000;
  secure = true;
  route: string | undefined;
  /** What `stanza` returns. */
  takes = true;
  /** What it was told counts as received at once; or when what is `owed` is called. */
  reaches = true;
  readonly owed: (() => void)[] = [];
  readonly headers: StreamHeader[] = [];
  readonly stanzas: string[] = [];
  bytes = 0;
  drained = 0;
  ending: Ending | undefined;
  closes = 0;
  /** Called after anything was heard. */
  heard: () => void = () => {};
  #news = new News();

  constructor(fields: Partial<Pick<FakeClient, 'remoteAddress' | 'remotePort' | 'secure' | 'route' | 'takes'>> = {}) {
    Object.assign(this, fields);
  }

  open(header: StreamHeader): void {
    this.headers.push(header);
    this.#changed();
  }

  stanza(stanza: Stanza): boolean {
    this.stanzas.push(stanza.raw.toString());
    this.bytes += stanza.raw.length;
    this.#changed();
    return this.takes;
  }

  drain(): void {
    this.drained++;
    this.#changed();
  }

  reached(told: () => void): void {
    if (this.reaches) told();
    else this.owed.push(told);
  }

  close(ending: Ending): void {
    this.ending = ending;
    this.closes++;
    this.#changed();
  }

  when(condition: () => boolean): Promise<void> {
    return this.#news.when(condition);
  }

  /** Resolves with how it was ended. */
  async closed(): Promise<Ending> {
    await this.when(() => this.ending !== undefined);
    return this.ending as Ending;
  }

  #changed(): void {
    this.heard();
    this.#news.tell();
  }
}
