// A client without a transport: hears what an upstream says and keeps it, and waits for it.

import type { ClientStream, Ending } from '../../src/stream/end.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import type { Stanza } from '../../src/xmpp/stanza.js';

export class FakeClient implements ClientStream {
  name = 'test-client';
  transport = 'websocket' as const;
  remoteAddress = '198.51.100.7';
  remotePort = 40000;
  secure = true;
  route: string | undefined;
  /** What `stanza` returns. */
  takes = true;
  readonly headers: StreamHeader[] = [];
  readonly stanzas: string[] = [];
  bytes = 0;
  drained = 0;
  ending: Ending | undefined;
  closes = 0;
  /** Called after anything was heard. */
  heard: () => void = () => {};
  #waiting: (() => void)[] = [];

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

  close(ending: Ending): void {
    this.ending = ending;
    this.closes++;
    this.#changed();
  }

  async when(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves with how it was ended. */
  async closed(): Promise<Ending> {
    await this.when(() => this.ending !== undefined);
    return this.ending as Ending;
  }

  #changed(): void {
    this.heard();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
