// Whole XMPP servers for the same local users, plain on loopback: ours with its built-in core, ejabberd and Prosody, with
// the same modules and with what they keep on disk. None has an archive, federation, TLS or limits of rates.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Accounts, ITERATIONS } from '../../src/core/accounts.js';
import { Derivation } from '../../src/core/sasl/derivation.js';
import { modules } from '../../src/modules/index.js';
import { openStorage, type StorageOptions } from '../../src/storage/index.js';
import { PASSWORD, user } from '../load/login.js';
import { own, runEjabberd, runProsody, scratch } from '../peers.js';
import { freePort, program } from '../processes.js';
import { type Kind, profiling, ROOT, type Server } from '../servers.js';
import { KEYS, users } from './accounts.js';

/** Starts a server with so many accounts. */
export type CoreStart = (kind: Kind, accounts: number, profile?: string) => Promise<Server>;

const DOMAIN = 'bench.example';

/** What the others are not given either: publish-subscribe; and an archive, unless its cost is the question. */
const LEFT = ['pep', 'avatars'];
const MODULES = modules.map(({ name }) => name).filter((name) => !LEFT.includes(name));
const WITHOUT_ARCHIVE = { domains: { [DOMAIN]: { modules: MODULES.filter((name) => name !== 'mam') } } };
const WITH_ARCHIVE = { domains: { [DOMAIN]: { modules: MODULES } } };

/** Behind it serves the first user. */
export const PROXY = `proxy.${DOMAIN}`;

/** Rooms are here. */
export const ROOMS = `rooms.${DOMAIN}`;

/** Nodes are here. */
export const NODES = `pubsub.${DOMAIN}`;
const OUR_COMPONENTS = {
  [ROOMS]: { module: 'muc', muc: { stanzas_per_second: 0 } },
  [NODES]: { module: 'pubsub' },
};

export const oursCore: CoreStart = (kind, accounts, profile) =>
  startOurs({ ...WITHOUT_ARCHIVE, components: OUR_COMPONENTS }, kind, accounts, profile);

export const oursWithArchive: CoreStart = async (kind, accounts, profile) => ({
  ...(await startOurs({ ...WITH_ARCHIVE, components: OUR_COMPONENTS }, kind, accounts, profile)),
  name: 'with the archive',
});

/** The same with so many workers. */
export const oursCoreOf =
  (workers: number): CoreStart =>
  (kind, accounts, profile) =>
    startOurs({ ...WITHOUT_ARCHIVE, workers }, kind, accounts, profile);

export const oursWithProxy: CoreStart = (kind, accounts, profile) => {
  const proxy = { module: 'client_proxy', target_address: `${user(0)}@${DOMAIN}` };
  return startOurs({ ...WITHOUT_ARCHIVE, components: { [PROXY]: proxy } }, kind, accounts, profile);
};

async function startOurs(more: object, kind: Kind, accounts: number, profile?: string): Promise<Server> {
  const folder = scratch();
  const [tcp, http] = [await freePort(), await freePort()];
  const storage = { driver: 'level', path: join(folder, 'data'), max_bytes: 0 } as const;
  await fill(storage, accounts);
  const file = join(folder, 'bosh.conf.json');
  const options = {
    host: '127.0.0.1',
    port: http,
    c2s: { port: tcp, require_tls: false },
    storage,
    max_inactivity: 600,
    default_inactivity: 600,
    limits: { rates: false },
    logging: 'ERROR',
    ...more,
  };
  writeFileSync(file, JSON.stringify(options));
  const args = [...profiling(profile), `${ROOT}bin/bosh-server.js`, `--config=${file}`];
  const child = await program(process.execPath, args, kind === 'tcp' ? tcp : http);
  const path = kind === 'bosh' ? '/http-bind/' : '/xmpp-websocket/';
  return own(
    'bosh-server',
    child,
    { kind, port: kind === 'tcp' ? tcp : http, path, domain: DOMAIN, relay: false },
    folder,
    profile === undefined ? undefined : 10_000,
  );
}

