// The server in here: an upstream like any other, for the domains that are served by itself. It owns the hosts and the
// router between them.

import type { Log } from '../log.js';
import { limitsHit, type Metrics } from '../metrics.js';
import type { Driver } from '../storage/store.js';
import type { ClientStream, StreamEnd, Upstream } from '../stream/end.js';
import { closedEnd } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { JID, prepareDomain } from '../xmpp/jid.js';
import { Addresses } from './addresses.js';
import { C2s } from './c2s.js';
import { type Attach, Components, moduleOf } from './components.js';
import { type ComponentModule, type Module, type ModuleEvents, selected } from './module.js';
import type { CoreOptions, DomainOptions } from './options.js';
import { Router } from './router.js';
import { Derivation } from './sasl/derivation.js';
import { type SessionEvents, VirtualHost } from './virtual-host.js';

export interface CoreDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  /** All modules that there are. */
  readonly modules: readonly Module[];
  readonly componentModules?: readonly ComponentModule[];
  /** Without it no component is attached to another server. */
  readonly attach?: Attach;
  readonly events: ModuleEvents & SessionEvents;
  /** Milliseconds that never go back. */
  now(): number;
}

export class Core implements Upstream {
  readonly hosts = new Map<string, VirtualHost>();
  readonly router: Router;
  readonly #addresses = new Addresses();
  readonly #derivation = new Derivation();
  readonly #deps: CoreDeps;
  readonly #limited: (limit: string) => void;
  #options: CoreOptions;
  #storage: Driver | undefined;
  #components: Components | undefined;
  #stopping = false;

  constructor(options: CoreOptions, deps: CoreDeps) {
    this.#options = options;
    this.#deps = deps;
    this.router = new Router([{ name: 'local', take: (routed) => this.#take(routed) }], deps.log);
    const limits = limitsHit(deps.metrics);
    this.#limited = (limit) => limits.inc({ limit });
    const sessions = () => [...this.hosts.values()].map((host) => [{ host: host.domain }, host.sessions.size] as const);
    deps.metrics.read('core_sessions', 'Bound resources of local domains.', ['host'], sessions);
  }

  /** Opens the hosts. Throws when a module cannot be loaded. */
  start(storage: Driver): void {
    this.#storage = storage;
    const { componentModules: modules = [], attach = nowhere } = this.#deps;
    this.#components = new Components({
      ...this.#shared(),
      modules,
      attach,
      rates: () => this.#options.limits.rates,
      authTimeout: () => this.#options.auth_timeout,
    });
    this.router.routes.push(this.#components);
    for (const [domain, options] of Object.entries(this.#options.domains)) this.#add(prepareDomain(domain), options);
    this.#components.set(this.#options.components);
  }

  /** What the component listener brings its connections to. */
  get components(): Upstream {
    const components = () => this.#components;
    return {
      attach: (client, header) => components()?.attach(client, header) ?? closedEnd,
      stop: async () => {},
    };
  }

  /** How each component is, for people. */
  componentStates(): ReturnType<Components['states']> {
    return this.#components?.states() ?? [];
  }

  /**
   * Takes new options: new domains are opened, those that are gone are closed; modules come and go. Throws, and changes
   * nothing, when a module that is asked for is not there.
   */
  reload(options: CoreOptions): void {
    for (const component of Object.values(options.components)) moduleOf(component, this.#deps.componentModules ?? []);
    for (const domain of Object.values(options.domains)) this.#wanted(domain);
    this.#options = options;
    const wanted = new Map(Object.entries(options.domains).map(([name, domain]) => [prepareDomain(name), domain]));
    for (const [domain, host] of this.hosts) if (!wanted.has(domain)) this.#remove(host);
    for (const [domain, said] of wanted) {
      const host = this.hosts.get(domain);
      if (host === undefined) this.#add(domain, said);
      else this.#reloaded(host, options, said);
    }
    this.#components?.set(options.components);
  }

  // As the connector sees it: names are normalized to A-labels there, and to U-labels in addresses.

  get(domain: string): Upstream | undefined {
    return this.#hostOf(domain) && this;
  }

  keys(): Iterable<string> {
    return Object.keys(this.#options.domains);
  }

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const host = this.#hostOf(header.to);
    if (host === undefined || this.#stopping) {
      const error = new StreamError(host === undefined ? 'host-unknown' : 'system-shutdown');
      queueMicrotask(() => client.close({ how: 'closed', error }));
      return closedEnd;
    }
    const stream = new C2s(client, host, header, this.#deps.now());
    host.came(stream);
    queueMicrotask(() => stream.greet());
    return stream;
  }

  /** Looks at deadlines. */
  sweep(): void {
    const now = this.#deps.now();
    for (const host of this.hosts.values()) host.sweep(now);
    this.#components?.sweep(now);
  }

  /** It is about to stop: users are told what they are to be told before. */
  async drain(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.drain()));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.hosts.values()].map((host) => host.stop(new StreamError('system-shutdown'))));
    this.hosts.clear();
    await this.#components?.stop();
    await this.#storage?.stop();
  }

  #hostOf(to: string | undefined): VirtualHost | undefined {
    try {
      return this.hosts.get(prepareDomain(to ?? ''));
    } catch {
      return undefined;
    }
  }

  #take(routed: Parameters<VirtualHost['take']>[0]): boolean {
    return this.hosts.get(routed.to.domain)?.take(routed) ?? false;
  }

  #shared() {
    const { log, metrics, events, now } = this.#deps;
    const storage = this.#storage;
    if (storage === undefined) throw new Error('the core is not started');
    return {
      router: this.router,
      addresses: this.#addresses,
      storage,
      derivation: this.#derivation,
      log,
      metrics,
      events,
      domains: this.hosts,
      now,
      limited: this.#limited,
    };
  }

  #add(domain: string, options: DomainOptions): void {
    const host = new VirtualHost(domain, options, this.#options, this.#shared());
    this.hosts.set(domain, host);
    const hooks = host.hooks.of('components');
    hooks.on('disco-items/host', ({ items, node }) => {
      if (node === undefined) items.push(...(this.#components?.below(domain) ?? []));
    });
    hooks.on('account-deleted', ({ username, waits }) => {
      const jid = JID.of(username, domain);
      this.#components?.deleted(jid, waits);
      for (const { hooks } of this.hosts.values()) hooks.tell('user-deleted', { jid, waits });
    });
    for (const module of this.#wanted(options)) host.modules.load(module, optionsOf(options, module));
  }

  #remove(host: VirtualHost): void {
    this.hosts.delete(host.domain);
    void host.stop(new StreamError('host-gone'));
  }

  /** Modules whose options changed are loaded anew. */
  #reloaded(host: VirtualHost, core: CoreOptions, options: DomainOptions): void {
    const before = host.options;
    host.core = core;
    host.options = options;
    const wanted = this.#wanted(options);
    for (const name of host.modules.names) {
      const module = wanted.find((each) => each.name === name);
      const same = module && JSON.stringify(optionsOf(before, module)) === JSON.stringify(optionsOf(options, module));
      if (!same || JSON.stringify(before.auth) !== JSON.stringify(options.auth)) host.modules.unload(name);
    }
    for (const module of wanted) {
      if (!host.modules.has(module.name)) host.modules.load(module, optionsOf(options, module));
    }
    host.kept.retain(host.modules);
  }

  #wanted({ modules: names }: DomainOptions): Module[] {
    return selected(names, this.#deps.modules);
  }
}

const optionsOf = (options: DomainOptions, { name }: Module): object => options.options[name] ?? {};

const nowhere: Attach = () => {
  throw new Error('components are not attached to other servers here');
};
