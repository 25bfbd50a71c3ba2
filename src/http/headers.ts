// Headers that every answer carries, as names and values in turn.

import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { RawHeaders } from './cors.js';

export const SECURITY: RawHeaders = [
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
  'Referrer-Policy',
  'no-referrer',
];

/** For answers over our own TLS only: behind a proxy it is the proxy's word. */
export const STRICT_TRANSPORT: RawHeaders = ['Strict-Transport-Security', 'max-age=31536000'];

const FRAMING = new Set([
  'connection',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'date',
  'keep-alive',
  'trailer',
  'upgrade',
]);

/** Throws when an operator's header could not be sent or would break the message. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (FRAMING.has(name.toLowerCase())) throw new TypeError(`http_headers: ${name} is the server's own to write`);
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}

/** Names and values in turn, as Fastify takes them. */
export function pairs(headers: RawHeaders): Record<string, string> {
  return Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));
}
