// What happens, for whoever watches: the events of node-xmpp-bosh under their old names, as a wrapping upstream. A
// stream is watched only when somebody listens as it is attached; without listeners it is not in the path at all.

import { EventEmitter } from 'node:events';
import type { ClientStream, Ending, StreamEnd, Upstream } from './stream/end.js';
import { WrappedClient } from './stream/wrapped-client.js';
import type { StreamHeader } from './xmpp/header.js';
import type { Stanza } from './xmpp/stanza.js';

/** What an observer may know of a stream. `name` is stable for the stream's life and holds no secret. */
export type StreamInfo = Pick<ClientStream, 'name' | 'transport' | 'remoteAddress' | 'remotePort' | 'secure'>;

/** Event names and their arguments. */
export interface ServerEvents {
  /** A client asks for a stream; `header.to` is the domain. */
  'stream-add': [stream: StreamInfo, header: StreamHeader];
  /** The other side opened it. */
  'stream-added': [stream: StreamInfo, header: StreamHeader];
  /** The client restarts its stream, as after SASL success. */
  'stream-restart': [stream: StreamInfo, header: StreamHeader];
  /** The other side opened it anew. */
  'stream-restarted': [stream: StreamInfo, header: StreamHeader];
  /** The client sent this. */
  nodes: [stanzas: readonly Stanza[], stream: StreamInfo];
  /** This goes to the client. */
  response: [stanza: Stanza, stream: StreamInfo];
  /** The client left: it said goodbye, or it is lost. */
  'stream-terminate': [stream: StreamInfo, ending: Ending];
  /** The other side left, or refused. */
  terminate: [stream: StreamInfo, ending: Ending];
  /** These never reached the client, oldest first. */
  'no-client': [undelivered: readonly Stanza[], stream: StreamInfo];
  /** The client of this BOSH session has seen the responses to this rid and all before it. */
  'response-acknowledged': [rid: number, session: string];
  /** A client of a local domain has proved who it is; `jid` is its account. */
  'session-authenticated': [jid: string, mechanism: string, stream: StreamInfo];
  /** A client of a local domain has an address. */
  'session-created': [jid: string];
  /** It is gone. */
  'session-closed': [jid: string, ending: Ending];
  /** An admin of a local domain wants the server to stop, or to be started anew. Whoever listens sees to it. */
  'halt-requested': [how: 'shutdown' | 'restart', domain: string];
  'module-loaded': [domain: string, module: string];
  'module-unloaded': [domain: string, module: string];
  /** A module threw, or could not be loaded. */
  'module-error': [domain: string, module: string, error: unknown];
  /** A listener threw. */
  error: [error: unknown];
}

const OF_STREAMS: readonly (keyof ServerEvents)[] = [
  'stream-add',
  'stream-added',
  'stream-restart',
  'stream-restarted',
  'nodes',
  'response',
  'stream-terminate',
  'terminate',
  'no-client',
];

/** A typed emitter; a listener that throws harms nobody and is told to `error`. */
export class Events extends EventEmitter<ServerEvents> {
  /** Whether somebody listens to what happens on streams, so that they have to be watched. */
  get watched(): boolean {
    return OF_STREAMS.some((name) => this.listenerCount(name) > 0);
  }

  /** Emits, and turns what a listener throws into an `error` event, if that is heard. */
  tell<K extends keyof ServerEvents>(event: K, ...args: ServerEvents[K]): void {
    try {
      (this.emit as (event: K, ...args: ServerEvents[K]) => boolean)(event, ...args);
    } catch (error) {
      if (event !== 'error' && this.listenerCount('error') > 0) this.tell('error', error);
    }
  }
}

/** The same upstream, watched. */
export function observed(upstream: Upstream, events: Events): Upstream {
  return {
    attach(client, header) {
      if (!events.watched) return upstream.attach(client, header);
      events.tell('stream-add', client, header);
      const server = upstream.attach(new WatchedClient(client, events), header);
      return new WatchedServer(client, server, events);
    },
    stop: () => upstream.stop(),
  };
}

class WatchedServer implements StreamEnd {
  constructor(
    readonly client: ClientStream,
    readonly server: StreamEnd,
    readonly events: Events,
  ) {}

  open(header: StreamHeader): void {
    this.events.tell('stream-restart', this.client, header);
    this.server.open(header);
  }

  stanza(stanza: Stanza): boolean {
    this.events.tell('nodes', [stanza], this.client);
    return this.server.stanza(stanza);
  }

  drain(): void {
    this.server.drain();
  }

  close(ending: Ending): void {
    if (ending.undelivered?.length) this.events.tell('no-client', ending.undelivered, this.client);
    this.events.tell('stream-terminate', this.client, ending);
    this.server.close(ending);
  }
}

class WatchedClient extends WrappedClient {
  #opened = false;

  constructor(
    client: ClientStream,
    readonly events: Events,
  ) {
    super(client);
  }

  override open(header: StreamHeader): void {
    this.events.tell(this.#opened ? 'stream-restarted' : 'stream-added', this.client, header);
    this.#opened = true;
    this.client.open(header);
  }

  override stanza(stanza: Stanza): boolean {
    this.events.tell('response', stanza, this.client);
    return this.client.stanza(stanza);
  }

  override close(ending: Ending): void {
    this.events.tell('terminate', this.client, ending);
    this.client.close(ending);
  }
}
