// A domain whose accounts are here. It takes what its clients send, stamps it, and delivers what is for its own
// addresses to whoever hooked them. What XMPP's kinds of stanzas mean is the business of modules.

import type { Ending } from '../stream/end.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';
import type { Kind, Stanza } from '../xmpp/stanza.js';
import { Accounts } from './accounts.js';
import { addressOf, BaseHost, type HostDeps, LentHost } from './base-host.js';
import type { C2s } from './c2s.js';
import type { Address } from './hooks.js';
import type { Halt, Host } from './host.js';
import { checkIq } from './iq.js';
import type { ModuleEvents } from './module.js';
import type { CoreOptions, DomainOptions } from './options.js';
import { Routed } from './routed.js';
import type { Derivation } from './sasl/derivation.js';
import type { Session } from './session.js';
import { LocalSessions } from './sessions.js';

export interface VirtualHostDeps extends HostDeps {
  /** Whose turns at the processor all hosts share. */
  readonly derivation: Derivation;
  readonly events: ModuleEvents & SessionEvents;
}

/** Told of what becomes of sessions. */
export interface SessionEvents {
  authenticated(stream: C2s): void;
  created(session: Session): void;
  closed(session: Session, ending: Ending): void;
  /** An admin of a domain asks for it; false: nobody does that here. */
  halt?(domain: string, how: Halt): boolean;
}

const PRE_HOOKS = {
  message: { full: 'pre-message/full', bare: 'pre-message/bare', host: 'pre-message/host' },
  presence: { full: 'pre-presence/full', bare: 'pre-presence/bare', host: 'pre-presence/host' },
  iq: { full: 'pre-iq/full', bare: 'pre-iq/bare', host: 'pre-iq/host' },
} as const;

/** How often modules are asked for what they have to finish. */
const ROUNDS = 10;

export class VirtualHost extends BaseHost<Host> {
  readonly sessions = new LocalSessions();
  readonly accounts: Accounts;
  /** Streams that are not bound yet, oldest first. */
  readonly #unbound = new Set<C2s>();
  readonly #streams = new Set<C2s>();
  /** Streams that send faster than they may. */
  readonly #ahead = new Set<C2s>();
  /** Milliseconds, as of the last sweep: near enough for rates. */
  time: number;

  constructor(
    domain: string,
    public options: DomainOptions,
    public core: CoreOptions,
    override readonly deps: VirtualHostDeps,
  ) {
    super(domain, deps);
    this.time = deps.now();
    this.accounts = new Accounts(deps.storage.open(domain, 'accounts', 'keyvalue'), deps.derivation);
    this.accounts.onDelete((username) => this.#deleted(username));
    this.accounts.onDisable((username) => this.#throwOut(username, 'account disabled'));
  }

  get authTimeout(): number {
    return this.core.auth_timeout;
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

  /** The server is about to stop: modules have their say while clients are there. */
  async drain(): Promise<void> {
    const waits: Promise<unknown>[] = [];
    this.hooks.tell('draining', { waits });
    await Promise.allSettled(waits);
  }

  /** Ends everything; resolves when what was begun is done. */
  async stop(error: StreamError): Promise<void> {
    for (const stream of [...this.#streams]) stream.end(error);
    for (const session of this.sessions) session.end(error);
    await this.#finished();
    this.modules.unloadAll();
    this.kept.retain(this.modules);
  }

  /** What its sessions left may go on to other modules before it is kept. */
  async #finished(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const waits: Promise<unknown>[] = [];
      this.hooks.tell('stopping', { waits });
      if (waits.length === 0) return;
      await Promise.allSettled(waits);
    }
  }

  // Sessions.

  /** It is among the host's sessions from now on. */
  add(session: Session): void {
    session.owner = this;
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

  /** It is over. */
  closed(session: Session, ending: Ending): void {
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
    this.#throwOut(username, 'account deleted');
    await this.#forget(username);
  }

  #throwOut(username: string, why: string): void {
    const error = new StreamError('not-authorized', why);
    for (const stream of [...this.#streams]) if (stream.identity?.jid.local === username) stream.end(error);
    for (const session of this.sessions.of(username)) session.end(error);
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
    const stamped = stampedBy(session, stanza, kind, from);
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

  /** RFC 6120 section 10.3.3, RFC 6121 section 8.5: a client's own iqs are its own. */
  protected override takeIq(routed: Routed, address: Address): void {
    const session = address === 'full' ? this.sessions.find(routed.to) : undefined;
    if (session === undefined) super.takeIq(routed, address);
    else session.send(routed.stanza);
  }

  // Modules.

  override lend(owner: string, undo: (() => void)[]): Host {
    return new LentVirtualHost(this, this.parts, owner, undo);
  }
}

/** No language tag is so long (RFC 5646 section 4.4.1 knows of 35): it is not written into each of its client's stanzas. */
const LONGEST_LANG = 100;

/** Section 8.1.2.1 and 8.1.5: whose it is, and in which language when it does not say. */
function stampedBy(session: Session, stanza: Stanza, kind: Kind, from: string | undefined): Stanza {
  const lang = session.stream?.header.lang;
  const said = lang === undefined || lang.length > LONGEST_LANG || stanza.attr('xml:lang') !== undefined;
  // Who only ever sends presence has no need of attributes that are kept.
  if (kind === 'message' && from === undefined) return stanza.beginning(session.stamp(said ? undefined : lang));
  return stanza.with(said ? { from: session.address } : { from: session.address, 'xml:lang': lang });
}

/** The same as one module sees it. */
class LentVirtualHost extends LentHost<VirtualHost> implements Host {
  get options(): DomainOptions {
    return this.host.options;
  }
  get limits(): CoreOptions['limits'] {
    return this.host.core.limits;
  }
  get max_data_held(): CoreOptions['max_data_held'] {
    return this.host.core.max_data_held;
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
  add(session: Session): void {
    this.host.add(session);
  }
  halt(how: Halt): boolean {
    return this.host.deps.events.halt?.(this.host.domain, how) ?? false;
  }
}
