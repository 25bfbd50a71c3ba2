// A domain whose accounts are here. It takes what its clients send, stamps it, and delivers what is for its own
// addresses to whoever hooked them. What XMPP's kinds of stanzas mean is the business of modules.

import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Driver, Store, StoreKind } from '../storage/store.js';
import type { Ending } from '../stream/end.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';
import type { Kind, Stanza } from '../xmpp/stanza.js';
import { Accounts } from './accounts.js';
import type { Addresses } from './addresses.js';
import type { C2s } from './c2s.js';
import { type Address, Hooks } from './hooks.js';
import type { Host } from './host.js';
import { answerIq, checkIq } from './iq.js';
import { type Lender, type ModuleEvents, Modules } from './module.js';
import type { CoreOptions, DomainOptions } from './options.js';
import { type Part, Parts } from './parts.js';
import { Routed } from './routed.js';
import type { Route, Router } from './router.js';
import type { Derivation } from './sasl/derivation.js';
import type { Session } from './session.js';
import { LocalSessions } from './sessions.js';

/** What all hosts of a core share. */
export interface HostDeps {
  readonly router: Router;
  readonly addresses: Addresses;
  readonly storage: Driver;
  /** Whose turns at the processor all hosts share. */
  readonly derivation: Derivation;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly events: ModuleEvents & SessionEvents;
  readonly domains: { keys(): Iterable<string> };
  now(): number;
  limited(limit: string): void;
}

/** Told of what becomes of sessions. */
export interface SessionEvents {
  authenticated(stream: C2s): void;
  created(session: Session): void;
  closed(session: Session, ending: Ending): void;
}

const HOOKS = {
  message: { full: 'message/full', bare: 'message/bare', host: 'message/host' },
  presence: { full: 'presence/full', bare: 'presence/bare', host: 'presence/host' },
  iq: { full: 'iq/full', bare: 'iq/bare', host: 'iq/host' },
} as const;

const PRE_HOOKS = {
  message: { full: 'pre-message/full', bare: 'pre-message/bare', host: 'pre-message/host' },
  presence: { full: 'pre-presence/full', bare: 'pre-presence/bare', host: 'pre-presence/host' },
  iq: { full: 'pre-iq/full', bare: 'pre-iq/bare', host: 'pre-iq/host' },
} as const;

export class VirtualHost implements Route, Lender {
  readonly name: string;
  readonly jid: JID;
  readonly hooks: Hooks;
  readonly sessions = new LocalSessions();
  readonly modules: Modules;
  readonly accounts: Accounts;
  readonly log: Log;
  readonly #parts = new Parts();
  /** Streams that are not bound yet, oldest first. */
  readonly #unbound = new Set<C2s>();
  readonly #streams = new Set<C2s>();
  /** Streams that send faster than they may. */
  readonly #ahead = new Set<C2s>();
  /** Milliseconds, as of the last sweep: near enough for rates. */
  time: number;

