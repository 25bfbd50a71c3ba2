// The files that options name: certificates and keys must be there, be what they should, and belong together.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Where } from './checks.js';
import type { Problem } from './problem.js';
import type { Config } from './schema.js';
import { unreadable } from './tidy.js';

/** The PEM text that an option means; for authorities programs may give the text itself instead of a path. */
export function pemOf(value: string): string {
  return isPem(value) ? value : readFileSync(value, 'utf8');
}

export function isPem(value: string): boolean {
  return value.includes('-----BEGIN ');
}

/** Files that cannot be read or used, and an own certificate that has expired. */
export function fileProblems(config: Config, where: Where): Problem[] {
  const { tls, c2s } = config;
  const own = tls === null ? [] : tlsProblems('tls', tls, where);
  const tcp = c2s === null || c2s.tls === null ? [] : tlsProblems('c2s.tls', c2s.tls, where);
  const authorities = Object.entries(config.upstreams).flatMap(([domain, { ca }]) => {
    return ca === undefined ? [] : certificateProblems(ca, `upstreams.${domain}.ca`, where);
  });
  return [...own, ...tcp, ...authorities];
}

const INSTEAD = 'put the certificate there, or remove "tls" and end TLS in a proxy in front';

type Own = 'tls' | 'c2s.tls';

function tlsProblems(
  of: Own,
  { cert, key, passphrase, client_ca }: NonNullable<Config['tls']>,
  where: Where,
): Problem[] {
  const instead = of === 'tls' ? INSTEAD : undefined;
  const problems = cert === '' ? [] : certificateProblems(cert, `${of}.cert`, where, instead);
  const keys = key === '' ? [] : keyProblems(of, key, passphrase, problems.length === 0 ? cert : '', where);
  const authorities = client_ca === undefined ? [] : certificateProblems(client_ca, `${of}.client_ca`, where);
  return [...problems, ...keys, ...authorities];
}

function keyProblems(of: Own, key: string, passphrase: string, cert: string, where: Where): Problem[] {
  const option = `${of}.key`;
  const origin = where(option) ?? { kind: 'given' };
  try {
    const privateKey = createPrivateKey({ key: pemOf(key), passphrase: passphrase === '' ? undefined : passphrase });
    if (cert === '' || new X509Certificate(pemOf(cert)).checkPrivateKey(privateKey)) return [];
    const message = `does not belong to the certificate in ${of}.cert`;
    return [{ origin, option, message, fix: 'name the key that the certificate was made with' }];
  } catch (error) {
    if (isSystemError(error)) return [unreadable(origin, option, key, error)];
    const message = 'is not a private key in PEM, or the passphrase is wrong';
    return [{ origin, option, message, fix: `check the file, and ${of}.passphrase` }];
  }
}

function certificateProblems(file: string, option: string, where: Where, absent?: string): Problem[] {
  const origin = where(option) ?? { kind: 'given' };
  try {
    const { validTo } = new X509Certificate(pemOf(file));
    if (!option.endsWith('tls.cert') || Date.parse(validTo) >= Date.now()) return [];
    return [{ origin, option, message: `has expired on ${validTo}: ${file}`, fix: 'put a valid certificate there' }];
  } catch (error) {
    if (isSystemError(error))
      return [unreadable(origin, option, file, error, error.code === 'ENOENT' ? absent : undefined)];
    const message = `is not a certificate in PEM${isPem(file) ? '' : `: ${file}`}`;
    return [{ origin, option, message, fix: 'name a file that begins with -----BEGIN CERTIFICATE-----' }];
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}
