// The composition root: builds the parts from a Config, starts and stops them in order. It reads aloud what the server
// is: clients come in by BOSH, WebSocket and TCP, a connector admits each stream and picks its upstream. The proxy is the
// upstream for a server elsewhere, the core is the server in here.

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Sessions } from './bosh/sessions.js';
import { type Config, ConfigError, type ConfigInput, configure, explain, type Problem } from './config/load.js';
import { reloaded } from './config/restart.js';
import type { AccountsOf } from './control/accounts.js';
import { ControlSocket } from './control/socket.js';
import { moduleOf } from './core/components.js';
import { Core, type CoreDeps } from './core/core.js';
import { measured } from './core/measured-storage.js';
import { type Module, selected } from './core/module.js';
import { Events, observed } from './events.js';
import type { ChatDomain } from './http/chat.js';
import { createHttp, type Http } from './http/server.js';
import { ComponentLink } from './link/component-link.js';
import { createLog, type Log, type RootLog, silentLog } from './log.js';
import { type Gauge, Metrics } from './metrics.js';
import { componentModules, modules } from './modules/index.js';
// biome-ignore lint/suspicious/noShadowRestrictedNames: the word of the trade; the global one is not used here
import { Proxy } from './proxy/proxy.js';
import { inspectStorage, openStorage } from './storage/index.js';
import { Admission } from './stream/admission.js';
import { Connector } from './stream/connector.js';
import type { Upstream } from './stream/end.js';
import { type ListenerOptions, TcpListener } from './tcp/listener.js';
import { Tick } from './tick.js';
import { StreamError } from './xmpp/errors.js';
import { NS } from './xmpp/ns.js';

/** Everything of the configuration, and what only a program can bring. */
export type ServerOptions = ConfigInput & {
  /** In place of the XMPP proxy; or, given the proxy, what wraps it. */
  readonly upstream?: Upstream | ((proxy: Upstream) => Upstream);
  /** Further modules for the local domains. */
  readonly modules?: readonly Module[];
  /** In place of JSON lines on standard output. */
  readonly log?: Log;
  /** Domains for which `/` shows the chat page, though another server serves them. */
  readonly chat?: readonly ChatDomain[];
};

/** Where clients reach a server. */
export interface Urls {
  readonly bosh: string;
  readonly websocket: string;
  /** Over TCP, where it listens to that: `xmpp://host:port`. */
  readonly xmpp?: string;
  /** The same within TLS from the first byte. */
  readonly xmpps?: string;
  /** The chat page, while there is one. */
  readonly chat?: string;
  /** Where components connect to, where it listens to that: `tcp://host:port`. */
  readonly component?: string;
}

export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

/** How often deadlines are looked at, in milliseconds. */
const SWEEP = 100;

/** A server that is not listening yet. Throws ConfigError with every mistake in the options. */
export function createServer(options: ServerOptions = {}): Server {
  const { upstream, modules: more, log, chat, ...input } = options;
  return new Server(served(configure(input), more), { upstream, modules: more, log, chat });
}

type Brought = Pick<ServerOptions, 'upstream' | 'modules' | 'log' | 'chat'>;

