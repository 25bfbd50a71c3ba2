// What there is once, however many processes carry the clients: the domains that are served in here with their storage,
// the components, and the socket by which commands change accounts.

import { join } from 'node:path';
import { type Config, ConfigError, explain, type Problem } from './config/load.js';
import type { AccountsOf, Announce } from './control/accounts.js';
import { ControlSocket } from './control/socket.js';
import { moduleOf } from './core/components.js';
import { Core, type CoreDeps } from './core/core.js';
import { measured } from './core/measured-storage.js';
import { type Module, selected } from './core/module.js';
import { Uploads } from './files/uploads.js';
import { ComponentLink } from './link/component-link.js';
import { type Log, silentLog } from './log.js';
import { Metrics } from './metrics.js';
import { componentModules, modules } from './modules/index.js';
import { inspectStorage, openStorage } from './storage/index.js';
import { Admission } from './stream/admission.js';
import { type ListenerOptions, TcpListener } from './tcp/listener.js';
import { Tick } from './tick.js';
import { authorityOf, baseOf } from './urls.js';
import { prepareDomain } from './xmpp/jid.js';
import { NS } from './xmpp/ns.js';

export interface HomeDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly events: CoreDeps['events'];
  /** Further modules for the local domains. */
  readonly modules?: readonly Module[];
  /** Where clients reach the server by HTTP, as far as `public_url` does not say so; without it, as the configuration says. */
  base?(): string;
}

export class Home {
  readonly core: Core;
  /** Files that clients share. */
  readonly files: Uploads;
  #config: Config;
  readonly #deps: HomeDeps;
  /** Connections of components that have not proved themselves. */
  readonly #newcomers: Admission;
  readonly #turn: Tick;
  /** The port for components, once there are some that are programs. */
  #components: TcpListener | undefined;
  #control: ControlSocket | undefined;

