// The components of a core: external ones that connect (XEP-0114), and modules that run in here. It is the upstream that
// the component listener brings its connections to, and a route of the router.

import { randomBytes } from 'node:crypto';
import { queueBytes } from '../metrics.js';
import { type ClientStream, closedEnd, type StreamEnd, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { type JID, prepareDomain } from '../xmpp/jid.js';
import type { HostDeps } from './base-host.js';
import { ComponentStream, ExternalComponent } from './external-component.js';
import { LocalComponent } from './local-component.js';
import type { ComponentModule } from './module.js';
import type { ComponentOptions } from './options.js';
import type { Routed } from './routed.js';
import { type Route, Router } from './router.js';

type Component = LocalComponent | ExternalComponent;

/** Attaches a component to a server elsewhere; its link is told what the component says, and tells it what it hears. */
export type Attach = (
  domain: string,
  server: NonNullable<ComponentOptions['attach']>,
  component: Attached,
) => Route & { stop(): Promise<void> };

export interface Attached {
  readonly addresses: HostDeps['addresses'];
  take(routed: Routed): boolean;
  up(): void;
  down(): void;
}

export interface ComponentsDeps extends HostDeps {
  readonly modules: readonly ComponentModule[];
  readonly attach: Attach;
  /** Whether what one connection may send has a limit. */
  rates(): boolean;
  /** Seconds that a connection may take to prove that it is the component. */
  authTimeout(): number;
}

interface Entry {
  readonly component: Component;
  readonly options: ComponentOptions;
  readonly link?: { stop(): Promise<void> };
}

export class Components implements Upstream, Route {
  readonly name = 'components';
  readonly #entries = new Map<string, Entry>();

  constructor(readonly deps: ComponentsDeps) {
    const connections = () => this.#programs.map((each) => [{ host: each.domain }, each.connections.length] as const);
    deps.metrics.read('component_connections', 'Connections of external components.', ['host'], connections);
    const waiting = () => this.#programs.reduce((bytes, each) => bytes + each.waiting, 0);
    queueBytes(deps.metrics, () => [[{ queue: 'component' }, waiting()]]);
  }

  get #programs(): ExternalComponent[] {
    return [...this.#entries.values()].flatMap(({ component }) =>
      component instanceof ExternalComponent ? [component] : [],
    );
  }

  /** Addresses and names of those that are to be found below a domain, for its list of services. */
  *below(domain: string): Iterable<{ jid: string; name?: string }> {
    for (const [jid, { component, link }] of this.#entries) {
      if (link === undefined && this.#parentOf(jid) === domain) yield { jid, name: component.label };
    }
  }

  /** The nearest domain above it. */
  #parentOf(jid: string): string | undefined {
    const above = [...this.deps.domains.keys()].filter((domain) => jid.endsWith(`.${domain}`));
    return above.sort((a, b) => b.length - a.length)[0];
  }

  /** How each of them is, for people. */
  states(): { readonly domain: string; readonly state: string }[] {
    return [...this.#entries].map(([domain, { component }]) => ({ domain, state: component.state }));
  }

  /** Those that are to be there from now on. Throws when a module cannot be loaded. */
  set(options: Readonly<Record<string, ComponentOptions>>): void {
    const wanted = new Map(Object.entries(options).map(([domain, each]) => [prepareDomain(domain), each]));
    for (const [domain, entry] of this.#entries) {
      if (JSON.stringify(wanted.get(domain)) !== JSON.stringify(entry.options)) this.#remove(domain, entry);
    }
    const added = [...wanted].filter(([domain]) => !this.#entries.has(domain));
    for (const [domain, each] of added) this.#entries.set(domain, this.#entry(domain, each));
    for (const [domain] of added) this.#up(domain);
  }

  /** All are there: those that are attached elsewhere hear it from their links. */
  #up(domain: string): void {
    const { component, link } = this.#entries.get(domain) ?? {};
    if (component instanceof LocalComponent && link === undefined) component.hooks.tell('component-up', { domain });
  }

  take(routed: Routed): boolean {
    const entry = this.#entries.get(routed.to.domain);
    return entry !== undefined && entry.link === undefined && entry.component.take(routed);
  }

  attach(client: ClientStream, { to }: StreamHeader): StreamEnd {
    const component = this.#externalAt(to);
    if (component === undefined) {
      queueMicrotask(() => client.close({ how: 'closed', error: new StreamError('host-unknown') }));
      return closedEnd;
    }
    const id = randomBytes(16).toString('hex');
    queueMicrotask(() => client.open({ from: component.domain, id }));
    return component.came(new ComponentStream(client, component, id));
  }

  sweep(now: number): void {
    for (const { component } of this.#entries.values()) {
      if (component instanceof ExternalComponent) component.sweep(now);
      else component.hooks.tell('sweep', { now });
    }
  }

  /** An account of this server is no more. */
  deleted(jid: JID, waits: Promise<unknown>[]): void {
    for (const { component } of this.#entries.values())
      if (component instanceof LocalComponent) component.hooks.tell('user-deleted', { jid, waits });
  }

  async stop(): Promise<void> {
    const links = [...this.#entries.values()].map(({ link }) => link?.stop());
    const waits: Promise<unknown>[] = [];
    for (const { component } of this.#entries.values())
      if (component instanceof LocalComponent) component.hooks.tell('stopping', { waits });
    for (const [domain, entry] of [...this.#entries]) this.#remove(domain, entry, 'system-shutdown');
    await Promise.all(links);
    await Promise.allSettled(waits);
  }

  #externalAt(to: string | undefined): ExternalComponent | undefined {
    try {
      const component = this.#entries.get(prepareDomain(to ?? ''))?.component;
      return component instanceof ExternalComponent ? component : undefined;
    } catch {
      return undefined;
    }
  }

  #entry(domain: string, options: ComponentOptions): Entry {
    const { deps } = this;
    const module = moduleOf(options, deps.modules);
    if (module === undefined) return { component: new ExternalComponent(domain, options, deps), options };
    // Attached, all it says goes to the other server, and what is said to itself as well.
    const router = options.attach ? new Router([], deps.log) : deps.router;
    const component = new LocalComponent(domain, { ...deps, router }, options.name);
    component.modules.load(module, options);
    const link = options.attach ? deps.attach(domain, options.attach, this.#attached(component)) : undefined;
    if (link !== undefined) router.routes.push(link);
    return { component, options, link };
  }

  #attached(component: LocalComponent): Attached {
    const { hooks, domain } = component;
    return {
      addresses: this.deps.addresses,
      take: (routed) => component.take(routed),
      up: () => hooks.tell('component-up', { domain }),
      down: () => hooks.tell('component-down', { domain }),
    };
  }

  #remove(domain: string, { component, link }: Entry, condition: 'host-gone' | 'system-shutdown' = 'host-gone'): void {
    this.#entries.delete(domain);
    if (component instanceof ExternalComponent) component.stop(new StreamError(condition));
    else component.stop();
    link?.stop().catch((error) => this.deps.log.error('component_failed', { domain, error }));
  }
}

/** What it does when it runs in here. Throws when there is no such module. */
export function moduleOf(
  { module }: Pick<ComponentOptions, 'module'>,
  all: readonly ComponentModule[],
): ComponentModule | undefined {
  const found = all.find(({ name }) => name === module);
  if (module !== undefined && found === undefined) throw new Error(`there is no component module ${module}`);
  return found;
}
