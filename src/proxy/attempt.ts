// One target of a server, tried: its addresses found, one of them dialled, the connection secured and the stream opened, or
// all of it given up. Its steps are calls of one object: as promises and abort signals they were a sixth of what a
// client's set-up allocates, and seen in its cost (docs/performance.md).

import type { Socket } from 'node:net';
import type { ClientStream } from '../stream/end.js';
import type { TcpOptions, TcpStream } from '../tcp/stream.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Breaker } from './breaker.js';
import { addresses, type Destination, security } from './destination.js';
import { Dial, type Dialled } from './dial.js';
import { type Negotiated, Negotiation } from './negotiation.js';
import type { ProxyOptions, TlsMode } from './options.js';
import { proxyHeader } from './proxy-protocol.js';
import type { Resolver, Target } from './resolve.js';
import { type Contexts, secure } from './secure.js';
import { type Unreachable, unreachable } from './unreachable.js';

/** What all attempts of a proxy share. */
export interface Means {
  readonly options: ProxyOptions;
  readonly tcp: TcpOptions;
  readonly resolver: Resolver;
  readonly contexts: Contexts;
  /** Whether an address may be dialled that nobody configured. */
  readonly isAllowed: (address: string) => boolean;
  readonly breaker: Breaker;
  /** Seconds a phase took; where nobody was asked there was no `dns`. */
  took(phase: 'dns' | 'connect' | 'tls' | 'stream', seconds: number): void;
}

/** Who wants to be there. */
export interface Caller {
  readonly client: ClientStream;
  readonly to: Destination;
  readonly exchange: Means;
  /** The stream is open; called inside the event that opened it. */
  handOver(stream: TcpStream, header: StreamHeader, features: Stanza | undefined): void;
  /** The server's certificate was not verified. */
  unverified(): void;
}

export class Attempt implements Dialled, Negotiated {
  readonly #caller: Caller;
  readonly #target: Target;
  readonly #header: StreamHeader;
  #told: ((failure: Unreachable | undefined) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** When the phase began that is under way. */
  #begun = 0;
  // What is under way, and ends when this is given up.
  #dial: Dial | undefined;
  #socket: Socket | undefined;
  #negotiation: Negotiation | undefined;

  constructor(caller: Caller, target: Target, header: StreamHeader) {
    this.#caller = caller;
    this.#target = target;
    this.#header = header;
  }

  /** Begins, and resolves with what it failed of, with `late` after so many milliseconds, if any; undefined: the stream is open. */
  run(time: number | undefined, late: Unreachable): Promise<Unreachable | undefined> {
    if (time !== undefined) this.#timer = setTimeout(() => this.abort(late), time);
    return new Promise((resolve) => {
      this.#told = resolve;
      this.#guarded(() => this.#find());
    });
  }

  /** Gives up, for this reason. */
  abort(reason: Unreachable): void {
    if (this.#told === undefined) return;
    this.#dial?.abort();
    this.#dial = undefined;
    this.#socket?.destroy();
    this.#negotiation?.abort();
    this.#tell(reason);
  }

  // Its addresses.

  #find(): void {
    const { to, exchange } = this.#caller;
    const found = addresses(this.#target, to, exchange.resolver, exchange.isAllowed);
    if (!(found instanceof Promise)) {
      this.#call(found);
      return;
    }
    this.#begun = performance.now();
    found.then(
      (all) => {
        this.#took('dns');
        this.#guarded(() => this.#call(all));
      },
      (error: unknown) => this.failed(unreachable(error)),
    );
  }

  // The connection.

  #call(found: readonly string[]): void {
    if (this.#told === undefined) return;
    const { breaker, options, tcp } = this.#caller.exchange;
    breaker.check(this.#name);
    this.#dial = new Dial(found, this.#target.port, { timeout: options.connect_timeout * 1000 }, this);
    tcp.turn.soon(this);
  }

  /** Dials, with all that are to be dialled in this turn: among reads it costs more (src/tick.ts). */
  flush(): void {
    this.#begun = performance.now();
    this.#guarded(() => this.#dial?.next());
  }

  connected(socket: Socket, address: string): void {
    this.#dial = undefined;
    this.#socket = socket;
    this.#caller.exchange.breaker.connected(this.#name);
    this.#took('connect');
    this.#guarded(() => this.#establish(socket, address));
  }

  unconnected(failure: Unreachable): void {
    this.#dial = undefined;
    this.#caller.exchange.breaker.failed(this.#name, failure);
    this.failed(failure);
  }

  #establish(socket: Socket, address: string): void {
    const { to, client } = this.#caller;
    const { tls, verify } = security(to, this.#target, address);
    const version = to.upstream.proxy_protocol ?? 0;
    if (version !== 0) socket.write(proxyHeader(version, client, socket));
    if (tls !== 'direct') this.#negotiate(socket, tls, verify);
    else
      this.#secure(socket, verify, true).then(
        (encrypted) => this.#guarded(() => this.#negotiate(encrypted, 'none', verify)),
        (error: unknown) => this.failed(unreachable(error)),
      );
  }

  async #secure(socket: Socket, verify: boolean, direct: boolean): Promise<Socket> {
    const { exchange, to } = this.#caller;
    const { domain, upstream } = to;
    const begun = performance.now();
    const encrypted = await secure(socket, { domain, context: exchange.contexts.for(upstream.ca), verify, direct });
    exchange.took('tls', (performance.now() - begun) / 1000);
    if (!encrypted.authorized) this.#caller.unverified();
    return encrypted;
  }

  // The stream.

  #negotiate(socket: Socket, tls: Exclude<TlsMode, 'direct'>, verify: boolean): void {
    if (this.#told === undefined) {
      socket.destroy();
      return;
    }
    this.#begun = performance.now();
    const { tcp } = this.#caller.exchange;
    const encrypt = (plain: Socket) => this.#secure(plain, verify, false);
    this.#negotiation = new Negotiation(socket, { header: this.#header, tls, tcp, secure: encrypt }, this);
  }

  opened(stream: TcpStream, header: StreamHeader, features: Stanza | undefined): void {
    this.#took('stream');
    this.#tell(undefined);
    this.#caller.handOver(stream, header, features);
  }

  failed(failure: Unreachable): void {
    this.#tell(failure);
  }

  // What is told.

  get #name(): string {
    return `${this.#target.host}:${this.#target.port}`;
  }

  #took(phase: 'dns' | 'connect' | 'stream'): void {
    this.#caller.exchange.took(phase, (performance.now() - this.#begun) / 1000);
  }

  /** Whatever is thrown on the way is a failure of this attempt. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#socket?.destroy();
      this.#tell(unreachable(error));
    }
  }

  #tell(failure: Unreachable | undefined): void {
    clearTimeout(this.#timer);
    this.#told?.(failure);
    this.#told = undefined;
  }
}
