// Debian's ejabberd as one Erlang node without distribution: no node name, no port mapper daemon, no ejabberdctl. Accounts are
// made by expressions evaluated in the node itself after the application has started.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, type KeyPair } from '../certs.js';
import { program } from './need.js';
import { ACCOUNTS, DOMAIN, PASSWORD, type Peer, type PeerOptions, scratch } from './peer.js';
import { freePort, Running } from './process.js';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu';

/** Starts ejabberd and resolves when it listens and its accounts exist. */
export async function startEjabberd(options: PeerOptions = {}): Promise<Peer> {
  const folder = scratch('ejabberd');
  const authority = new CertificateAuthority();
  const ports = {
    port: await freePort(),
    tlsPort: await freePort(),
    proxyPort: await freePort(),
    http: await freePort(),
  };
  const file = join(folder.path, 'ejabberd.yml');
  writeFileSync(file, configuration(ports, authority.issue(DOMAIN), options));
  const process = node(folder.path, file);
  await process.until(/ACCOUNTS READY/, 60_000);
  await Promise.all([ports.port, ports.tlsPort, ports.proxyPort].map((each) => process.listens(each)));
  return {
    name: 'ejabberd',
    port: ports.port,
    tlsPort: ports.tlsPort,
    proxyPort: ports.proxyPort,
    ca: authority.caFile,
    own: options.web
      ? { bosh: `http://127.0.0.1:${ports.http}/bosh`, ws: `ws://127.0.0.1:${ports.http}/ws` }
      : undefined,
    log: () => process.log,
    until: (pattern) => process.until(pattern),
    stop: async () => {
      await process.stop('SIGTERM', 6000);
      folder.remove();
      authority.remove();
    },
  };
}

function node(folder: string, file: string): Running {
  for (const sub of ['spool', 'log']) mkdirSync(join(folder, sub));
  const accounts = ACCOUNTS.map(
    (name) => `ejabberd_auth:try_register(<<"${name}">>,<<"${DOMAIN}">>,<<"${PASSWORD}">>)`,
  );
  const evaluate = `${accounts.join(',')},io:format("ACCOUNTS READY~n").`;
  const options = ['-noinput', '-mnesia', 'dir', `"${folder}/spool"`, '-s', 'ejabberd', '-eval', evaluate];
  return new Running(program('erl') ?? 'erl', options, {
    cwd: folder,
    env: {
      HOME: folder,
      ERL_LIBS: LIBRARIES,
      ERL_CRASH_DUMP: join(folder, 'crash.dump'),
      EJABBERD_CONFIG_PATH: file,
      EJABBERD_LOG_PATH: join(folder, 'log', 'ejabberd.log'),
    },
  });
}

function configuration(
  ports: { port: number; tlsPort: number; proxyPort: number; http: number },
  { certFile, keyFile }: KeyPair,
  { web, component }: PeerOptions,
): string {
  return `
hosts: ["${DOMAIN}"]
loglevel: info
certfiles: ["${certFile}", "${keyFile}"]
auth_method: internal
auth_password_format: plain
sm_use_cache: false
acme: { auto: false }
listen:
  - { port: ${ports.port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, shaper: none, access: c2s }
  - { port: ${ports.tlsPort}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true, shaper: none, access: c2s }
  - { port: ${ports.proxyPort}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, use_proxy_protocol: true, shaper: none, access: c2s }
${web ? `  - { port: ${ports.http}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /bosh: mod_bosh, /ws: ejabberd_http_ws } }` : ''}
${component ? `  - { port: ${component.port}, ip: "127.0.0.1", module: ejabberd_service, shaper: none, hosts: { ${component.domain}: { password: "${component.secret}" } } }` : ''}
access_rules:
  c2s: { allow: all }
modules:
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_offline: {}
  mod_stream_mgmt: { resume_timeout: 60 }
${web ? '  mod_bosh: {}\n' : ''}`;
}