/** Makes the accounts: one, and copies of it. */
async function fill(storage: StorageOptions, accounts: number): Promise<void> {
  const driver = await openStorage(storage);
  const store = driver.open(DOMAIN, 'accounts', 'keyvalue');
  await new Accounts(store, new Derivation()).create(user(0), PASSWORD);
  const record = await store.get(user(0));
  await Promise.all(users(accounts).map((name) => store.set(name, record)));
  await driver.stop();
}

export const ejabberdCore: CoreStart = async (kind, accounts) => {
  const folder = scratch();
  const [tcp, http] = [await freePort(), await freePort()];
  const settings = `auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
listen:
  - { port: ${tcp}, ip: "127.0.0.1", module: ejabberd_c2s, shaper: none, access: c2s }
  - { port: ${http}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /bosh: mod_bosh, /ws: ejabberd_http_ws } }
modules:
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_offline: {}
  mod_stream_mgmt: {}
  mod_blocking: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_caps: {}
  mod_last: {}
  mod_privacy: {}
  mod_private: {}
  mod_time: {}
  mod_muc: { host: "${ROOMS}", max_users: 1000, default_room_options: { max_users: 1000 }, history_size: 20 }
  mod_pubsub: { host: "${NODES}", access_createnode: all, last_item_cache: false, plugins: [ flat ] }
  mod_vcard: {}
  mod_version: {}
  mod_bosh: { max_inactivity: 600 }
`;
  const scram = ['storedKey', 'serverKey', 'salt'] as const;
  const [stored, server, salt] = scram.map((key) => `<<"${KEYS[key].toString('base64')}">>`);
  const evaluate =
    `[mnesia:dirty_write({passwd,{<<"u",(integer_to_binary(N))/binary>>,<<"${DOMAIN}">>},` +
    `{scram,${stored},${server},${salt},sha256,${ITERATIONS}}}) || N <- lists:seq(0,${accounts - 1})]`;
  const child = await runEjabberd(folder, kind === 'tcp' ? tcp : http, settings, { evaluate });
  const path = kind === 'bosh' ? '/bosh' : '/ws';
  return own(
    'ejabberd',
    child,
    { kind, port: kind === 'tcp' ? tcp : http, path, domain: DOMAIN, relay: false },
    folder,
  );
};

export const prosodyCore: CoreStart = async (kind, accounts) => {
  const folder = scratch();
  const [tcp, http] = [await freePort(), await freePort()];
  const hex = (key: 'storedKey' | 'serverKey') => KEYS[key].toString('hex');
  const account =
    `return { ["iteration_count"] = ${ITERATIONS}; ["salt"] = "${KEYS.salt}"; ` +
    `["stored_key"] = "${hex('storedKey')}"; ["server_key"] = "${hex('serverKey')}"; };\n`;
  const data = join(folder, DOMAIN.replace('.', '%2e'), 'accounts');
  mkdirSync(data, { recursive: true });
  for (const name of users(accounts)) writeFileSync(join(data, `${name}.dat`), account);
  const settings = `c2s_ports = { ${tcp} } http_ports = { ${http} }
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
password_hash = "SHA-256"
storage = "internal"
bosh_max_inactivity = 600
modules_enabled = { "roster", "saslauth", "presence", "message", "iq", "disco", "ping", "offline", "smacks", "blocklist", "carbons", "csi", "lastactivity", "private", "time", "vcard", "version", "bosh", "websocket" }
VirtualHost "${DOMAIN}"
Component "${ROOMS}" "muc"
Component "${NODES}" "pubsub"
admins = { "${user(0)}@${DOMAIN}" }
`;
  const child = await runProsody(folder, kind === 'tcp' ? tcp : http, settings);
  const path = kind === 'bosh' ? '/http-bind' : '/xmpp-websocket';
  return own('Prosody', child, { kind, port: kind === 'tcp' ? tcp : http, path, domain: DOMAIN, relay: false }, folder);
};
