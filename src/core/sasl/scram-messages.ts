// The messages of SCRAM as text (RFC 5802 sections 5 and 7): read strictly, written plainly. Nothing secret is judged here.

import { isUtf8 } from 'node:buffer';
import { fromBase64 } from './base64.js';
import { malformed } from './mechanism.js';

export interface ClientFirst {
  /** As it has to come again in the client's final message. */
  readonly gs2Header: string;
  /** `n`: the client cannot bind to a channel; `y`: it could, but thinks that we cannot; else the type of binding. */
  readonly binding: 'n' | 'y' | { readonly type: string };
  readonly authzid: string;
  /** client-first-message-bare: part of what is signed. */
  readonly bare: string;
  readonly username: string;
  readonly nonce: string;
}

export interface ClientFinal {
  readonly channel: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** client-final-message-without-proof: part of what is signed. */
  readonly withoutProof: string;
}

// An extension that must be understood (m=) stands before the name, and none is understood here; others are passed over.
const FIRST = /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]+)*)$/;
const FINAL = /^(c=([^,]*),r=([^,]*)(?:,[A-Za-z]=[^,]+)*),p=([^,]*)$/;

export function readFirst(data: Buffer): ClientFirst {
  const parts = FIRST.exec(textOf(data));
  if (parts === null) throw malformed('not the first message of SCRAM');
  const [, gs2Header, flag, type, authzid, bare, username, nonce] = parts;
  const binding = flag === 'n' || flag === 'y' ? flag : { type };
  return { gs2Header, binding, authzid: saslname(authzid ?? ''), bare, username: saslname(username), nonce };
}

export function readFinal(data: Buffer): ClientFinal {
  const parts = FINAL.exec(textOf(data));
  if (parts === null) throw malformed('not the final message of SCRAM');
  const [, withoutProof, channel, nonce, proof] = parts;
  return { channel: bytes(channel), nonce, proof: bytes(proof), withoutProof };
}

function textOf(data: Buffer): string {
  if (!isUtf8(data) || data.includes(0)) throw malformed('not text');
  return data.toString();
}

function bytes(text: string): Buffer {
  const data = fromBase64(text);
  if (data === undefined) throw malformed('not base64 within the message');
  return data;
}

/** `=2C` stands for a comma and `=3D` for an equals sign; no other equals sign may be there. */
function saslname(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw malformed('a name with a bare equals sign');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
