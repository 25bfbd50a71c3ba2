// A component that is a program of its own (XEP-0114): a domain, and the connections over which it came. What is for it
// goes to the connection that is this sender's, so that order is kept; where several are allowed, load is spread by sender.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Log } from '../log.js';
import type { ClientStream, Ending, StreamEnd } from '../stream/end.js';
import { bounce } from '../xmpp/bounce.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import type { Addresses } from './addresses.js';
import { forComponent, fromComponent } from './component-namespace.js';
import type { ComponentOptions } from './options.js';
import { Pace, type PaceLimits } from './pace.js';
import { Queue } from './queue.js';
import { rendezvous } from './rendezvous.js';
import { Routed } from './routed.js';
import type { Route, Router } from './router.js';

export interface ComponentDeps {
  readonly router: Router;
  readonly addresses: Addresses;
  readonly log: Log;
  now(): number;
  limited(limit: string): void;
  /** Whether what one connection may send has a limit. */
  rates(): boolean;
  authTimeout(): number;
}

export class ExternalComponent implements Route {
  readonly name: string;
  /** Those that have proved to be it. */
  readonly connections: ComponentStream[] = [];
  readonly #queue: Queue;
  /** Those that have not, and until when they may; in milliseconds. */
  readonly #strangers = new Map<ComponentStream, number>();

  constructor(
    readonly domain: string,
    public options: ComponentOptions,
    readonly deps: ComponentDeps,
  ) {
    this.name = domain;
    this.#queue = new Queue(options, deps);
  }

  /** Bytes that wait for it to come back. */
  get waiting(): number {
    return this.#queue.bytes;
  }

  /** For people. */
  get state(): string {
    const { length } = this.connections;
    return length === 0 ? 'away' : length === 1 ? 'connected' : `${length} connections`;
  }

  get label(): string | undefined {
    return this.options.name;
  }

