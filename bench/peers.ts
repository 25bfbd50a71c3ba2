// Other servers as Debian installs them, Prosody and ejabberd, on loopback in a scratch folder. For the edge their own
// BOSH and WebSocket, for scale: anonymous users who write to themselves, so that the numbers hold a whole XMPP server.

import type { ChildProcess } from 'node:child_process';
import { accessSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, program } from './processes.js';
import { type Server, type Start, server, type Where } from './servers.js';

const DOMAIN = 'bench.example';
const PROSODY = '/usr/bin/prosody';
const ERLANG = '/usr/bin/erl';

/** Of these two the ones whose program is on this machine. */
export function installed<T>(ejabberd: T, prosody: T, say: (text: string) => void): T[] {
  return [
    { command: ERLANG, start: ejabberd },
    { command: PROSODY, start: prosody },
  ]
    .filter(({ command }) => {
      const there = exists(command);
      if (!there) say(`${command} is not installed: skipped`);
      return there;
    })
    .map(({ start }) => start);
}

export const prosody: Start = async (kind) => {
  const folder = scratch();
  const port = await freePort();
  const child = await runProsody(
    folder,
    port,
    `c2s_ports = {} http_ports = { ${port} }
modules_enabled = { "saslauth", "presence", "message", "iq", "bosh", "websocket" }
VirtualHost "${DOMAIN}"
  authentication = "anonymous"
`,
  );
  const path = kind === 'bosh' ? '/http-bind' : '/xmpp-websocket';
  return own("Prosody's own", child, { kind, port, path, domain: DOMAIN, relay: false }, folder);
};

export const ejabberd: Start = async (kind) => {
  const folder = scratch();
  const port = await freePort();
  const child = await runEjabberd(
    folder,
    port,
    `auth_method: [anonymous]
anonymous_protocol: sasl_anon
allow_multiple_connections: true
listen:
  - { port: ${port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /bosh: mod_bosh, /ws: ejabberd_http_ws } }
modules:
  mod_bosh: {}
`,
  );
  const path = kind === 'bosh' ? '/bosh' : '/ws';
  return own("ejabberd's own", child, { kind, port, path, domain: DOMAIN, relay: false }, folder);
};

/** Prosody without federation, TLS and limits; `settings` bring ports, modules and the host. */
export function runProsody(folder: string, port: number, settings: string): Promise<ChildProcess> {
  const file = join(folder, 'prosody.cfg.lua');
  writeFileSync(
    file,
    `run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}"
interfaces = { "127.0.0.1" }
s2s_ports = {} https_ports = {}
modules_disabled = { "s2s" }
http_default_host = "${DOMAIN}"
consider_bosh_secure = true
consider_websocket_secure = true
c2s_require_encryption = false
network_backend = "epoll"
log = { { levels = { min = "error" }, to = "console" } }
${settings}`,
  );
  return program(PROSODY, ['-F', '--config', file], port);
}

/** ejabberd as one node without federation, TLS and limits; `evaluate` is Erlang that runs once it has started. */
export function runEjabberd(
  folder: string,
  port: number,
  settings: string,
  { evaluate, flags = [] }: { evaluate?: string; flags?: readonly string[] } = {},
): Promise<ChildProcess> {
  const file = join(folder, 'ejabberd.yml');
  for (const name of ['spool', 'log']) mkdirSync(join(folder, name));
  writeFileSync(
    file,
    `hosts: ["${DOMAIN}"]
loglevel: error
acme: { auto: false }
access_rules:
  c2s: { allow: all }
${settings}`,
  );
  const then = evaluate === undefined ? [] : ['-eval', `${evaluate}, io:format("READY~n").`];
  return program(
    ERLANG,
    [...flags, '-noinput', '-mnesia', 'dir', `"${folder}/spool"`, '-s', 'ejabberd', ...then],
    port,
    {
      ...process.env,
      HOME: folder,
      ERL_LIBS: '/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu',
      ERL_CRASH_DUMP: join(folder, 'crash.dump'),
      EJABBERD_CONFIG_PATH: file,
      EJABBERD_LOG_PATH: join(folder, 'log', 'ejabberd.log'),
    },
    evaluate === undefined ? '' : 'READY',
  );
}

/** The started server, which has `patience` milliseconds to stop; then its folder goes too. */
export function own(name: string, child: ChildProcess, where: Where, folder: string, patience = 1000): Server {
  const started = server(name, child, where, patience);
  return { ...started, stop: () => started.stop().then(() => rmSync(folder, { recursive: true, force: true })) };
}

export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'bosh-server-bench-'));
}

function exists(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
