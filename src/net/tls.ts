// The certificate that clients see, over whatever they come. The files are looked at again when they change; a pair that does not fit, or
// has expired, is refused and the old one stays.

import { X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { Log } from '../log.js';

export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
}

const LOOK_EVERY = 5000;

/** The certificate and key, fit for use; throws when they are not. */
export function readTls({ cert, key, passphrase }: TlsOptions, now = Date.now()): SecureContextOptions {
  const context = { cert: readFileSync(cert), key: readFileSync(key), passphrase: passphrase || undefined };
  createSecureContext(context);
  const { validTo } = new X509Certificate(context.cert);
  if (Date.parse(validTo) < now) throw new Error(`tls.cert: ${cert} expired on ${validTo}`);
  return { ...context, minVersion: 'TLSv1.2', honorCipherOrder: true };
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
  const files = [options.cert, options.key];
  for (const file of files) watchFile(file, { interval: every, persistent: false }, look);
  return () => {
    for (const file of files) unwatchFile(file, look);
  };
}
