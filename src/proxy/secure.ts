// TLS towards servers: at least version 1.2, and the certificate has to be for the XMPP domain, not for what SRV points
// to (RFC 6120 section 13.7, XEP-0368). Names are those of subjectAltName alone; a common name is no identity (RFC 9525).

import { readFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { Unreachable, unreachable } from './unreachable.js';

/** One context for all connections that trust the same authorities: it saves 12 KiB and half the handshake's CPU each. */
export class Contexts {
  readonly #made = new Map<string, SecureContext>();

  /** For authorities as PEM text or as the path of a PEM file; for the usual ones without. Throws when unreadable. */
  for(ca = ''): SecureContext {
    const made = this.#made.get(ca) ?? createSecureContext({ minVersion: 'TLSv1.2', ...(ca && { ca: readPem(ca) }) });
    this.#made.set(ca, made);
    return made;
  }
}

const readPem = (ca: string): string => (ca.includes('-----BEGIN') ? ca : readFileSync(ca, 'utf8'));

export interface Securing {
  /** In ASCII. */
  readonly domain: string;
  readonly context: SecureContext;
  /** False: encrypt, whoever it is. */
  readonly verify: boolean;
  /** TLS from the first byte (XEP-0368), announced as such. */
  readonly direct: boolean;
}

/** Encrypts a connected socket; rejects with `Unreachable` and destroys it otherwise. Aborting is destroying it. */
export function secure(socket: Socket, { domain, context, verify, direct }: Securing): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const encrypted = connect({
      socket,
      secureContext: context,
      rejectUnauthorized: verify,
      checkServerIdentity: (_host, certificate) => identify(domain, certificate),
      ...(isIP(domain) === 0 && { servername: domain }),
      ...(direct && { ALPNProtocols: ['xmpp-client'] }),
    });
    const failed = (error: Error) => {
      encrypted.on('error', () => {}).destroy();
      socket.destroy();
      reject(refusal(error, encrypted));
    };
    const closed = () => failed(new Unreachable('tls', 'the connection ended during the TLS handshake'));
    encrypted.once('error', failed).once('close', closed);
    encrypted.once('secureConnect', () => {
      encrypted.off('error', failed).off('close', closed);
      resolve(encrypted);
    });
  });
}

function refusal(error: Error, socket: TLSSocket): Unreachable {
  if (error instanceof Unreachable) return error;
  // OpenSSL's message names the line of its source; its `reason` is what people look for.
  const { code = '', reason = error.message } = error as NodeJS.ErrnoException & { reason?: string };
  const cause = `${code} ${reason}`.trim();
  // authorizationError is set where the handshake was right and the certificate was not.
  return socket.authorizationError
    ? new Unreachable('certificate', cause, 'ca')
    : new Unreachable(unreachable(error, 'tls').reason, cause);
}

/** Undefined when the certificate is for this domain. */
export function identify(domain: string, certificate: PeerCertificate): Error | undefined {
  const kind = isIP(domain) === 0 ? 'DNS:' : 'IP Address:';
  // Without names of the kind, Node would go by the common name.
  if (!certificate.subjectaltname?.includes(kind))
    return new Error(`the certificate has no subjectAltName of kind ${kind}`);
  return checkServerIdentity(domain, certificate);
}
