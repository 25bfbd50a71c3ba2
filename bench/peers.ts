// Other servers' own BOSH and WebSocket, for scale: Prosody and ejabberd as Debian installs them, on loopback in a
// scratch folder, anonymous users who write to themselves. Their numbers hold a whole XMPP server, not only an edge.

import { accessSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, program } from './processes.js';
import { type Kind, type Start, server } from './servers.js';

/** Those that are on this machine. */
export function installed(say: (text: string) => void): Start[] {
  return [
    { command: '/usr/bin/prosody', start: prosody },
    { command: '/usr/bin/erl', start: ejabberd },
  ]
    .filter(({ command }) => {
      const there = exists(command);
      if (!there) say(`${command} is not installed: skipped`);
      return there;
    })
    .map(({ start }) => start);
}

const prosody: Start = async (kind) => {
  const folder = scratch();
  const port = await freePort();
  const file = join(folder, 'prosody.cfg.lua');
  writeFileSync(
    file,
    `run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}"
interfaces = { "127.0.0.1" }
c2s_ports = {} s2s_ports = {} https_ports = {} http_ports = { ${port} }
modules_enabled = { "saslauth", "presence", "message", "iq", "bosh", "websocket" }
modules_disabled = { "s2s" }
http_default_host = "bench.example"
consider_bosh_secure = true
consider_websocket_secure = true
c2s_require_encryption = false
network_backend = "epoll"
log = { { levels = { min = "error" }, to = "console" } }
VirtualHost "bench.example"
  authentication = "anonymous"
`,
  );
  const child = await program('/usr/bin/prosody', ['-F', '--config', file], port);
  return own("Prosody's own", child, kind, port, kind === 'bosh' ? '/http-bind' : '/xmpp-websocket', folder);
};

const ejabberd: Start = async (kind) => {
  const folder = scratch();
  const port = await freePort();
  const file = join(folder, 'ejabberd.yml');
  for (const name of ['spool', 'log']) mkdirSync(join(folder, name));
  writeFileSync(
    file,
    `hosts: ["bench.example"]
loglevel: error
auth_method: [anonymous]
anonymous_protocol: sasl_anon
allow_multiple_connections: true
acme: { auto: false }
listen:
  - { port: ${port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /bosh: mod_bosh, /ws: ejabberd_http_ws } }
access_rules:
  c2s: { allow: all }
modules:
  mod_bosh: {}
`,
  );
  const child = await program(
    '/usr/bin/erl',
    ['-noinput', '-mnesia', 'dir', `"${folder}/spool"`, '-s', 'ejabberd'],
    port,
    {
      ...process.env,
      HOME: folder,
      ERL_LIBS: '/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu',
      ERL_CRASH_DUMP: join(folder, 'crash.dump'),
      EJABBERD_CONFIG_PATH: file,
      EJABBERD_LOG_PATH: join(folder, 'log', 'ejabberd.log'),
    },
  );
  return own("ejabberd's own", child, kind, port, kind === 'bosh' ? '/bosh' : '/ws', folder);
};

function own(
  name: string,
  child: Awaited<ReturnType<typeof program>>,
  kind: Kind,
  port: number,
  path: string,
  folder: string,
): Awaited<ReturnType<Start>> {
  const started = server(name, child, { kind, port, path, domain: 'bench.example', relay: false }, 1000);
  return { ...started, stop: () => started.stop().then(() => rmSync(folder, { recursive: true, force: true })) };
}

function scratch(): string {
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