  constructor(config: Config, deps: HomeDeps) {
    const { log, metrics, events, modules: more = [], base = () => baseOf(this.#config) } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#newcomers = new Admission(config);
    this.#turn = new Tick((error) => log.error('tcp_flush_failed', { error }));
    this.files = new Uploads({ home: filesOf(config), base: () => this.#config.public_url || base() });
    this.core = new Core(config, {
      log,
      metrics,
      modules: [...modules, ...more],
      componentModules: componentModules(this.files),
      attach: (domain, server, component) => new ComponentLink(domain, server, component, { log, turn: this.#turn }),
      events,
      now: () => performance.now(),
    });
  }

  /** Where components connect to, where it listens to that: `tcp://host:port`. */
  get url(): string | undefined {
    const { plain } = this.#components?.ports ?? {};
    return plain && `tcp://${authorityOf(plain)}`;
  }

  /** Opens the storage. Rejects with a StorageOpenError when it cannot be had. */
  async start(): Promise<void> {
    const { storage } = this.#config;
    this.core.start(measured(await openStorage(storage), this.#deps));
    if (storage.driver !== 'level') return;
    const asked = { accountsOf: accountsOf(this.core), announce: announceIn(this.core) };
    this.#control = await ControlSocket.open(storage.path, asked, this.#deps.log);
  }

  /** Listens to components, once there are some that are programs; the configuration may be one to come. */
  async listen(config = this.#config): Promise<void> {
    const options = componentListening(config);
    if (options === undefined) return;
    if (this.#components !== undefined) {
      this.#components.reload(options);
      return;
    }
    const { log, metrics } = this.#deps;
    const own = { upstream: this.core.components, contentNs: NS.component, label: 'component' };
    const listener = new TcpListener(options, { log, metrics, turn: this.#turn, admission: this.#newcomers, ...own });
    await listener.start();
    this.#components = listener;
  }

  /** Throws, and changes nothing, when a module that is asked for is not there. */
  reload(config: Config): void {
    this.core.reload(config);
    this.#newcomers.reload(config);
    this.#config = config;
  }

  /** Takes no more commands. */
  async closeControl(): Promise<void> {
    await this.#control?.close();
  }

  /** Tells every component to go. */
  async close(): Promise<void> {
    await this.#components?.stop();
  }

  /** The core has stopped: what is not to outlive it goes. */
  async stop(): Promise<void> {
    await this.files.stop();
  }
}

/** The folder of files whose service names none. */
const filesOf = ({ storage: { driver, path } }: Config): string => (driver === 'level' ? join(path, 'uploads') : '');

/** XEP-0114 is plain TCP; only components that are programs need a port. */
function componentListening(config: Config): ListenerOptions | undefined {
  const { components, component_host: host, component_port: port } = config;
  if (port === null || !Object.values(components).some(({ secret }) => secret)) return undefined;
  const c2s = { host, port, direct_tls_port: null, tls: null, require_tls: false, send_timeout: 120 };
  const sizes = { max_data_held: config.max_xmpp_buffer_size };
  return { ...config, ...sizes, tls: null, proxy_protocol: false, drain: { see_other_host: '' }, c2s };
}

/**
 * The accounts of the configured domains, for commands while no server runs. What modules keep for an account goes with it
 * here too. Rejects with a StorageOpenError.
 */
export async function accountsIn(config: Config): Promise<{ readonly of: AccountsOf; close(): Promise<void> }> {
  const failed = (_domain: string, _module: string, error: unknown) => {
    throw error;
  };
  const events = { authenticated() {}, created() {}, closed() {}, loaded() {}, unloaded() {}, failed };
  const keepers = componentModules(new Uploads({ home: filesOf(config) }));
  const deps = { log: silentLog, metrics: new Metrics(), modules, componentModules: keepers, events };
  const core = new Core({ ...config, components: keepersOf(config) }, { ...deps, now: () => performance.now() });
  core.start(await openStorage(config.storage));
  return { of: accountsOf(core), close: () => core.stop() };
}

/** Components that keep something for accounts of this server. */
function keepersOf({ components }: Config): Config['components'] {
  const keep = Object.entries(components).filter(([, { module, attach }]) => module === 'upload' && attach === null);
  return Object.fromEntries(keep);
}

/** What would keep the local domains from being served, as far as that shows beforehand: each in the words for people. */
export async function obstacles(config: Config): Promise<string[]> {
  const closed = await inspectStorage(config.storage).then(
    () => [],
    ({ message }: Error) => [message],
  );
  return [...moduleProblems(config, modules).map(explain), ...closed];
}

/** The configuration, if the modules that it names are there. Throws ConfigError. */
export function served(config: Config, more: readonly Module[] = []): Config {
  const problems = moduleProblems(config, [...modules, ...more]);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function moduleProblems({ domains, components }: Config, all: readonly Module[]): Problem[] {
  return [
    ...Object.entries(domains).flatMap(([domain, { modules: names }]) =>
      moduleProblem(`domains.${domain}.modules`, () => selected(names, all), '; null loads them all'),
    ),
    ...Object.entries(components).flatMap(([domain, component]) =>
      moduleProblem(`components.${domain}.module`, () => moduleOf(component, componentModules())),
    ),
  ];
}

function moduleProblem(option: string, attempt: () => unknown, more = ''): Problem[] {
  try {
    attempt();
    return [];
  } catch (error) {
    const fix = `bosh-server config modules lists all modules${more}`;
    return [{ origin: { kind: 'given' }, option, message: (error as Error).message, fix }];
  }
}

const accountsOf =
  ({ hosts }: Core): AccountsOf =>
  (domain) =>
    hosts.get(domain)?.accounts;

const announceIn =
  ({ hosts }: Core): Announce =>
  ({ command, domain, text }) => {
    try {
      const host = hosts.get(prepareDomain(domain));
      if (host === undefined) return { outcome: 'domain' };
      const audience = command === 'announce' ? 'online' : 'all';
      if (host.hooks.run('announcing', { text, audience })) return { outcome: 'done' };
      return { outcome: 'failed', text: 'the domain has no module "announcements"' };
    } catch (error) {
      return { outcome: 'failed', text: error instanceof Error ? error.message : String(error) };
    }
  };