  constructor(
    readonly domain: string,
    public options: DomainOptions,
    public core: CoreOptions,
    readonly deps: HostDeps,
  ) {
    this.name = domain;
    this.jid = JID.of(undefined, domain);
    this.time = deps.now();
    this.log = deps.log.child({ domain });
    this.hooks = new Hooks((module, error) => deps.events.failed(domain, module, error));
    this.modules = new Modules(this, deps.events);
    this.accounts = new Accounts(deps.storage.open(domain, 'accounts', 'keyvalue'), deps.derivation);
    this.accounts.onDelete((username) => this.#deleted(username));
  }

  get authTimeout(): number {
    return this.core.auth_timeout;
  }

  limited(limit: string): void {
    this.deps.limited(limit);
  }

  // Streams.

  /** A stream came, was bound, is gone. */
  came(stream: C2s): void {
    this.#streams.add(stream);
    this.#unbound.add(stream);
  }

  settled(stream: C2s): void {
    this.#unbound.delete(stream);
  }

  left(stream: C2s): void {
    this.#streams.delete(stream);
    this.#unbound.delete(stream);
    this.#ahead.delete(stream);
  }

  /** A stream sends faster than it may; and no longer. */
  isAhead(stream: C2s): void {
    this.#ahead.add(stream);
  }

  keepsPace(stream: C2s): void {
    this.#ahead.delete(stream);
  }

  sweep(now: number): void {
    this.time = now;
    for (const stream of [...this.#ahead]) stream.sweep(now);
    this.#endLate(now);
  }

  /** Ends streams that took too long to be bound. */
  #endLate(now: number): void {
    for (const stream of this.#unbound) {
      if (now < stream.deadline) return;
      this.limited('auth_timeout');
      stream.end(new StreamError('connection-timeout', 'no resource was bound in time'));
    }
  }

  /** Ends everything. */
  stop(error: StreamError): void {
    for (const stream of [...this.#streams]) stream.end(error);
    for (const session of this.sessions) session.end(error);
    this.modules.unloadAll();
  }

  // Sessions.

  /** It is among the host's sessions from now on. */
  add(session: Session): void {
    session.onclosed = (ending) => this.#closed(session, ending);
    this.sessions.add(session);
    this.hooks.tell('session-created', { session });
    this.deps.events.created(session);
  }

  /** Its connection is gone. */
  detached(session: Session, ending: Ending): void {
    session.stream = undefined;
    if (this.#kept(session, ending)) return;
    session.closed(ending);
  }

  #kept(session: Session, ending: Ending): boolean {
    try {
      return this.hooks.run('session-detached', { session, ending });
    } catch {
      return false;
    }
  }

  #closed(session: Session, ending: Ending): void {
    this.sessions.remove(session);
    if (session.presence !== undefined) {
      session.presence = undefined;
      this.hooks.tell('session-unavailable', { session });
    }
    this.hooks.tell('session-closed', { session, ending });
    const { undelivered } = ending;
    if (undelivered !== undefined && undelivered.length > 0) {
      this.hooks.tell('undelivered', { session, stanzas: undelivered });
    }
    // What was kept for somebody without an account goes with him.
    if (session.anonymous) {
      this.#forget(session.jid.local).catch((error) => this.log.error('account_left_behind', { error }));
    }
    this.deps.events.closed(session, ending);
  }

  /** Its account is no more: whoever uses it goes, and what modules keep for it. */
  async #deleted(username: string): Promise<void> {
    for (const session of this.sessions.of(username)) session.end(new StreamError('not-authorized', 'account deleted'));
    await this.#forget(username);
  }

  async #forget(username: string): Promise<void> {
    const waits: Promise<unknown>[] = [];
    this.hooks.tell('account-deleted', { username, waits });
    await Promise.all(waits);
  }

  // Stanzas.

  /** A client sent this (RFC 6120 section 8.1). Throws StreamError when it says to be somebody else. */
  sent(session: Session, stanza: Stanza, kind: Kind): void {
    const { from, to: said, type } = stanza;
    if (from !== undefined && !this.#isOwn(session, from)) throw new StreamError('invalid-from');
    const stamped = stanza.with(stampOf(session, stanza));
    let routed: Routed;
    try {
      const to = said === undefined ? session.jid.bare : this.deps.addresses.read(said);
      routed = new Routed(stamped, kind, type, session.jid, to, session);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.deps.router.refuse(new Routed(stamped, kind, type, session.jid, session.jid.bare, session), error);
      return;
    }
    try {
      if (kind === 'iq') checkIq(routed);
      const hook =
        said === undefined && kind === 'presence' ? 'pre-presence/self' : PRE_HOOKS[kind][addressOf(routed.to)];
      if (!this.hooks.run(hook, routed)) this.deps.router.route(routed);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      this.deps.router.refuse(routed, error);
    }
  }

  #isOwn(session: Session, from: string): boolean {
    if (from === session.address || from === session.bareAddress) return true;
    try {
      const jid = JID.parse(from);
      return jid.equals(session.jid) || jid.equals(session.jid.bare);
    } catch {
      return false;
    }
  }

  /** Delivers what is for this host's addresses. */
  take(routed: Routed): boolean {
    if (routed.to.domain !== this.domain) return false;
    const { kind, to } = routed;
    const address = addressOf(to);
    if (this.hooks.run(HOOKS[kind][address], routed)) return true;
    if (kind === 'iq') this.#takeIq(routed, address);
    else if (kind === 'message') throw new StanzaError('cancel', 'service-unavailable');
    return true;
  }

  /** RFC 6120 section 10.3.3, RFC 6121 section 8.5. */
  #takeIq(routed: Routed, address: Address): void {
    const { type, stanza, to } = routed;
    const session = address === 'full' ? this.sessions.find(to) : undefined;
    if (session !== undefined) session.send(stanza);
    else if (type === 'get' || type === 'set') {
      if (address === 'full') throw new StanzaError('cancel', 'service-unavailable');
      answerIq(this, routed, address);
    }
  }

