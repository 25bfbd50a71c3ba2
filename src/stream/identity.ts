// Who a client says it is, held against the certificate that it showed us (RFC 6120 section 4.7.1; XEP-0206 section 5,
// SASL EXTERNAL). Without a certificate, or with one that names no XMPP address, what it says is for its server to judge.

import { StreamError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';
import type { ClientStream } from './end.js';

/** Whether its certificate was issued to other addresses than this `from`. */
export function belies({ tls }: Pick<ClientStream, 'tls'>, from: string | undefined): boolean {
  if (from === undefined) return false;
  const addresses = tls?.certificate?.addresses ?? [];
  if (addresses.length === 0) return false;
  const said = bareOf(from);
  return said === undefined || !addresses.some((address) => bareOf(address) === said);
}

/** RFC 6120 section 4.9.3.9. */
export const otherAddress = () => new StreamError('invalid-from', "not an address of the client's certificate");

/** In its one prepared form; nothing where it is no address. */
function bareOf(address: string): string | undefined {
  try {
    return JID.parse(address).bare.toString();
  } catch {
    return undefined;
  }
}
