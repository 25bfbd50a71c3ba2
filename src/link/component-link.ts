// A component of ours at a server elsewhere (XEP-0114): it dials, proves that it knows the secret, and carries stanzas both
// ways. A connection that is lost is made again, after a time that grows. What a component says, its module decides.

import { createHash, randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Addresses } from '../core/addresses.js';
import { forComponent, fromComponent } from '../core/component-namespace.js';
import { Routed } from '../core/routed.js';
import type { Route } from '../core/router.js';
import type { Log } from '../log.js';
import { closedEnd, type Ending, type StreamEnd } from '../stream/end.js';
import { TCP_DEFAULTS, TcpStream, type Turn } from '../tcp/stream.js';
import { errorAnswer } from '../xmpp/answer.js';
import { StanzaError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** The component, as its link sees it. */
export interface Attached {
  readonly addresses: Addresses;
  /** Takes what comes for it; may throw StanzaError. */
  take(routed: Routed): boolean;
  /** It can be heard from now on; or no more. */
  up(): void;
  down(): void;
}

export interface LinkDeps {
  readonly log: Log;
  readonly turn: Turn;
  readonly times?: Times;
}

/** Milliseconds. */
interface Times {
  /** The pause before it is tried again. */
  readonly first: number;
  readonly longest: number;
  /** From the connection to the server's word that it is welcome. */
  readonly patience: number;
}

const TIMES: Times = { first: 1000, longest: 60_000, patience: 15_000 };
/** How long a connection is silent until it is probed, in milliseconds. */
const IDLE = 60_000;

export class ComponentLink implements Route, StreamEnd {
  readonly name = 'link';
  #stream: TcpStream | undefined;
  #socket: Socket | undefined;
  #state: 'away' | 'proving' | 'up' | 'stopped' = 'away';
  readonly #times: Times;
  #pause: number;
  #timer: NodeJS.Timeout | undefined;
  #full = false;

  constructor(
    readonly domain: string,
    readonly server: Server,
    readonly component: Attached,
    readonly deps: LinkDeps,
  ) {
    this.#times = deps.times ?? TIMES;
    this.#pause = this.#times.first;
    this.#dial();
  }

  /** What the component says, to anybody. */
  take(routed: Routed): boolean {
    if (routed.to.domain === this.domain) return this.component.take(routed);
    if (this.#state !== 'up') throw new StanzaError('wait', 'service-unavailable', 'not connected to the server');
    if (this.#full) throw new StanzaError('wait', 'resource-constraint', 'the server does not keep up');
    this.#full = !(this.#stream?.stanza(forComponent(routed.stanza)) ?? true);
    return true;
  }

  // What the server says.

  open({ id = '' }: StreamHeader): void {
    const proof = createHash('sha1').update(`${id}${this.server.secret}`).digest('hex');
    const handshake = `<handshake xmlns='${NS.component}'>${escapeText(proof)}</handshake>`;
    this.#stream?.stanza(new Stanza(Buffer.from(handshake), NS.component));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state === 'proving' && stanza.name === 'handshake' && stanza.ns === NS.component) this.#welcome();
    else if (this.#state === 'up') this.#hear(stanza);
    return true;
  }

  drain(): void {
    this.#full = false;
  }

  close({ error }: Ending): void {
    this.#lost(error);
  }

  async stop(): Promise<void> {
    const stream = this.#stream;
    this.#down('stopped');
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    if (stream === undefined) return;
    const released = new Promise<void>((resolve) => {
      stream.onreleased = resolve;
    });
    stream.close({ how: 'closed' });
    await released;
  }

  #dial(): void {
    if (this.#state === 'stopped') return;
    const { host, port } = this.server;
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: IDLE });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(new Error('no answer in time')), this.#times.patience).unref();
    socket.once('error', (error) => this.#lost(error));
    socket.once('connect', () => this.#prove(socket));
  }

  #prove(socket: Socket): void {
    socket.removeAllListeners('error');
    this.#socket = undefined;
    this.#state = 'proving';
    this.#stream = new TcpStream(socket, this, { ...TCP_DEFAULTS, contentNs: NS.component, turn: this.deps.turn });
    this.#stream.open({ to: this.domain });
  }

  #welcome(): void {
    clearTimeout(this.#timer);
    this.#state = 'up';
    this.#pause = this.#times.first;
    this.deps.log.info('component_attached', { domain: this.domain, host: this.server.host, port: this.server.port });
    this.component.up();
  }

  #hear(said: Stanza): void {
    const { kind, from, to, type } = said;
    if (kind === undefined || from === undefined || to === undefined) return;
    const stanza = fromComponent(said);
    try {
      const { addresses } = this.component;
      this.component.take(new Routed(stanza, kind, type, addresses.read(from), addresses.read(to)));
    } catch (error) {
      this.#refuse(stanza, error);
    }
  }

  #refuse(stanza: Stanza, error: unknown): void {
    if (!(error instanceof StanzaError)) this.deps.log.error('component_failed', { domain: this.domain, error });
    const { type, kind } = stanza;
    if (type === 'error' || (kind === 'iq' && type === 'result')) return;
    const said = error instanceof StanzaError ? error : new StanzaError('cancel', 'internal-server-error');
    this.#stream?.stanza(forComponent(errorAnswer(stanza, said)));
  }

  /** Waits, and tries again. */
  #lost(error: Error | undefined): void {
    if (this.#state === 'stopped') return;
    const { host, port } = this.server;
    clearTimeout(this.#timer);
    this.#down('away');
    this.#socket?.destroy();
    this.#socket = undefined;
    const wait = this.#pause + randomInt(this.#pause);
    this.deps.log.warn('component_unattached', {
      domain: this.domain,
      host,
      port,
      error: error?.message,
      retry_ms: wait,
    });
    this.#pause = Math.min(this.#pause * 2, this.#times.longest);
    this.#timer = setTimeout(() => this.#dial(), wait).unref();
  }

  #down(state: 'away' | 'stopped'): void {
    const was = this.#state;
    this.#state = state;
    this.#full = false;
    const stream = this.#stream;
    this.#stream = undefined;
    if (state === 'away' && stream !== undefined) {
      stream.peer = closedEnd;
      stream.close({ how: 'lost' });
    }
    if (was === 'up') this.component.down();
  }
}
