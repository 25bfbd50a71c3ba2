// A certificate authority for tests, made with the openssl command: certificates that are right, and wrong in one way
// each. Keys are P-256, so that making them takes no time.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

export interface CertificateOptions {
  /** `DNS:example.test`, `IP:127.0.0.1`, ...; none: only the common name says whom it is for. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** XMPP addresses (id-on-xmppAddr), for a certificate of a client. */
  readonly addresses?: readonly string[];
  /** Ended yesterday. */
  readonly expired?: boolean;
  readonly selfSigned?: boolean;
  /** Encrypts the key. */
  readonly passphrase?: string;
}

const XMPP_ADDR = '1.3.6.1.5.5.7.8.5';

/** One CA with its own folder; `remove` it when done. */
export class CertificateAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), 'bosh-ca-'));
  /** The CA's own certificate as PEM, and its file. */
  readonly ca: string;
  readonly caFile: string;
  #made = 0;

  constructor(readonly name = 'Test CA') {
    const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=keyCertSign,cRLSign'];
    this.#openssl(
      'req',
      '-x509',
      ...this.#newKey('ca'),
      '-out',
      'ca.pem',
      '-days',
      '3650',
      '-subj',
      `/CN=${name}`,
      ...extensions,
    );
    this.caFile = join(this.folder, 'ca.pem');
    this.ca = readFileSync(this.caFile, 'utf8');
  }

  /** A certificate for these names (`example.test` means `DNS:example.test`), valid now and signed by this CA. */
  issue(names: string | readonly string[], options: CertificateOptions = {}): KeyPair {
    const list = (typeof names === 'string' ? [names] : names).map((name) =>
      name.includes(':') ? name : `DNS:${name}`,
    );
    return this.make({ names: list, commonName: list[0]?.replace(/^\w+:/, ''), ...options });
  }

  /** A certificate of a client, issued to these XMPP addresses. */
  issueClient(...addresses: string[]): KeyPair {
    return this.make({ commonName: 'a client', addresses });
  }

  make({
    names = [],
    commonName = 'test',
    addresses = [],
    expired = false,
    selfSigned = false,
    passphrase,
  }: CertificateOptions): KeyPair {
    const id = `cert-${++this.#made}`;
    const subjects = [
      ...names.map((name, at) => name.replace(':', `.${at}=`)),
      ...addresses.map((address, at) => `otherName.${at}=${XMPP_ADDR};FORMAT:UTF8,UTF8:${address}`),
    ];
    const extensions = [
      'basicConstraints=CA:FALSE',
      ...(subjects.length > 0 ? ['subjectAltName=@names', '[names]', ...subjects] : []),
    ];
    writeFileSync(join(this.folder, `${id}.ext`), extensions.join('\n'));
    this.#openssl(
      'req',
      '-new',
      ...this.#newKey(id, passphrase),
      '-out',
      `${id}.csr`,
      '-subj',
      `/CN=${commonName.slice(0, 60)}`,
    );
    const signer = selfSigned ? ['-signkey', `${id}.key`] : ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
    const days = ['-days', expired ? '-1' : '365'];
    const unlock = passphrase === undefined ? [] : ['-passin', `pass:${passphrase}`];
    this.#openssl(
      'x509',
      '-req',
      '-in',
      `${id}.csr`,
      ...signer,
      ...unlock,
      ...days,
      '-extfile',
      `${id}.ext`,
      '-out',
      `${id}.pem`,
    );
    const [keyFile, certFile] = [join(this.folder, `${id}.key`), join(this.folder, `${id}.pem`)];
    return { keyFile, certFile, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #newKey(id: string, passphrase?: string): string[] {
    const lock = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...lock, '-keyout', `${id}.key`];
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
