// The owner of a domain, whatever is behind it: it delivers what is for its addresses to whoever hooked them, and has
// modules. A virtual host has accounts besides; a component has not.

import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Driver, Store, StoreKind } from '../storage/store.js';
import { StanzaError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Addresses } from './addresses.js';
import { type Address, Hooks } from './hooks.js';
import type { ComponentHost } from './host.js';
import { answerIq } from './iq.js';
import { type Lender, type ModuleEvents, Modules } from './module.js';
import { Kept, type Part, Parts } from './parts.js';
import { Routed } from './routed.js';
import type { Route, Router } from './router.js';

/** What all hosts of a core share. */
export interface HostDeps {
  readonly router: Router;
  readonly addresses: Addresses;
  readonly storage: Driver;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly events: ModuleEvents;
  readonly domains: { keys(): Iterable<string> };
  now(): number;
  limited(limit: string): void;
}

const HOOKS = {
  message: { full: 'message/full', bare: 'message/bare', host: 'message/host' },
  presence: { full: 'presence/full', bare: 'presence/bare', host: 'presence/host' },
  iq: { full: 'iq/full', bare: 'iq/bare', host: 'iq/host' },
} as const;

/** `H` is what its modules see of it. */
export abstract class BaseHost<H extends ComponentHost> implements Route, Lender<H> {
  readonly name: string;
  readonly jid: JID;
  readonly hooks: Hooks;
  readonly modules: Modules<H>;
  readonly log: Log;
  readonly kept = new Kept();
  protected readonly parts = new Parts();

  constructor(
    readonly domain: string,
    readonly deps: HostDeps,
  ) {
    this.name = domain;
    this.jid = JID.of(undefined, domain);
    this.log = deps.log.child({ domain });
    this.hooks = new Hooks((module, error) => deps.events.failed(domain, module, error));
    this.modules = new Modules(this, deps.events);
  }

  limited(limit: string): void {
    this.deps.limited(limit);
  }

  /** Delivers what is for this host's addresses. */
  take(routed: Routed): boolean {
    if (routed.to.domain !== this.domain) return false;
    const { kind, to } = routed;
    const address = addressOf(to);
    if (this.hooks.run(HOOKS[kind][address], routed)) return true;
    if (kind === 'iq') this.takeIq(routed, address);
    else if (kind === 'message') throw new StanzaError('cancel', 'service-unavailable');
    return true;
  }

  protected takeIq(routed: Routed, address: Address): void {
    const { type } = routed;
    if (type === 'get' || type === 'set') answerIq(this, routed, address);
  }

  /** Routes what was made here. */
  route(stanza: Stanza): void {
    const { kind, from, to } = stanza;
    if (kind === undefined) return;
    const sender = from === undefined ? this.jid : this.deps.addresses.read(from);
    const receiver = to === undefined ? sender.bare : this.deps.addresses.read(to);
    this.deps.router.route(new Routed(stanza, kind, stanza.type, sender, receiver));
  }

  abstract lend(owner: string, undo: (() => void)[]): H;
}

export function addressOf(to: JID): Address {
  return to.local === '' ? 'host' : to.resource === '' ? 'bare' : 'full';
}

type Lending = Pick<
  BaseHost<ComponentHost>,
  'domain' | 'jid' | 'hooks' | 'log' | 'deps' | 'kept' | 'limited' | 'route'
>;

/** A host as one module sees it: what it registers goes when it does. */
export class LentHost<B extends Lending> implements ComponentHost {
  readonly hooks: ComponentHost['hooks'];
  readonly tell: ComponentHost['tell'];
  readonly run: ComponentHost['run'];

  constructor(
    readonly host: B,
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
  keep<T>(part: Part<T>, make: () => T, gone?: (value: T) => void): T {
    return this.host.kept.get(part, this.owner, make, gone);
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
