// Debian's Prosody as a process of its own: one configuration file and one data folder, both temporary, nothing of the system's.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, type KeyPair } from '../certs.js';
import { program } from './need.js';
import { ACCOUNTS, DOMAIN, PASSWORD, type Peer, type PeerOptions, scratch, WRONG_DOMAIN } from './peer.js';
import { freePort, Running } from './process.js';

/** Starts Prosody and resolves when it listens. */
export async function startProsody(options: PeerOptions = {}): Promise<Peer> {
  const folder = scratch('prosody');
  const authority = new CertificateAuthority();
  const [port, tlsPort, http] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder.path, 'prosody.cfg.lua');
  writeFileSync(file, configuration(folder.path, { port, tlsPort, http }, authority.issue(DOMAIN), options));
  for (const name of options.accounts ?? ACCOUNTS) account(join(folder.path, 'data'), name);
  const process = new Running(program('prosody') ?? 'prosody', ['-F', '--config', file], { cwd: folder.path });
  await Promise.all([port, tlsPort, ...(options.web ? [http] : [])].map((each) => process.listens(each)));
  return {
    name: 'prosody',
    port,
    tlsPort,
    ca: authority.caFile,
    own: options.web
      ? { bosh: `http://127.0.0.1:${http}/http-bind`, ws: `ws://127.0.0.1:${http}/xmpp-websocket` }
      : undefined,
    log: () => process.log,
    until: (pattern) => process.until(pattern),
    stop: async () => {
      await process.stop();
      folder.remove();
      authority.remove();
    },
  };
}

function configuration(
  folder: string,
  ports: { port: number; tlsPort: number; http: number },
  { certFile, keyFile }: KeyPair,
  { web, modules = [], lines = '', component }: PeerOptions,
): string {
  const more = [...(web ? ['bosh', 'websocket'] : []), ...modules].map((each) => `, "${each}"`).join('');
  const ssl = `ssl = { certificate = "${certFile}", key = "${keyFile}" }`;
  return `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}"
plugin_paths = {}
admins = {}
interfaces = { "127.0.0.1" }
c2s_ports = { ${ports.port} }
c2s_direct_tls_ports = { ${ports.tlsPort} }
c2s_direct_tls_${ssl}
http_ports = { ${web ? ports.http : ''} }
https_ports = {}
s2s_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "smacks", "offline", "presence", "message", "iq"${more} }
modules_disabled = { "s2s" }
http_default_host = "${DOMAIN}"
consider_bosh_secure = true
consider_websocket_secure = true
c2s_require_encryption = false
authentication = "internal_plain"
storage = "internal"
smacks_hibernation_time = 60
log = { { levels = { min = "debug" }, to = "console" } }
${component ? `component_ports = { ${component.port} }\ncomponent_interfaces = { "127.0.0.1" }` : ''}
${lines}
VirtualHost "${DOMAIN}"
  ${ssl}
VirtualHost "${WRONG_DOMAIN}"
  ${ssl}
${component ? `Component "${component.domain}"\n  component_secret = "${component.secret}"` : ''}
`;
}

function account(data: string, name: string): void {
  const folder = join(data, DOMAIN.replaceAll('.', '%2e'), 'accounts');
  mkdirSync(folder, { recursive: true });
  const encoded = name.replaceAll(/\W/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  writeFileSync(join(folder, `${encoded}.dat`), `return { ["password"] = "${PASSWORD}"; };\n`);
}
