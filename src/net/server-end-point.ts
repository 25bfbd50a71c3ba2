// Channel binding of type tls-server-end-point (RFC 5929 section 4): a hash of the server's certificate, by the function that
// the certificate itself was signed with. Of a certificate only as much is read as tells that.

import { createHash } from 'node:crypto';

/** By the signature algorithm's object identifier in DER, in hexadecimal digits; RFC 5929 has SHA-256 for MD5 and SHA-1. */
const HASHES: Readonly<Record<string, string>> = {
  // RSA: md5, sha1, sha256, sha384, sha512 (RFC 8017 appendix A.2.4).
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  // ECDSA: sha1 (RFC 3279), sha256, sha384, sha512 (RFC 5758).
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/** Of a certificate in DER; undefined where its signature has no hash function of its own (Ed25519), or says it elsewhere. */
export function endpointOf(certificate: Buffer): Buffer | undefined {
  const hash = HASHES[signatureOf(certificate).toString('hex')];
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, ... }, ... } (RFC 5280 section 4.1). */
function signatureOf(certificate: Buffer): Buffer {
  const [content] = spanOf(certificate, 0);
  const [, end] = spanOf(certificate, content);
  const [algorithm] = spanOf(certificate, end);
  return certificate.subarray(...spanOf(certificate, algorithm));
}

/** Where the content of the element that begins here begins and ends. */
function spanOf(der: Buffer, at: number): [number, number] {
  const length = der[at + 1];
  if (length < 0x80) return [at + 2, at + 2 + length];
  const start = at + 2 + (length & 0x7f);
  return [start, start + der.readUIntBE(at + 2, length & 0x7f)];
}
