// Prosody as the stage: TCP goes to it directly, BOSH and WebSocket through our server in front of it. It is the oracle that the
// plays were first proven against.

import { createServer, silentLog } from '../../../src/index.js';
import { carrier } from '../peers/carrier.js';
import { DOMAIN } from '../peers/peer.js';
import { startProsody } from '../peers/prosody.js';
import { TcpCarrier } from '../peers/tcp-carrier.js';
import { type Account, adminsAmong, type Builder, type Stage } from './stage.js';

const MODULES = [
  'admin_adhoc',
  'adhoc',
  'announce',
  'blocklist',
  'carbons',
  'csi',
  'lastactivity',
  'private',
  'register_ibr',
  'time',
  'uptime',
  'user_account_management',
  'vcard',
  'version',
];

const linesFor = (accounts: readonly Account[]): string => `
admins = { ${adminsAmong(accounts, DOMAIN)
  .map((each) => `"${each}"`)
  .join(', ')} }
allow_registration = true
allow_unencrypted_plain_auth = true

Component "rooms.${DOMAIN}" "muc"
  muc_room_default_public_jids = false

Component "upload.${DOMAIN}" "http_file_share"
  http_file_share_size_limit = 1048576
`;

export const prosodyStage: Builder = {
  name: 'prosody',
  programs: ['prosody', 'openssl'],
  transports: ['tcp', 'websocket', 'bosh'],
  build,
};

async function build(accounts: readonly Account[]): Promise<Stage> {
  const peer = await startProsody({
    accounts: accounts.map(({ name }) => name),
    modules: MODULES,
    lines: linesFor(accounts),
  });
  const upstreams = { [DOMAIN]: { host: '127.0.0.1', port: peer.port, tls: 'none' as const } };
  const edge = createServer({ host: '127.0.0.1', port: 0, upstreams, limits: { rates: false }, log: silentLog });
  await edge.start();
  const at = { bosh: edge.urls.bosh, ws: edge.urls.websocket };
  return {
    domain: DOMAIN,
    connect: (transport, domain) =>
      transport === 'tcp' ? TcpCarrier.connect(peer.port, domain) : carrier(transport, at, domain),
    left: (jid) => peer.until(new RegExp(`Unbinding resource for ${jid.replaceAll(/[^\w]/g, '\\$&')} `)),
    stop: async () => {
      await edge.stop();
      await peer.stop();
    },
  };
}
