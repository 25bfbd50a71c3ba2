// What all SASL mechanisms share (RFC 4422, RFC 6120 section 6): an exchange is given what the client said and says what
// it hears next. All mechanisms here let the client speak first. No XML, no sockets, no timers.

import { timingSafeEqual } from 'node:crypto';
import type { ClientStream } from '../../stream/end.js';
import { JID } from '../../xmpp/jid.js';
import { SaslError } from './errors.js';

/** Hash functions of SCRAM, by the end of the mechanism's name. */
export const HASHES = ['sha-1', 'sha-256', 'sha-512'] as const;
export type Hash = (typeof HASHES)[number];

/** What the server keeps in place of a password (RFC 5802 section 3). */
export interface ScramKeys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Keys to work with whether there is such an account or not; without one they are made up, always the same. */
export interface Credentials extends ScramKeys {
  readonly known: boolean;
}

/** The accounts of one host; usernames are prepared localparts. */
export interface CredentialSource {
  credentials(username: string, hash: Hash): Promise<Credentials>;
  /** Costs the same work for accounts that do not exist. */
  verify(username: string, password: string): Promise<boolean>;
  exists(username: string): Promise<boolean>;
}

/** What an exchange knows of where it takes place. */
export interface Setting {
  readonly domain: string;
  readonly client: Pick<ClientStream, 'secure' | 'remoteAddress' | 'tls'>;
  readonly accounts: CredentialSource;
  /** Told the username as soon as the client has said it, and again before success; throws SaslError to refuse. */
  admit?(username: string): void;
}

export interface Challenge {
  readonly kind: 'challenge';
  readonly data: Buffer;
}

export interface Success {
  readonly kind: 'success';
  /** Prepared localpart. */
  readonly username: string;
  readonly anonymous: boolean;
  /** Additional data with success. */
  readonly data?: Buffer;
}

export type Step = Challenge | Success;

/** One attempt. What is wrong is thrown as SaslError; a StoreError means that the accounts could not be read. */
export interface Exchange {
  /** Once at a time, and never again after success or an error. */
  respond(data: Buffer): Step | Promise<Step>;
}

export const challenge = (data: Buffer): Challenge => ({ kind: 'challenge', data });

export function success(username: string, more: Partial<Pick<Success, 'data' | 'anonymous'>> = {}): Success {
  return { kind: 'success', username, anonymous: false, ...more };
}

export const malformed = (text: string) => new SaslError('malformed-request', text);
export const unauthorized = () => new SaslError('not-authorized');

/** Compares in a time that tells nothing but the lengths. */
export const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

/** The localpart that a client's username stands for. What is none is nobody's: not-authorized. */
export function usernameOf(text: string, domain: string): string {
  if (text === '') throw malformed('no username');
  try {
    return JID.of(text, domain).local;
  } catch {
    throw unauthorized();
  }
}

/** Acting for others is not offered: an authorization identity is empty or says who has authenticated anyway. */
export function checkAuthzid(authzid: string, username: string, domain: string): void {
  if (authzid !== '' && bareJid(authzid) !== `${username}@${domain}`) throw new SaslError('invalid-authzid');
}

/** The prepared form of a bare JID with a localpart; undefined for anything else. */
export function bareJid(text: string): string | undefined {
  try {
    const jid = JID.parse(text);
    return jid.local !== '' && jid.isBare ? jid.toString() : undefined;
  } catch {
    return undefined;
  }
}
