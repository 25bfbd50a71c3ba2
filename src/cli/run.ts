// The running server: start, banner, signals, and an end that is always logged.

import { brief, type Config, ConfigError, type Loaded, load } from '../config/load.js';
import { changedForRestart, reloaded as inEffect } from '../config/restart.js';
import { createLog, type LogStyle, type RootLog } from '../log.js';
import { isTaken, listenError } from './listen-error.js';
import { answersAsOurs } from './probe.js';
import type { Terminal } from './terminal.js';

/** What the command line needs of the server. */
export interface Running {
  start(): Promise<void>;
  stop(): Promise<void>;
  reload(config: Config): Promise<void>;
  /** A new configuration could not be taken; the old one counts. */
  rejectedReload?(): void;
  /** An admin wants it to stop, or to be started anew. */
  on?(event: 'halt-requested', told: (how: Halt) => void): unknown;
  readonly urls: {
    readonly bosh: string;
    readonly websocket: string;
    readonly xmpp?: string;
    readonly xmpps?: string;
    readonly chat?: string;
  };
}

type Halt = 'shutdown' | 'restart';

/** The exit code that asks whoever watches the process to start it again. */
const AGAIN = 75;

export type Create = (options: Config & { readonly log: RootLog; readonly style: LogStyle }) => Promise<Running>;

/** Runs until a signal ends it; resolves to the exit code. */
export async function run(loaded: Loaded, terminal: Terminal, create: Create): Promise<number> {
  const { config } = loaded;
  const { isTTY } = terminal;
  const style = { pretty: isTTY, colours: isTTY && terminal.env.NO_COLOR === undefined };
  const log = createLog(config.logging, style);
  onCrash(log);
  for (const warning of loaded.warnings) log.warn('config_warning', { text: brief(warning) });
  const opening = open(create({ ...config, log, style }));
  let code = 0;
  try {
    const end = ended(opening, loaded, log, terminal);
    end.catch(() => {});
    announce(loaded, await opening, log, terminal);
    code = (await end) === 'restart' ? AGAIN : 0;
  } catch (error) {
    code = await failed(error, config, log, terminal);
  }
  await log.flush();
  setTimeout(() => process.exit(code), LINGER).unref();
  return code;
}

/** The process ends by itself when nothing is open any more; it is not kept by something forgotten longer than this. */
const LINGER = 2000;

/** The server, once it listens. One that cannot listen is stopped. */
async function open(created: Promise<Running>): Promise<Running> {
  const server = await created;
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop().catch(() => {});
    throw error;
  }
}

async function failed(error: unknown, config: Config, log: RootLog, terminal: Terminal): Promise<number> {
  const twice = isTaken(error, config) && (await answersAsOurs(config));
  const obstacle = listenError(error, config, twice ? 'another bosh-server' : '') ?? storageError(error);
  if (error instanceof ConfigError) terminal.complain(error.message);
  else if (obstacle !== undefined) terminal.complain(obstacle);
  else log.error('run_failed', { error });
  if (error instanceof ConfigError) return 2;
  return obstacle === undefined ? 1 : 4;
}

/** What keeps the storage from being opened; known by its name, since the server is loaded only when it runs. */
function storageError(error: unknown): string | undefined {
  return error instanceof Error && error.name === 'StorageOpenError' ? error.message : undefined;
}

function announce({ config, file, untold }: Loaded, server: Running, log: RootLog, terminal: Terminal): void {
  const { bosh, websocket, xmpp, xmpps, chat } = server.urls;
  const upstreams = Object.keys(config.upstreams);
  const domains = Object.keys(config.domains);
  log.info('server_started', {
    version: terminal.version,
    bosh,
    websocket,
    xmpp,
    xmpps,
    chat,
    config: file ?? 'none',
    upstreams,
    domains,
    node: process.version,
    pid: process.pid,
  });
  if (upstreams.length + domains.length + config.firewall.allow.length === 0) {
    const hint =
      'no domain can be reached: name your XMPP server with --upstream=example.com, --upstream=example.com=HOST:PORT, or say "upstreams" or "domains" in bosh.conf.json';
    log.warn('no_upstream', { hint });
  }
  if (terminal.isTTY) terminal.print(banner(server.urls, untold));
}

/** What a person reads: where to go, and what this is if nobody said so. */
function banner({ chat, bosh, websocket, xmpp, xmpps }: Running['urls'], untold: boolean): string {
  const rows = { Chat: chat, BOSH: bosh, WebSocket: websocket, TCP: xmpp, 'TCP, TLS': xmpps };
  const lines = Object.entries(rows).flatMap(([name, url]) => (url === undefined ? [] : [name.padEnd(11) + url]));
  const first =
    'Open the chat in two windows. Only this machine reaches it, and nothing is kept: for more, bosh-server init.';
  return `\n${lines.join('\n')}\n${untold ? `\n${first}\n` : ''}`;
}

/**
 * Resolves when a signal has ended the server, or an admin, to what is to become of it. SIGHUP in between reloads, one after the other. Signals are heard from now
 * on, and followed as soon as the server listens.
 */
function ended(opening: Promise<Running>, loaded: Loaded, log: RootLog, terminal: Terminal): Promise<Halt> {
  let current = loaded;
  let work: Promise<unknown> = opening.catch(() => {});
  return new Promise((resolve, reject) => {
    const reload = () => {
      const next = async () => {
        current = await reloaded(await opening, current, log, terminal);
      };
      work = work.then(next).catch(() => {});
    };
    const end = (signal: NodeJS.Signals | 'restart' | 'shutdown') => {
      process.off('SIGHUP', reload).off('SIGTERM', end).off('SIGINT', end);
      process.once('SIGINT', () => process.exit(130)).on('SIGHUP', () => {});
      log.info('server_stopping', { signal });
      const stopped = work.then(async () => (await opening).stop()).then(() => log.info('server_stopped'));
      stopped.then(() => resolve(signal === 'restart' ? signal : 'shutdown'), reject);
    };
    opening.then(
      (server) => server.on?.('halt-requested', end),
      () => {},
    );
    process.on('SIGHUP', reload).on('SIGTERM', end).on('SIGINT', end);
  });
}

async function reloaded(server: Running, before: Loaded, log: RootLog, { argv, env, cwd }: Terminal): Promise<Loaded> {
  try {
    const after = load({ argv, env, cwd });
    await server.reload(after.config);
    log.level = after.config.logging;
    const restart = changedForRestart(before.config, after.config);
    log.info('config_reloaded', { file: after.file, ...(restart.length > 0 ? { needs_restart: restart } : {}) });
    return { ...after, config: inEffect(before.config, after.config) };
  } catch (error) {
    server.rejectedReload?.();
    if (!(error instanceof ConfigError)) log.error('config_rejected', { error });
    else
      log.error('config_rejected', {
        problems: error.problems.map(brief),
      });
    return before;
  }
}

/** What nobody caught ends the process with 70, after it was logged. */
function onCrash(log: RootLog): void {
  const crash = (error: unknown, origin: string) => {
    log.error('crashed', { origin, error });
    log.flush().finally(() => process.exit(70));
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', (error) => crash(error, 'unhandledRejection'));
}
