// A client as seen through somebody who stands before it.

import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { ClientStream, Ending } from './end.js';

/** Hands everything on to the client it wraps; whoever extends it overrides what is to be different. */
export class WrappedClient implements ClientStream {
  constructor(readonly client: ClientStream) {}

  get name(): string {
    return this.client.name;
  }
  get transport(): ClientStream['transport'] {
    return this.client.transport;
  }
  get remoteAddress(): string {
    return this.client.remoteAddress;
  }
  get remotePort(): number {
    return this.client.remotePort;
  }
  get secure(): boolean {
    return this.client.secure;
  }
  get route(): string | undefined {
    return this.client.route;
  }
  get tls(): ClientStream['tls'] {
    return this.client.tls;
  }

  open(header: StreamHeader): void {
    this.client.open(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.client.stanza(stanza);
  }

  drain(): void {
    this.client.drain();
  }

  reached(told: () => void): void {
    this.client.reached(told);
  }

  close(ending: Ending): void {
    this.client.close(ending);
  }
}
