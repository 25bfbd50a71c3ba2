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

type Remedy = (option: string) => string;

const place: Remedy = (option) => `start the XMPP server, or correct ${option}.host and .port`;
const trust: Remedy = (option) =>
  `${option}.ca names the authority that signed it; the certificate must be for the domain`;
const name: Remedy = (option) => `${option}.host says where the server is when the DNS does not`;

const REMEDIES: Readonly<Partial<Record<Reason, Remedy>>> = {
  nxdomain: name,
  dns: name,
  service_refused: name,
  forbidden_address: name,
  refused: place,
  unreachable: place,
  timeout: place,
  certificate: trust,
  tls: (option) => `the server must have a certificate for the domain; ${option}.tls "none" goes without TLS`,
  starttls_not_offered: (option) => `turn TLS on in the server; ${option}.tls "optional" or "none" goes without`,
};

/** What the operator of an upstream can do about it; undefined where only its server's log knows. */
export function remedy(reason: Reason, domain: string): string | undefined {
  return REMEDIES[reason]?.(`upstreams["${domain}"]`);
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
