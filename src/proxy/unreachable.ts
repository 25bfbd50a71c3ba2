// Why a server could not be reached: what the operator is told, and what the client.

import { StreamError } from '../xmpp/errors.js';

/** A closed set: it is a label of `backend_connect_failures_total`. */
export type Reason =
  | 'nxdomain'
  | 'dns'
  | 'service_refused'
  | 'forbidden_address'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'certificate'
  | 'tls'
  | 'starttls_not_offered'
  | 'starttls_refused'
  | 'starttls_injection'
  | 'protocol'
  | 'stream_error'
  | 'closed';

/** One attempt, or all of them, failed. `message` and `option` are for the log; the client hears only `told`. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';

  constructor(
    readonly reason: Reason,
    message: string,
    /** The option that would change it. */
    readonly option?: string,
    /** What the server itself said, which is for the client. */
    readonly said?: StreamError,
  ) {
    super(message);
  }

  /** What the server said, or else one text for all causes but that the domain does not exist: a client must not learn what stands where. */
  get told(): StreamError {
    if (this.said !== undefined) return this.said;
    return this.reason === 'nxdomain'
      ? new StreamError('host-unknown', 'no such XMPP domain')
      : new StreamError('remote-connection-failed', 'the server of this domain cannot be reached');
  }
}

const CODES: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
};

/** Any failure of a socket by its reason. */
export function unreachable(error: unknown, otherwise: Reason = 'unreachable'): Unreachable {
  if (error instanceof Unreachable) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new Unreachable(CODES[code ?? ''] ?? otherwise, message || code || String(error));
}
