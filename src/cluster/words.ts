// The words of the hall as frames, between a process that carries clients and the one that has the local domains. The
// number of a frame is that of a stream, which the carrier chose.

import type { ClientStream, Ending, Tls } from '../stream/end.js';
import { type StreamCondition, StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { Stanza } from '../xmpp/stanza.js';

export const WORD = Object.freeze({
  /** A client and its header. */
  attach: 1,
  open: 2,
  stanza: 3,
  drain: 4,
  /** The last stanza was enough for now: what `false` is within one process. */
  full: 5,
  close: 6,
  /** A stanza that never reached the client; before the client's `close`, or before `gone`. */
  returned: 7,
  /** The client's `close` was heard: no stanza follows. */
  closed: 8,
  /** And what was underway then has been returned. */
  gone: 9,
  /** Asks for `reached`, by a number of its own. */
  mark: 10,
  reached: 11,
  /** So many streams of this address more, or fewer, somewhere else. */
  came: 12,
  left: 13,
});

/** A client as far as upstreams may know it. */
type Facts = Omit<ClientStream, 'open' | 'stanza' | 'drain' | 'close' | 'reached'>;

interface Attachment {
  readonly client: Facts;
  readonly header: StreamHeader;
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export function writeAttachment(client: Facts, header: StreamHeader): Buffer {
  const { name, transport, remoteAddress, remotePort, secure, route, tls } = client;
  const known = tls && {
    version: tls.version,
    exporter: tls.exporter()?.toString('base64'),
    endpoint: tls.endpoint?.()?.toString('base64'),
    certificate: tls.certificate,
  };
  const facts = { name, transport, remoteAddress, remotePort, secure, route, tls: known };
  return json({ client: facts, header: plain(header) });
}

export function readAttachment(bytes: Buffer): Attachment {
  const { client, header } = JSON.parse(bytes.toString());
  return { client: { ...client, tls: client.tls && tlsOf(client.tls) }, header: headerOf(header) };
}

function tlsOf({ version, exporter, endpoint, certificate }: Record<string, string>): Tls {
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'base64'));
  const bindings = { exporter: () => bytes(exporter), endpoint: () => bytes(endpoint) };
  return { version, ...bindings, certificate: certificate as unknown as Tls['certificate'] };
}

export const writeHeader = (header: StreamHeader): Buffer => json(plain(header));

export const readHeader = (bytes: Buffer): StreamHeader => headerOf(JSON.parse(bytes.toString()));

const plain = (header: StreamHeader) => ({ ...header, extra: header.extra && [...header.extra] });

const headerOf = ({ extra, ...header }: StreamHeader): StreamHeader =>
  extra ? { ...header, extra: new Map(extra) } : header;

/** Without what was not delivered: that is in frames of its own. */
export function writeEnding({ how, error }: Ending): Buffer {
  if (error === undefined) return json({ how });
  const { condition, text, location, element } = error;
  return json({ how, error: { condition, text, location, element: element?.raw.toString() } });
}

export function readEnding(bytes: Buffer): Ending {
  const { how, error } = JSON.parse(bytes.toString()) as { how: Ending['how']; error?: Told };
  if (error === undefined) return { how };
  const element = error.element === undefined ? undefined : new Stanza(Buffer.from(error.element));
  return { how, error: new StreamError(error.condition, error.text, { element, location: error.location }) };
}

interface Told {
  readonly condition: StreamCondition;
  readonly text?: string;
  readonly location?: string;
  readonly element?: string;
}