  /** Routes what was made here. */
  route(stanza: Stanza): void {
    const { kind, from, to } = stanza;
    if (kind === undefined) return;
    const sender = from === undefined ? this.jid : this.deps.addresses.read(from);
    const receiver = to === undefined ? sender.bare : this.deps.addresses.read(to);
    this.deps.router.route(new Routed(stanza, kind, stanza.type, sender, receiver));
  }

  // Modules.

  lend(owner: string, undo: (() => void)[]): Host {
    return new LentHost(this, this.#parts, owner, undo);
  }
}

export function addressOf(to: JID): Address {
  return to.local === '' ? 'host' : to.resource === '' ? 'bare' : 'full';
}

/** Section 8.1.2.1 and 8.1.5: whose it is, and in which language when it does not say. */
function stampOf(session: Session, stanza: Stanza): Record<string, string | undefined> {
  const lang = session.stream?.header.lang;
  if (lang === undefined || stanza.attr('xml:lang') !== undefined) return { from: session.address };
  return { from: session.address, 'xml:lang': lang };
}

/** A host as one module sees it: what it registers goes when it does. */
class LentHost implements Host {
  readonly hooks: Host['hooks'];
  readonly tell: Host['tell'];
  readonly run: Host['run'];

  constructor(
    readonly host: VirtualHost,
    readonly parts: Parts,
    readonly owner: string,
    readonly undo: (() => void)[],
  ) {
    const hooks = host.hooks.of(owner);
    const kept = (back: () => void) => {
      undo.push(back);
      return back;
    };
    this.hooks = {
      on: (name, handler, priority) => kept(hooks.on(name, handler, priority)),
      iq: (type, address, ns, name, handler) => kept(hooks.iq(type, address, ns, name, handler)),
      nonza: (ns, handler) => kept(hooks.nonza(ns, handler)),
    };
    this.tell = host.hooks.tell.bind(host.hooks);
    this.run = host.hooks.run.bind(host.hooks);
  }

  get domain(): string {
    return this.host.domain;
  }
  get jid(): JID {
    return this.host.jid;
  }
  get options(): DomainOptions {
    return this.host.options;
  }
  get limits(): CoreOptions['limits'] {
    return this.host.core.limits;
  }
  get trusted_proxies(): CoreOptions['trusted_proxies'] {
    return this.host.core.trusted_proxies;
  }
  get accounts(): Accounts {
    return this.host.accounts;
  }
  get sessions(): LocalSessions {
    return this.host.sessions;
  }
  get addresses(): Addresses {
    return this.host.deps.addresses;
  }
  get log(): Log {
    return this.host.log;
  }
  get metrics(): Metrics {
    return this.host.deps.metrics;
  }
  get domains(): Iterable<string> {
    return this.host.deps.domains.keys();
  }

  now(): number {
    return this.host.deps.now();
  }
  limited(limit: string): void {
    this.host.limited(limit);
  }
  add(session: Session): void {
    this.host.add(session);
  }
  route(stanza: Stanza): void {
    this.host.route(stanza);
  }
  send(routed: Routed): void {
    this.host.deps.router.route(routed);
  }
  refuse(routed: Routed, error: StanzaError): void {
    this.host.deps.router.refuse(routed, error);
  }
  open<K extends StoreKind>(store: string, kind: K): Store<K> {
    return this.host.deps.storage.open(this.domain, store, kind);
  }
  provide<T>(part: Part<T>, value: T): void {
    this.undo.push(this.parts.provide(part, value));
  }
  use<T>(part: Part<T>): T {
    return this.parts.use(part);
  }
  find<T>(part: Part<T>): T | undefined {
    return this.parts.find(part);
  }
}
