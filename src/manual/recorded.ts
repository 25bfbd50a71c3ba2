// What modules do with their host, told by loading all of them into a core that nobody uses: for their pages.

import { configure } from '../config/load.js';
import { Core } from '../core/core.js';
import type { HookRegistry } from '../core/hooks.js';
import type { ComponentHost, Host } from '../core/host.js';
import { type ComponentModule, type Module, ordered } from '../core/module.js';
import { silentLog } from '../log.js';
import { Metrics } from '../metrics.js';
import { MemoryDriver } from '../storage/memory.js';

/** What one module did while it was loaded, each in the order it came. */
export interface Workings {
  readonly hooks: { readonly name: string; readonly priority: number }[];
  readonly iqs: { readonly type: string; readonly address: string; readonly ns: string; readonly name: string }[];
  /** Namespaces. */
  readonly nonzas: string[];
  readonly stores: { readonly name: string; readonly kind: string }[];
  /** Names of parts. */
  readonly lends: string[];
  readonly borrows: string[];
}

const HERE = 'example.com';

/** By the name of the module. Everything that can be switched on is on. */
export function recorded(
  modules: readonly Module[],
  components: readonly ComponentModule[] = [],
): ReadonlyMap<string, Workings> {
  const works = new Map<string, Workings>();
  const watch = (name: string): Workings => {
    const work: Workings = { hooks: [], iqs: [], nonzas: [], stores: [], lends: [], borrows: [] };
    works.set(name, work);
    return work;
  };
  const watched = ordered(modules).map((module) => {
    const work = watch(module.name);
    return { ...module, load: (host: Host, options: object) => module.load(watching(host, work), options) };
  });
  const componentModules = components.map((module) => {
    const work = watch(module.name);
    return { ...module, load: (host: ComponentHost, options: object) => module.load(watching(host, work), options) };
  });
  const config = configure({
    domains: { [HERE]: { auth: { anonymous: true, register: true } } },
    components: Object.fromEntries(
      components.map(({ name: module }, i) => [`c${i}.${HERE}`, { module, target_address: `service@${HERE}` }]),
    ),
  });
  const events = { loaded() {}, unloaded() {}, failed() {}, authenticated() {}, created() {}, closed() {} };
  const deps = { log: silentLog, metrics: new Metrics(), modules: watched, componentModules, events, now: () => 0 };
  const core = new Core(config, deps);
  core.start(new MemoryDriver());
  void core.stop();
  return works;
}

/** The same host, and a list of what is asked of it. */
function watching<H extends ComponentHost>(host: H, work: Workings): H {
  const watched: Partial<ComponentHost> = {
    hooks: watchingHooks(host.hooks, work),
    open: (name, kind) => {
      work.stores.push({ name, kind });
      return host.open(name, kind);
    },
    provide: (part, value) => {
      work.lends.push(part.name);
      host.provide(part, value);
    },
    use: (part) => {
      work.borrows.push(part.name);
      return host.use(part);
    },
  };
  return new Proxy(host, {
    get: (_, key) => {
      if (key in watched) return Reflect.get(watched, key);
      const value: unknown = Reflect.get(host, key);
      return typeof value === 'function' ? value.bind(host) : value;
    },
  });
}

function watchingHooks(hooks: HookRegistry, work: Workings): HookRegistry {
  return {
    on: (name, handler, priority = 0) => {
      work.hooks.push({ name, priority });
      return hooks.on(name, handler, priority);
    },
    iq: (type, address, ns, name, handler) => {
      work.iqs.push({ type, address, ns, name });
      return hooks.iq(type, address, ns, name, handler);
    },
    nonza: (ns, handler) => {
      work.nonzas.push(ns);
      return hooks.nonza(ns, handler);
    },
  };
}
