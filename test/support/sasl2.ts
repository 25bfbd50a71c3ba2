// Logging in as XEP-0388 has it: what a client sends, and what it hears.

import { createHmac } from 'node:crypto';
import { attributes } from './xml.js';

export const SASL2 = 'urn:xmpp:sasl:2';
export const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770';
export const FAST = 'urn:xmpp:fast:0';

const base64 = (data: string | Buffer) => Buffer.from(data).toString('base64');

/** `<authenticate/>` with an initial response, and whatever else. */
export const authenticate2 = (mechanism: string, initial: string | Buffer, inside = ''): string =>
  `<authenticate xmlns='${SASL2}' mechanism='${mechanism}'><initial-response>${base64(initial)}</initial-response>${inside}</authenticate>`;

export const plain2 = (user: string, password: string, inside = ''): string =>
  authenticate2('PLAIN', `\0${user}\0${password}`, inside);

export const response2 = (data: string | Buffer): string => `<response xmlns='${SASL2}'>${base64(data)}</response>`;

export const agent = (id = AGENT): string => `<user-agent${attributes({ id })}/>`;
export const tokenRequest = (mechanism = 'HT-SHA-256-NONE'): string =>
  `<request-token xmlns='${FAST}' mechanism='${mechanism}'/>`;

export interface TokenUse {
  readonly user?: string;
  readonly mechanism?: string;
  readonly binding?: Buffer;
  /** Attributes of `<fast/>`. */
  readonly fast?: Readonly<Record<string, string | undefined>>;
  readonly inside?: string;
}

const hash = (token: string, who: string, binding: Buffer) =>
  createHmac('sha256', token).update(who).update(binding).digest();

/** Logs in with a token. */
export function useToken(token: string, use: TokenUse = {}): string {
  const { user = 'user', mechanism = 'HT-SHA-256-NONE', binding = Buffer.alloc(0), fast, inside = agent() } = use;
  const initial = Buffer.concat([Buffer.from(`${user}\0`), hash(token, 'Initiator', binding)]);
  return authenticate2(mechanism, initial, `${inside}<fast${attributes({ xmlns: FAST, ...fast })}/>`);
}

/** What the server proves itself with. */
export const tokenAnswer = (token: string, binding: Buffer = Buffer.alloc(0)): string =>
  hash(token, 'Responder', binding).toString('base64');
