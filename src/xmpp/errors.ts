// The two errors of XMPP: what ends a stream (RFC 6120 section 4.9) and what answers a stanza (section 8.3).
// Everything else that is thrown is a bug or an I/O failure.

import type { Stanza } from './stanza.js';

/** The defined conditions of RFC 6120 section 4.9.3. */
export const STREAM_CONDITIONS = [
  'bad-format',
  'bad-namespace-prefix',
  'conflict',
  'connection-timeout',
  'host-gone',
  'host-unknown',
  'improper-addressing',
  'internal-server-error',
  'invalid-from',
  'invalid-namespace',
  'invalid-xml',
  'not-authorized',
  'not-well-formed',
  'policy-violation',
  'remote-connection-failed',
  'reset',
  'resource-constraint',
  'restricted-xml',
  'see-other-host',
  'system-shutdown',
  'undefined-condition',
  'unsupported-encoding',
  'unsupported-feature',
  'unsupported-stanza-type',
  'unsupported-version',
] as const;

export type StreamCondition = (typeof STREAM_CONDITIONS)[number];

export interface StreamErrorDetail {
  /** The `<stream:error/>` as the server behind us sent it; present only when the error is the server's own. */
  readonly element?: Stanza;
  /** Where to go instead: host[:port] of see-other-host, or a URI for a client that left over BOSH or WebSocket. */
  readonly location?: string;
  readonly cause?: unknown;
}

/** Ends a stream. `text` is for people and never holds stanza content or secrets. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly element: Stanza | undefined;
  readonly location: string | undefined;

  constructor(
    readonly condition: StreamCondition,
    readonly text?: string,
    detail: StreamErrorDetail = {},
  ) {
    super(text === undefined ? condition : `${condition}: ${text}`, { cause: detail.cause });
    this.element = detail.element;
    this.location = detail.location;
  }
}

/** The defined conditions of RFC 6120 section 8.3.3. */
export const STANZA_CONDITIONS = [
  'bad-request',
  'conflict',
  'feature-not-implemented',
  'forbidden',
  'gone',
  'internal-server-error',
  'item-not-found',
  'jid-malformed',
  'not-acceptable',
  'not-allowed',
  'not-authorized',
  'policy-violation',
  'recipient-unavailable',
  'redirect',
  'registration-required',
  'remote-server-not-found',
  'remote-server-timeout',
  'resource-constraint',
  'service-unavailable',
  'subscription-required',
  'undefined-condition',
  'unexpected-request',
] as const;

export type StanzaCondition = (typeof STANZA_CONDITIONS)[number];

/** RFC 6120 section 8.3.2. */
export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

/** A condition of one application (section 8.3.4): an element, with attributes, and with elements that hold a text each. */
export interface ApplicationCondition {
  readonly name: string;
  readonly ns: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly children?: Readonly<Record<string, string>>;
}

/** Answers a stanza. */
export class StanzaError extends Error {
  override readonly name = 'StanzaError';

  constructor(
    readonly type: StanzaErrorType,
    readonly condition: StanzaCondition,
    readonly text?: string,
    readonly application?: ApplicationCondition,
    /** XML that stands in front of the error, such as what it is about; it declares its namespace. */
    readonly payload?: string,
    /** Where to go instead, of `gone` and `redirect` (sections 8.3.3.5 and 8.3.3.14): a URI. */
    readonly location?: string,
  ) {
    super(text === undefined ? condition : `${condition}: ${text}`);
  }
}
