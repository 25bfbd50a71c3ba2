// Who the client is when proxies stand in front: X-Forwarded-For and RFC 7239 Forwarded are believed from trusted
// proxies only, and read from right to left, because everything left of the last trusted proxy is the client's own word.

import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { type Client, plainAddress } from '../net/address.js';
import type { Networks } from '../stream/address.js';

/** Longest chain of proxies that is followed. */
const HOPS = 32;

interface Hop {
  readonly address: string;
  readonly port: number;
  readonly proto?: string;
}

/** The client of a request that a trusted proxy brought; `proxy` itself when the headers say nothing usable. */
export function forwardedClient(headers: IncomingHttpHeaders, proxy: Client, trusted: Networks): Client {
  const hops = hopsOf(headers);
  let client: Hop = proxy;
  for (const text of hops.list.slice(-HOPS).reverse()) {
    const hop = hops.parse(text);
    // Obfuscated or broken: what stands left of it cannot be judged.
    if (hop === undefined) break;
    client = hop;
    if (!trusted.has(hop.address)) break;
  }
  const proto = client.proto ?? lastOf(headers['x-forwarded-proto']);
  return { address: client.address, port: client.port, secure: proto === undefined ? proxy.secure : isSecure(proto) };
}

// Where both headers are there, the older one counts: nearly every proxy writes it, and one that does passes the
// client's own Forwarded through.
function hopsOf(headers: IncomingHttpHeaders): { list: string[]; parse(text: string): Hop | undefined } {
  const plain = headers['x-forwarded-for'];
  if (plain !== undefined) return { list: String(plain).split(','), parse: (text) => endpoint(text.trim()) };
  const forwarded = headers.forwarded;
  return { list: forwarded === undefined ? [] : splitQuoted(forwarded, ','), parse: forwardedElement };
}

function forwardedElement(text: string): Hop | undefined {
  const pairs = new Map<string, string>();
  for (const pair of splitQuoted(text, ';')) {
    const equals = pair.indexOf('=');
    pairs.set(pair.slice(0, equals).trim().toLowerCase(), unquoted(pair.slice(equals + 1).trim()));
  }
  const hop = endpoint(pairs.get('for') ?? '');
  return hop && { ...hop, proto: pairs.get('proto') };
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. */
function endpoint(text: string): Hop | undefined {
  const match = /^\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?$|^([0-9.]+)(?::(\d{1,5}))?$|^([0-9a-fA-F:.]+)$/.exec(text);
  const address = match && (match[1] ?? match[3] ?? match[5]);
  if (!address || isIP(address) === 0) return undefined;
  const port = Number(match[2] ?? match[4] ?? 0);
  return port > 0xffff ? undefined : { address: plainAddress(address), port };
}

function isSecure(proto: string): boolean {
  return /^(https|wss)$/i.test(proto);
}

/** The last element of a list header: the one that the nearest proxy wrote. */
export function lastOf(header: string | string[] | undefined): string | undefined {
  return header === undefined ? undefined : String(header).split(',').pop()?.trim();
}

function splitQuoted(text: string, separator: string): string[] {
  const parts = [''];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"' && text[at - 1] !== '\\') quoted = !quoted;
    if (character === separator && !quoted) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts;
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}
