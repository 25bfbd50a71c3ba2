// How a session ends in the words of XEP-0124 section 17.2: one function turns a StreamError into them.

import { StreamError } from '../xmpp/errors.js';
import { attribute, escapeText } from '../xmpp/escape.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { streamErrorStanza } from '../xmpp/stream-error.js';
import { writeBody } from './body.js';
import type { BoshResponse } from './held.js';

/** The terminal binding conditions. */
export type Condition =
  | 'bad-request'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'item-not-found'
  | 'other-request'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'remote-stream-error'
  | 'see-other-uri'
  | 'system-shutdown'
  | 'undefined-condition';

/** What a client is told at the end of its session or of one of its streams. */
export interface Terminal {
  /** Absent: a plain goodbye. */
  readonly condition?: Condition;
  /** `<stream:error/>` or `<uri/>`. */
  readonly payload?: Stanza;
  /** For people; not part of the protocol. */
  readonly message?: string;
}

const URI = /^(https?|wss?):\/\//i;

const SAME = new Set<string>([
  'host-gone',
  'host-unknown',
  'improper-addressing',
  'internal-server-error',
  'policy-violation',
  'remote-connection-failed',
  'system-shutdown',
]);

/** The end of a stream whose other side is gone, by the reason it gave; without one, by how it went. */
export function terminalOf(error: StreamError | undefined, how: 'closed' | 'lost' = 'closed'): Terminal {
  if (error === undefined) return how === 'lost' ? { condition: 'remote-connection-failed' } : {};
  if (error.element) return { condition: 'remote-stream-error', payload: error.element };
  if (error.location !== undefined && URI.test(error.location)) return elsewhere(error.location);
  if (SAME.has(error.condition)) return { condition: error.condition as Condition };
  if (error.condition === 'connection-timeout') return { condition: 'remote-connection-failed' };
  const own = error.condition === 'resource-constraint' || error.condition === 'undefined-condition';
  return { condition: own ? 'undefined-condition' : 'remote-stream-error', payload: streamErrorStanza(error) };
}

function elsewhere(uri: string): Terminal {
  const payload = Stanza.from(`<uri xmlns='${NS.httpbind}'>${escapeText(uri)}</uri>`);
  return { condition: 'see-other-uri', payload };
}

/** What is wrong with a request, by what reading it threw; anything but a StreamError is our own failure. */
export function faultOf(error: unknown): Condition {
  if (!(error instanceof StreamError)) return 'internal-server-error';
  return error.condition === 'policy-violation' ? 'policy-violation' : 'bad-request';
}

/** The attributes of a terminal `<body/>`. */
export function terminalAttributes({ condition, payload, message }: Terminal): string {
  const streamed = payload?.ns === NS.stream ? attribute('xmlns:stream', NS.stream) : '';
  return ` type='terminate'${attribute('condition', condition)}${attribute('message', message)}${streamed}`;
}

/** Writes a terminal `<body/>`, queued stanzas before its own payload (XEP-0206 section 6). */
export function terminalBody(terminal: Terminal, queued: readonly Stanza[] = []): Buffer {
  const { payload } = terminal;
  return writeBody(terminalAttributes(terminal), payload ? [...queued, payload] : queued);
}

export const DEFAULT_CONTENT = 'text/xml; charset=utf-8';

const LEGACY_STATUS: Partial<Record<Condition, 400 | 403 | 404>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
};

const NOTHING = Buffer.alloc(0);

/** The answer that ends a session; an HTTP status in its place for a client without `ver` (section 17.1). */
export function terminalResponse(
  terminal: Terminal,
  contentType = DEFAULT_CONTENT,
  legacy = false,
  queued: readonly Stanza[] = [],
): BoshResponse {
  const status = legacy && terminal.condition ? LEGACY_STATUS[terminal.condition] : undefined;
  if (status) return { status, contentType, body: NOTHING };
  return { status: 200, contentType, body: terminalBody(terminal, queued) };
}

/** The answer to whoever names a session that is not there, or none (section 17.2). */
export const UNKNOWN = terminalResponse({ condition: 'item-not-found', message: 'Invalid session ID' });

/** Tells a connection that its request was taken over or has to come again (section 17.3). */
export const RECOVERABLE = writeBody(" type='error'", []);