/** A BOSH and WebSocket connection manager; its events are those of ServerEvents. */
export class Server extends Events {
  readonly log: Log;
  readonly metrics = new Metrics();
  /** The Fastify instance: routes and hooks may be added before `start`. */
  readonly fastify: Http;
  #config: Config;
  readonly #more: readonly Module[];
  readonly #proxy: Proxy;
  readonly #core: Core;
  readonly #connector: Connector;
  readonly #sessions: Sessions;
  /** Connections over TCP that are not attached yet. */
  readonly #newcomers: Admission;
  readonly #tcp: TcpListener | undefined;
  readonly #chat: () => readonly ChatDomain[];
  /** The port for components, once there are some that are programs. */
  #components: TcpListener | undefined;
  readonly #forComponents: (options: ListenerOptions) => TcpListener;
  readonly #reloaded: Gauge;
  #control: ControlSocket | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, { upstream, modules: more = [], log, chat = [] }: Brought = {}) {
    super();
    this.#more = more;
    this.#config = config;
    this.log = log ?? createLog(config.logging);
    this.#chat = () => [...offered(this.#config), ...chat];
    const deps = { log: this.log, metrics: this.metrics };
    this.#proxy = new Proxy(config, deps);
    const elsewhere = typeof upstream === 'function' ? upstream(this.#proxy) : (upstream ?? this.#proxy);
    const now = () => performance.now();
    const turn = new Tick((error) => this.log.error('tcp_flush_failed', { error }));
    this.#core = new Core(config, {
      ...deps,
      modules: [...modules, ...more],
      componentModules,
      attach: (domain, server, component) => new ComponentLink(domain, server, component, { log: this.log, turn }),
      events: this.#told(),
      now,
    });
    this.#connector = new Connector(config, { ...deps, proxy: elsewhere, local: this.#core });
    const clock = new Tick((error) => this.log.error('bosh_flush_failed', { error }));
    const front = { ...deps, upstream: observed(this.#connector, this) };
    const acknowledged = (rid: number, session: string) => this.tell('response-acknowledged', rid, session);
    this.#sessions = new Sessions(config, { ...front, clock, acknowledged });
    const pages = { status: () => this.#status(), chat: this.#chat };
    this.fastify = createHttp(config, { ...front, sessions: this.#sessions, ...pages });
    this.#newcomers = new Admission(config);
    const tcp = { ...deps, turn, admission: this.#newcomers };
    if (isForTcp(config)) this.#tcp = new TcpListener(config, { ...tcp, upstream: front.upstream });
    const components = { upstream: this.#core.components, contentNs: NS.component, label: 'component' };
    this.#forComponents = (options) => new TcpListener(options, { ...tcp, ...components });
    this.#reloaded = this.#measure();
  }

  /** Where clients reach it, once it listens. */
  get urls(): Urls {
    const { tls, path, websocket_path } = this.#config;
    const authority = authorityOf(this.fastify.server.address() as AddressInfo);
    const s = tls === null ? '' : 's';
    const { plain, direct } = this.#tcp?.ports ?? {};
    const { plain: components } = this.#components?.ports ?? {};
    return {
      bosh: `http${s}://${authority}${path}`,
      websocket: `ws${s}://${authority}${websocket_path}`,
      ...(components && { component: `tcp://${authorityOf(components)}` }),
      ...(plain && { xmpp: `xmpp://${authorityOf(plain)}` }),
      ...(direct && { xmpps: `xmpps://${authorityOf(direct)}` }),
      ...(path !== '/' && this.#chat().length > 0 && { chat: `http${s}://${authority}/` }),
    };
  }

  /**
   * Opens the storage and listens. Rejects with a StorageOpenError when the storage cannot be had, with the system's error
   * when the address cannot.
   */
  async start(): Promise<void> {
    const { host, port, storage } = this.#config;
    this.#startedAt = Date.now();
    this.#core.start(measured(await openStorage(storage), this));
    if (storage.driver === 'level') {
      this.#control = await ControlSocket.open(storage.path, accountsOf(this.#core), this.log);
    }
    await this.fastify.listen({ host, port });
    await this.#tcp?.start();
    await this.#listenToComponents(this.#config);
    this.#sweep = setInterval(() => {
      this.#sessions.sweep();
      this.#core.sweep();
    }, SWEEP);
  }

  /**
   * Tells every client to go (system-shutdown, or `drain.see_other_uri`), says goodbye to the servers, and resolves when
   * all connections are gone or `drain.timeout` is over. Calls after the first wait for the same end.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /**
   * Takes new options for everything but the listening address; streams that are open keep what they have. Rejects with
   * ConfigError, and changes nothing, when they are wrong; with the system's error when the first component that is a
   * program cannot be listened to.
   */
  async reload(options: ConfigInput): Promise<void> {
    const config = served(reloaded(this.#config, configure(options)), this.#more);
    await this.#listenToComponents(config);
    this.#core.reload(config);
    this.#proxy.reload(config);
    this.#connector.reload(config);
    this.#sessions.reload(config);
    this.fastify.reload(config);
    this.#newcomers.reload(config);
    if (isForTcp(config)) this.#tcp?.reload(config);
    this.#config = config;
    this.#reloaded.set(1);
  }

  async #listenToComponents(config: Config): Promise<void> {
    const options = componentListening(config);
    if (options === undefined) return;
    if (this.#components !== undefined) {
      this.#components.reload(options);
      return;
    }
    const listener = this.#forComponents(options);
    await listener.start();
    this.#components = listener;
  }

  /** Somebody tried to give it a configuration that cannot be taken. */
  rejectedReload(): void {
    this.#reloaded.set(0);
  }

  async #stop(): Promise<void> {
    const { delay, timeout, see_other_uri } = this.#config.drain;
    if (delay > 0) await lapse(delay * 1000);
    this.#sessions.stop(farewell(see_other_uri));
    await this.#control?.close();
    // The clients first: what their servers' ends say would otherwise reach them before our own last words.
    const gone = Promise.all([this.fastify.close(), this.#tcp?.stop(), this.#components?.stop()]).then(() =>
      this.#connector.stop(),
    );
    await Promise.race([gone, lapse(timeout * 1000)]);
    clearInterval(this.#sweep);
  }

  /** What the core has to tell. */
  #told(): CoreDeps['events'] {
    return {
      authenticated: ({ identity, client }) =>
        this.tell('session-authenticated', String(identity?.jid), identity?.mechanism ?? '', client),
      created: ({ address }) => this.tell('session-created', address),
      closed: ({ address }, ending) => this.tell('session-closed', address, ending),
      loaded: (domain, module) => this.tell('module-loaded', domain, module),
      unloaded: (domain, module) => this.tell('module-unloaded', domain, module),
      failed: (domain, module, error) => {
        this.log.error('module_failed', { domain, module, error });
        this.tell('module-error', domain, module, error);
      },
    };
  }

  #status() {
    const { size: sessions, streams } = this.#sessions;
    const draining = this.#stopped !== undefined;
    const components = this.#core.componentStates();
    return { version, startedAt: this.#startedAt, sessions, streams, components, draining, options: this.#config };
  }

  #measure(): Gauge {
    const { metrics } = this;
    metrics.collectProcess();
    const build = [[{ version, node: process.version }, 1]] as const;
    metrics.read('build_info', 'Version of the server and of Node.js.', ['version', 'node'], () => build);
    const state = () => [[{}, this.#stopped === undefined ? 0 : 1]] as const;
    metrics.read('drain_state', '1 while the server is stopping.', [], state);
    const lost = () => [[{}, droppedBy(this.log)]] as const;
    metrics.read('log_dropped_total', 'Log lines that nobody will read: the reader was slow.', [], lost, 'counter');
    const reloaded = metrics.gauge('config_last_reload_success', 'Whether the last configuration could be taken.');
    reloaded.set(1);
    return reloaded;
  }
}

const isForTcp = (config: Config): config is Config & ListenerOptions => config.c2s !== null;

/** XEP-0114 is plain TCP; only components that are programs need a port. */
function componentListening(config: Config): ListenerOptions | undefined {
  const { components, component_host: host, component_port: port } = config;
  if (port === null || !Object.values(components).some(({ secret }) => secret)) return undefined;
  const c2s = { host, port, direct_tls_port: null, tls: null, require_tls: false, send_timeout: 120 };
  const sizes = { max_data_held: config.max_xmpp_buffer_size };
  return { ...config, ...sizes, tls: null, proxy_protocol: false, drain: { see_other_host: '' }, c2s };
}

function authorityOf({ address, port, family }: AddressInfo): string {
  const host = /^(0\.0\.0\.0|::1?|127\.0\.0\.1)$/.test(address) ? 'localhost' : address;
  return `${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}`;
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
  const metrics = new Metrics();
  const core = new Core(
    { ...config, components: {} },
    { log: silentLog, metrics, modules, events, now: () => performance.now() },
  );
  core.start(await openStorage(config.storage));
  return { of: accountsOf(core), close: () => core.stop() };
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
function served(config: Config, more: readonly Module[] = []): Config {
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
      moduleProblem(`components.${domain}.module`, () => moduleOf(component, componentModules)),
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

/** A log of somebody's own need not count. */
function droppedBy(log: Log & Partial<RootLog>): number {
  return log.dropped ?? 0;
}

/** What the chat page offers of the local domains. */
function offered({ domains }: Config): ChatDomain[] {
  return Object.entries(domains).map(([domain, { auth }]) => ({ domain, ...auth }));
}

function farewell(uri: string): StreamError {
  if (uri === '') return new StreamError('system-shutdown', 'the server is stopping');
  return new StreamError('see-other-host', 'the server is stopping; another one is ready', { location: uri });
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
