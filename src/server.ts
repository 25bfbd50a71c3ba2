// The composition root of a server in one process: the edge, where clients come in, and the home of the domains that are
// served in here. (primary.ts and worker.ts are the same in several processes.)

import { type Config, type ConfigInput, configure } from './config/load.js';
import { reloaded } from './config/restart.js';
import type { CoreDeps } from './core/core.js';
import type { Module } from './core/module.js';
import { Edge } from './edge.js';
import { Events } from './events.js';
import { Shelf } from './files/shelf.js';
import { Home, served } from './home.js';
import type { ChatDomain } from './http/chat.js';
import type { Http } from './http/server.js';
import { createLog, type Log } from './log.js';
import { type Gauge, Metrics } from './metrics.js';
import type { Upstream } from './stream/end.js';
import type { Urls } from './urls.js';
import { processVitals, serverVitals, version } from './vitals.js';

export type { Urls } from './urls.js';
export { version } from './vitals.js';

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
  #config: Config;
  readonly #more: readonly Module[];
  readonly #edge: Edge;
  readonly #home: Home;
  readonly #reloaded: Gauge;
  #sweep: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, { upstream, modules: more = [], log, chat = [] }: Brought = {}) {
    super();
    this.#more = more;
    this.#config = config;
    this.log = log ?? createLog(config.logging);
    const deps = { log: this.log, metrics: this.metrics };
    const base = () => this.#edge.base;
    this.#home = new Home(config, { ...deps, modules: more, events: this.#told(), base });
    const status = () => this.#status();
    const { core: local } = this.#home;
    const files = new Shelf(this.#home.files, this.log);
    this.#edge = new Edge(config, { ...deps, events: this, local, files, upstream, chat, status });
    processVitals(this.metrics, this.log);
    this.#reloaded = serverVitals(this.metrics, () => this.#stopped !== undefined);
  }

  /** The Fastify instance: routes and hooks may be added before `start`. */
  get fastify(): Http {
    return this.#edge.fastify;
  }

  /** Where clients reach it, once it listens. */
  get urls(): Urls {
    const { url: component } = this.#home;
    return { ...this.#edge.urls, ...(component && { component }) };
  }

  /**
   * Opens the storage and listens. Rejects with a StorageOpenError when the storage cannot be had, with the system's error
   * when the address cannot.
   */
  async start(): Promise<void> {
    this.#startedAt = Date.now();
    await this.#home.start();
    await this.#edge.start();
    await this.#home.listen();
    this.#sweep = setInterval(() => {
      this.#edge.sweep();
      this.#home.core.sweep();
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
    await this.#home.listen(config);
    this.#home.reload(config);
    this.#edge.reload(config);
    this.#config = config;
    this.#reloaded.set(1);
  }

  /** Somebody tried to give it a configuration that cannot be taken. */
  rejectedReload(): void {
    this.#reloaded.set(0);
  }

  async #stop(): Promise<void> {
    const { delay, timeout } = this.#config.drain;
    await Promise.race([this.#home.core.drain(), lapse(timeout * 1000)]);
    if (delay > 0) await lapse(delay * 1000);
    this.#edge.leave();
    await this.#home.closeControl();
    // The clients first: what their servers' ends say would otherwise reach them before our own last words.
    const gone = Promise.all([this.#edge.close(), this.#home.close()]).then(async () => {
      await this.#edge.stop();
      await this.#home.stop();
    });
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
      halt: (domain, how) => {
        const heard = this.listenerCount('halt-requested') > 0;
        this.tell('halt-requested', how, domain);
        return heard;
      },
      loaded: (domain, module) => this.tell('module-loaded', domain, module),
      unloaded: (domain, module) => this.tell('module-unloaded', domain, module),
      failed: (domain, module, error) => {
        this.log.error('module_failed', { domain, module, error });
        this.tell('module-error', domain, module, error);
      },
    };
  }

  #status() {
    const components = this.#home.core.componentStates();
    const draining = this.#stopped !== undefined;
    return { version, startedAt: this.#startedAt, ...this.#edge.load, components, draining, options: this.#config };
  }
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
