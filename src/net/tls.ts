// The certificate that clients see, over whatever they come, and the authorities whose certificates of clients count. The
// files are looked at again when they change; what does not fit, or has expired, is refused and what was stays.

import { X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type Server, type TlsOptions as ServerTls } from 'node:tls';
import type { Log } from '../log.js';

export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
  /** Clients are asked for certificates of these authorities; without it, for none. */
  readonly client_ca?: string | undefined;
}

const LOOK_EVERY = 5000;

/** The certificate and key, fit for use, and what is asked of clients; throws when they are not. */
export function readTls({ cert, key, passphrase, client_ca }: TlsOptions, now = Date.now()): ServerTls {
  const own = { cert: readFileSync(cert), key: readFileSync(key), passphrase: passphrase || undefined };
  const context = client_ca === undefined ? own : { ...own, ...asking(client_ca) };
  createSecureContext(context);
  const { validTo } = new X509Certificate(own.cert);
  if (Date.parse(validTo) < now) throw new Error(`tls.cert: ${cert} expired on ${validTo}`);
  return { ...context, minVersion: 'TLSv1.2', honorCipherOrder: true };
}

/** A client may come without a certificate, or with another's: that counts as none (`authorized` tells). */
function asking(file: string): ServerTls {
  const ca = readFileSync(file);
  // OpenSSL would pass over a file without any, and then nobody's certificate would count.
  new X509Certificate(ca);
  return { ca, requestCert: true, rejectUnauthorized: false };
}

/** Keeps the server's certificate as its files are; returns what ends that. */
export function followTls(server: Server, options: TlsOptions, log: Log, every = LOOK_EVERY): () => void {
  const look = () => {
    try {
      server.setSecureContext(readTls(options));
      log.info('tls_certificate_loaded', { cert: options.cert });
    } catch (error) {
      log.error('tls_certificate_refused', { cert: options.cert, error });
    }
  };
  const files = [options.cert, options.key, ...(options.client_ca === undefined ? [] : [options.client_ca])];
  for (const file of files) watchFile(file, { interval: every, persistent: false }, look);
  return () => {
    for (const file of files) unwatchFile(file, look);
  };
}
