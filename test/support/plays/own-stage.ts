// Our own core as the stage, in this process and with nothing on disk.

import type { Host } from '../../../src/core/host.js';
import { createServer, silentLog } from '../../../src/index.js';
import { carrier } from '../peers/carrier.js';
import { TcpCarrier } from '../peers/tcp-carrier.js';
import { visitor } from '../visitor.js';
import { type Account, adminsAmong, type Builder, type Stage } from './stage.js';

const DOMAIN = 'verona.test';

/** Messages of an archive. */
const RETAINED = 10;

/** What the core can, in the words of the plays: mostly names of its modules. */
const CAN = [
  'administration',
  'announcements',
  'bind2',
  'blocking',
  'carbons',
  'commands',
  'csi',
  'disco',
  'fast',
  'last',
  'mam',
  'allowpm',
  'muc',
  'muc-mam',
  'offline',
  'pep',
  'pre-approval',
  'private',
  'pubsub',
  'register',
  'retention',
  'sasl2',
  'session',
  'stream_limits',
  'stream_management',
  'time',
  'upload',
  'vcard',
  'version',
];

export const ownStage: Builder = {
  name: 'own',
  programs: [],
  transports: ['tcp', 'websocket', 'bosh'],
  can: new Set(CAN),
  build,
};

async function build(accounts: readonly Account[]): Promise<Stage> {
  const { module, host } = visitor();
  const server = createServer({
    host: '127.0.0.1',
    port: 0,
    c2s: { port: 0, direct_tls_port: null, require_tls: false },
    domains: {
      [DOMAIN]: {
        auth: { register: true },
        admins: adminsAmong(accounts, DOMAIN),
        options: { mam: { max_items: RETAINED } },
      },
    },
    components: {
      [`rooms.${DOMAIN}`]: {
        module: 'muc',
        name: 'Rooms',
        muc: { stanzas_per_second: 0, archive_max_items: RETAINED },
      },
      [`pubsub.${DOMAIN}`]: { module: 'pubsub' },
      [`upload.${DOMAIN}`]: { module: 'upload', upload: { max_file_size: 1_048_576 } },
    },
    limits: { rates: false },
    modules: [module],
    log: silentLog,
  });
  await server.start();
  await enroll(await host, accounts);
  const { bosh, websocket: ws, xmpp } = server.urls;
  const port = Number(new URL(xmpp ?? '').port);
  return {
    domain: DOMAIN,
    connect: (transport, domain) =>
      transport === 'tcp' ? TcpCarrier.connect(port, domain) : carrier(transport, { bosh, ws }, domain),
    stop: () => server.stop(),
  };
}

/** Makes the accounts. Keys are expensive: accounts of one password share theirs. */
async function enroll(host: Host, wanted: readonly Account[]): Promise<void> {
  const store = host.open('accounts', 'keyvalue');
  const first = new Map<string, string>();
  for (const { name, password } of wanted) {
    const twin = first.get(password);
    if (twin === undefined) {
      await host.accounts.create(name, password);
      first.set(password, name);
    } else {
      const record = await store.get(twin);
      await store.update(name, () => record);
    }
  }
}
