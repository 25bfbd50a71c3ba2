// A feature of a host, and the set of those that are loaded. A module names the specifications it implements and the
// modules it needs, registers its hooks when it is loaded, and leaves nothing behind when it is unloaded.

import type { ComponentHost, Host } from './host.js';

/** A specification and the version of it that is implemented. */
export interface Specification {
  /** Such as `XEP-0199` or `RFC 6121`. */
  readonly id: string;
  readonly name: string;
  readonly version?: string;
}

/** A feature of hosts that are `H`. */
export interface ModuleOf<H extends ComponentHost, O extends object = object> {
  readonly name: string;
  /** One sentence for the manual. */
  readonly about: string;
  readonly specifications: readonly Specification[];
  /** Names of modules that have to be loaded before it. */
  readonly needs?: readonly string[];
  /** Registers its hooks; may return what is to be done when it is unloaded, besides undoing those. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing more to undo
  load(host: H, options: O): void | (() => void);
}

/** A feature of virtual hosts. */
export type Module<O extends object = object> = ModuleOf<Host, O>;

/** What a component does. */
export type ComponentModule<O extends object = object> = ModuleOf<ComponentHost, O>;

/** Told of what becomes of modules. */
export interface ModuleEvents {
  loaded(domain: string, module: string): void;
  unloaded(domain: string, module: string): void;
  failed(domain: string, module: string, error: unknown): void;
}

interface Loaded {
  readonly module: Pick<Module, 'name' | 'needs'>;
  readonly undo: () => void;
}

/** What a host lends to a module, and a list of how to take it back. */
export interface Lender<H> {
  readonly domain: string;
  lend(owner: string, undo: (() => void)[]): H;
}

/** The modules of one host. */
export class Modules<H extends ComponentHost> {
  // In the order they were loaded.
  readonly #loaded = new Map<string, Loaded>();

  constructor(
    readonly host: Lender<H>,
    readonly events: ModuleEvents,
  ) {}

  get names(): string[] {
    return [...this.#loaded.keys()];
  }

  has(name: string): boolean {
    return this.#loaded.has(name);
  }

  /** Throws when it needs what is not loaded, is loaded already, or throws itself; then nothing of it is left. */
  load(module: ModuleOf<H>, options: object = {}): void {
    const { name, needs = [] } = module;
    if (this.has(name)) throw new Error(`module ${name} is loaded already`);
    const missing = needs.filter((need) => !this.has(need));
    if (missing.length > 0) throw new Error(`module ${name} needs ${missing.join(', ')}`);
    const undos: (() => void)[] = [];
    const undo = () => {
      for (const each of undos.splice(0).reverse()) each();
    };
    try {
      const more = module.load(this.host.lend(name, undos), options);
      if (more) undos.push(more);
    } catch (error) {
      undo();
      this.events.failed(this.host.domain, name, error);
      throw error;
    }
    this.#loaded.set(name, { module, undo });
    this.events.loaded(this.host.domain, name);
  }

  /** Those that need it go first. Nothing happens when it is not loaded. */
  unload(name: string): void {
    const loaded = this.#loaded.get(name);
    if (loaded === undefined) return;
    for (const { module } of [...this.#loaded.values()].reverse()) {
      if (module.needs?.includes(name)) this.unload(module.name);
    }
    this.#loaded.delete(name);
    try {
      loaded.undo();
    } catch (error) {
      this.events.failed(this.host.domain, name, error);
    }
    this.events.unloaded(this.host.domain, name);
  }

  unloadAll(): void {
    for (const name of this.names.reverse()) this.unload(name);
  }
}

/** Names of modules in an order in which each comes after what it needs. Throws when one needs what is not there. */
export function ordered(modules: readonly Module[]): Module[] {
  const done = new Map<string, Module>();
  const visit = (module: Module, path: readonly string[]): void => {
    if (done.has(module.name)) return;
    if (path.includes(module.name)) throw new Error(`modules need each other: ${[...path, module.name].join(' -> ')}`);
    for (const need of module.needs ?? []) {
      const needed = modules.find((each) => each.name === need);
      if (needed === undefined) throw new Error(`module ${module.name} needs ${need}, which is not loaded`);
      visit(needed, [...path, module.name]);
    }
    done.set(module.name, module);
  };
  for (const module of modules) visit(module, []);
  return [...done.values()];
}

/** The modules of these names, or all, in the order to load them in. Throws when one is missing. */
export function selected(names: readonly string[] | null, all: readonly Module[]): Module[] {
  const unknown = names?.find((name) => !all.some((module) => module.name === name));
  if (unknown !== undefined) throw new Error(`there is no module ${unknown}`);
  return ordered(names === null ? all : all.filter(({ name }) => names.includes(name)));
}