  take(routed: Routed): boolean {
    if (routed.to.domain !== this.domain) return false;
    const connection = this.#chosen(routed);
    if (connection !== undefined) connection.deliver(routed);
    else if (!this.#queue.add(routed)) throw new StanzaError('wait', 'service-unavailable', 'the component is away');
    return true;
  }

  /** It has to prove that it is this component. */
  came(connection: ComponentStream): ComponentStream {
    this.#strangers.set(connection, this.deps.now() + this.deps.authTimeout() * 1000);
    return connection;
  }

  /** It has proved to be this component. Throws StreamError conflict when there is another, and may not be. */
  joined(connection: ComponentStream): void {
    if (this.connections.length > 0 && !this.options.multiple) {
      throw new StreamError('conflict', 'this component is connected already');
    }
    this.#strangers.delete(connection);
    this.connections.push(connection);
    this.deps.log.info('component_connected', { domain: this.domain, connections: this.connections.length });
  }

  /** It may be told what waited for it. */
  ready(): void {
    for (const routed of this.#queue.take()) this.deps.router.route(routed);
  }

  left(connection: ComponentStream): void {
    this.#strangers.delete(connection);
    const at = this.connections.indexOf(connection);
    if (at < 0) return;
    this.connections.splice(at, 1);
    this.deps.log.info('component_left', { domain: this.domain, connections: this.connections.length });
  }

  /** What one connection may send. */
  get pace(): PaceLimits | undefined {
    const { stanzas_per_second, bytes_per_second } = this.options;
    if (!this.deps.rates()) return undefined;
    const bursts = { stanza_burst: stanzas_per_second * BURST, byte_burst: bytes_per_second * BURST };
    return { stanzas_per_second, bytes_per_second, ...bursts };
  }

  sweep(now: number): void {
    this.#queue.sweep(now);
    this.#endLate(now);
    for (const connection of this.connections) connection.sweep(now);
  }

  #endLate(now: number): void {
    for (const [connection, until] of [...this.#strangers]) {
      if (now < until) return;
      this.deps.limited('auth_timeout');
      connection.end(new StreamError('connection-timeout', 'the handshake did not come in time'));
    }
  }

  stop(error: StreamError): void {
    for (const connection of [...this.#strangers.keys(), ...this.connections]) connection.end(error);
    this.#queue.clear();
  }

  /** Who asked gets the answer; all else goes by its sender (rendezvous hashing: one that leaves moves only its own). */
  #chosen(routed: Routed): ComponentStream | undefined {
    const { connections } = this;
    if (connections.length <= 1) return connections[0];
    const { kind, type, from, stanza } = routed;
    if (kind === 'iq' && (type === 'result' || type === 'error')) {
      const key = askedBy(stanza.id, from.toString());
      const asker = connections.find((connection) => connection.asked.take(key));
      if (asker !== undefined) return asker;
    }
    return rendezvous(connections, ({ salt }) => salt, from.bare.toString());
  }
}

/** Seconds' worth that may be sent at once. */
const BURST = 10;

const askedBy = (id: string | undefined, of: string): string => `${id} ${of}`;

/** Requests of one connection that are not answered; the oldest are forgotten. */
class Asked {
  readonly #keys = new Set<string>();

  add(key: string): void {
    this.#keys.add(key);
    if (this.#keys.size <= 10_000) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }

  take(key: string): boolean {
    return this.#keys.delete(key);
  }
}

/** One connection of a component: what it says. */
export class ComponentStream implements StreamEnd {
  readonly asked = new Asked();
  readonly salt = randomBytes(6).toString('base64');
  #state: 'new' | 'proved' | 'over' = 'new';
  /** It takes nothing more for now. */
  #full = false;
  readonly #pace = new Pace();
  /** It has sent so much that it is not read for now. */
  #ahead = false;

  constructor(
    readonly client: ClientStream,
    readonly component: ExternalComponent,
    /** The stream id. */
    readonly id: string,
  ) {}

  open(): void {
    this.end(new StreamError('policy-violation', 'a stream of a component is not restarted'));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state === 'over') return true;
    try {
      if (this.#state === 'new') this.#prove(stanza);
      else this.#hear(stanza);
    } catch (error) {
      this.#fail(error);
    }
    return !this.#isAhead(stanza);
  }

  /** It goes on once it is no longer ahead of its pace. */
  sweep(now: number): void {
    const { pace } = this.component;
    if (!this.#ahead || (pace && this.#pace.ahead(now, pace) !== undefined)) return;
    this.#ahead = false;
    this.client.drain();
  }

  drain(): void {
    this.#full = false;
  }

  close({ undelivered = [] }: Ending): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.component.left(this);
    for (const stanza of undelivered) this.#undelivered(fromComponent(stanza));
  }

  end(error?: StreamError): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.component.left(this);
    this.client.close({ how: 'closed', error });
  }

  /** A stanza for it. Throws StanzaError when it does not keep up. */
  deliver({ stanza }: Routed): void {
    if (this.#full) {
      this.component.deps.limited('component_queue');
      throw new StanzaError('wait', 'resource-constraint', 'the component does not keep up');
    }
    this.#full = !this.client.stanza(forComponent(stanza));
  }

  #isAhead({ raw }: Stanza): boolean {
    const { deps, pace } = this.component;
    const limit = pace && this.#pace.take(raw.length, deps.now(), pace);
    if (limit !== undefined && !this.#ahead) deps.limited(limit);
    this.#ahead ||= limit !== undefined;
    return this.#ahead;
  }

  /** Section 3: the hash of the stream id and the secret. */
  #prove(stanza: Stanza): void {
    if (stanza.name !== 'handshake' || stanza.ns !== NS.component) throw new StreamError('not-authorized');
    const { secret = '' } = this.component.options;
    const expected = createHash('sha1').update(`${this.id}${secret}`).digest('hex');
    const said = Buffer.from(stanza.tree.getText().trim());
    if (said.length !== expected.length || !timingSafeEqual(said, Buffer.from(expected)) || secret === '') {
      this.component.deps.log.warn('component_refused', {
        domain: this.component.domain,
        address: this.client.remoteAddress,
      });
      throw new StreamError('not-authorized');
    }
    this.component.joined(this);
    this.#state = 'proved';
    this.client.stanza(HANDSHAKE);
    this.component.ready();
  }

  /** Every stanza says from whom it is, at this domain, and for whom. */
  #hear(said: Stanza): void {
    const { kind } = said;
    if (kind === undefined || said.ns !== NS.component) throw new StreamError('unsupported-stanza-type');
    const { from, to, type } = said;
    if (from === undefined || to === undefined) throw new StreamError('improper-addressing');
    const { addresses, router } = this.component.deps;
    const sender = read(addresses, from);
    if (sender === undefined || sender.domain !== this.component.domain) throw new StreamError('invalid-from');
    const stanza = fromComponent(said);
    const receiver = read(addresses, to);
    if (receiver === undefined) {
      const refused = new Routed(stanza, kind, type, sender, sender);
      router.refuse(refused, new StanzaError('modify', 'jid-malformed'));
      return;
    }
    if (kind === 'iq' && (type === 'get' || type === 'set') && this.component.options.multiple) {
      this.asked.add(askedBy(said.id, receiver.toString()));
    }
    router.route(new Routed(stanza, kind, type, sender, receiver));
  }

  #undelivered(stanza: Stanza): void {
    const answer = bounce(stanza);
    const { kind, from, to } = answer ?? {};
    if (answer === undefined || kind === undefined || from === undefined || to === undefined) return;
    const { addresses, router } = this.component.deps;
    const [sender, receiver] = [read(addresses, from), read(addresses, to)];
    if (sender && receiver) router.route(new Routed(answer, kind, 'error', sender, receiver));
  }

  #fail(error: unknown): void {
    if (!(error instanceof StreamError)) this.component.deps.log.error('component_failed', { error });
    this.end(
      error instanceof StreamError ? error : new StreamError('internal-server-error', undefined, { cause: error }),
    );
  }
}

const HANDSHAKE = new Stanza(Buffer.from(`<handshake xmlns='${NS.component}'/>`), NS.component);

function read(addresses: Addresses, text: string) {
  try {
    return addresses.read(text);
  } catch {
    return undefined;
  }
}
