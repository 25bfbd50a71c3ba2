// What a server does that nobody told anything: it serves `localhost` with rooms and files to this machine, in memory, to whoever comes.

import { fromObject, type Said } from './said.js';
import type { ConfigInput } from './schema.js';

const CONFIG: ConfigInput = {
  host: '127.0.0.1',
  domains: { localhost: { auth: { anonymous: true, register: true } } },
  components: {
    'rooms.localhost': { module: 'muc', name: 'Rooms' },
    'upload.localhost': { module: 'upload', name: 'Files' },
  },
};

/** To be said before anything else; every part of it can be said otherwise. */
export const firstMinute: Said = fromObject(CONFIG);

/** Whether one of them says which domains there are. */
export function namesDomains(sayings: readonly Said[]): boolean {
  const names = ['domains', 'upstreams', 'firewall'];
  return sayings.some(({ value }) => value instanceof Map && names.some((name) => value.has(name)));
}
