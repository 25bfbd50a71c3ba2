// RFC 5929 section 4: certificates made with the openssl command, of each kind of signature.

import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endpointOf } from '../../src/net/server-end-point.js';
import { CertificateAuthority } from '../support/certs.js';

let authority: CertificateAuthority;

beforeAll(() => {
  authority = new CertificateAuthority();
});
afterAll(() => authority.remove());

/** Signed by itself, with such a key and hash function. */
function certificate(key: readonly string[], hash: string): Buffer {
  const out = join(authority.folder, `${key.join('-').replace(/\W/g, '')}-${hash}.pem`);
  const args = ['req', '-x509', '-newkey', ...key, '-noenc', '-keyout', `${out}.key`, '-out', out, '-subj', '/CN=test'];
  execFileSync('openssl', [...args, `-${hash}`], { stdio: 'pipe' });
  return new X509Certificate(readFileSync(out)).raw;
}

const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const RSA = ['rsa:2048'];

test.each([
  ['ECDSA', EC, 'sha256', 'sha256'],
  ['ECDSA', EC, 'sha384', 'sha384'],
  ['ECDSA', EC, 'sha512', 'sha512'],
  ['RSA', RSA, 'sha1', 'sha256'],
  ['RSA', RSA, 'sha256', 'sha256'],
  ['RSA', RSA, 'sha384', 'sha384'],
  ['RSA', RSA, 'sha512', 'sha512'],
])('a certificate of %s that was signed with %3$s', (_, key, signed, hash) => {
  const raw = certificate(key, signed);
  expect(endpointOf(raw)).toEqual(createHash(hash).update(raw).digest());
});

test('one whose signature has no hash function of its own gives nothing to bind to', () => {
  expect(endpointOf(certificate(['ed25519'], 'sha256'))).toBeUndefined();
});
