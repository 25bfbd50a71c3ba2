// The address that a client sees instead of a user's: what the user addressed, with tokens for a resource, and behind them,
// to be read and not to be trusted, more of what the user addressed and who he is:
//
//   service@proxy.example/<request>~<user>?<resource addressed>/<who>
//
// What does not fit into a resource (RFC 7622 section 3.4) is left out. Only the tokens count when it comes back.

import { TOKEN_LENGTH } from '../tokens.js';
import type { JID } from '../xmpp/jid.js';

/** The tokens of an address; absent: it has none of that kind. */
export interface Mask {
  readonly request?: string;
  readonly user?: string;
}

const MOST_BYTES = 1023;
const TOKEN = `[\\w-]{${TOKEN_LENGTH}}`;
const MASK = new RegExp(`^(${TOKEN})?(?:~(${TOKEN}))?(?:[?/]|$)`);

/** What stands for `who`, who addressed `asked`. */
export function masked(asked: JID, who: JID, { request = '', user }: Mask): JID {
  const tokens = user === undefined ? request : `${request}~${user}`;
  const resource = asked.resource === '' ? tokens : `${tokens}?${encodeURIComponent(asked.resource)}`;
  const fitting = [`${resource}/${who}`, resource, `${tokens}/${who}`].find(fits) ?? tokens;
  try {
    return asked.withResource(fitting);
  } catch {
    return asked.withResource(tokens);
  }
}

export function maskOf({ resource }: JID): Mask {
  const [, request, user] = MASK.exec(resource) ?? [];
  return { request, user };
}

const fits = (resource: string): boolean =>
  resource.length * 3 <= MOST_BYTES || Buffer.byteLength(resource) <= MOST_BYTES;
