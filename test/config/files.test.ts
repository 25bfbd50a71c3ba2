import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConfigInput, configure } from '../../src/config/load.js';
import { CertificateAuthority } from '../support/certs.js';

let ca: CertificateAuthority;
const at = (name: string) => join(ca.folder, name);

function certificate(name: string, passphrase?: string): void {
  const { certFile, keyFile } = ca.make({ commonName: 'a.example', selfSigned: true, passphrase });
  renameSync(certFile, at(`${name}.pem`));
  renameSync(keyFile, at(`${name}.key`));
}

beforeAll(() => {
  ca = new CertificateAuthority();
  certificate('good');
  certificate('other');
  certificate('locked', 'opensesame');
  writeFileSync(at('junk.pem'), 'junk');
  writeFileSync(at('opensesame'), 'opensesame\n');
});

afterAll(() => ca?.remove());

function mistakes(input: ConfigInput | Record<string, unknown>): string {
  try {
    configure(input as ConfigInput);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

const tls = (cert: string, key: string, more: object = {}) =>
  mistakes({ tls: { cert: at(cert), key: at(key), ...more } });

test('a certificate and its key are taken', () => {
  expect(tls('good.pem', 'good.key')).toBe('none');
});

test('a key of another certificate is refused', () => {
  const c2s = { tls: { cert: at('good.pem'), key: at('other.key') } };
  expect(mistakes({ c2s })).toContain('c2s.tls.key  does not belong to the certificate in c2s.tls.cert');
  expect(tls('good.pem', 'other.key')).toBe(
    'tls.key  does not belong to the certificate in tls.cert\n   fix: name the key that the certificate was made with',
  );
});

test('a key with a passphrase needs it, from the option or a file of its own', () => {
  expect(tls('locked.pem', 'locked.key', { passphrase: 'opensesame' })).toBe('none');
  expect(tls('locked.pem', 'locked.key', { passphrase_file: at('opensesame') })).toBe('none');
  expect(tls('locked.pem', 'locked.key', { passphrase: 'wrong' })).toBe(
    'tls.key  is not a private key in PEM, or the passphrase is wrong\n   fix: check the file, and tls.passphrase',
  );
  expect(tls('locked.pem', 'locked.key')).toContain('the passphrase is wrong');
  expect(tls('locked.pem', 'locked.key', { passphrase: 'a', passphrase_file: at('opensesame') })).toContain(
    'tls.passphrase_file  is said together with "passphrase"',
  );
});

test('what is no certificate is refused', () => {
  expect(tls('junk.pem', 'good.key')).toContain(`tls.cert  is not a certificate in PEM: ${at('junk.pem')}`);
  expect(tls('good.pem', 'junk.pem')).toContain('tls.key  is not a private key in PEM');
});

test('both files are looked at in one run', () => {
  const said = tls('nowhere.pem', 'nowhere.key');
  expect(said).toContain(`tls.cert  file not found: ${at('nowhere.pem')}`);
  expect(said).toContain(`tls.key  file not found: ${at('nowhere.key')}`);
});

test('the authorities of clients have to be there, and certificates', () => {
  expect(tls('good.pem', 'good.key', { client_ca: ca.caFile })).toBe('none');
  expect(tls('good.pem', 'good.key', { client_ca: at('nowhere.pem') })).toContain(
    `tls.client_ca  file not found: ${at('nowhere.pem')}`,
  );
  expect(tls('good.pem', 'good.key', { client_ca: at('junk.pem') })).toContain(
    `tls.client_ca  is not a certificate in PEM: ${at('junk.pem')}`,
  );
});

test("an upstream's authorities come from a file, or as text from a program", () => {
  const upstream = (ca: string) => mistakes({ upstreams: { 'a.example': { ca } } });
  expect(upstream(at('good.pem'))).toBe('none');
  expect(upstream(readFileSync(at('good.pem'), 'utf8'))).toBe('none');
  expect(upstream(at('junk.pem'))).toContain('upstreams.a.example.ca  is not a certificate in PEM');
});

test('a secret is never in a message', () => {
  expect(tls('locked.pem', 'locked.key', { passphrase: 'canary' })).not.toContain('canary');
});
