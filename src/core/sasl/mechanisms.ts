// The mechanisms by name: which of them a client may use, the strongest first, and an exchange for each.

import type { ClientStream } from '../../stream/end.js';
import { Anonymous } from './anonymous.js';
import { SaslError } from './errors.js';
import { certified, External } from './external.js';
import { type Exchange, HASHES, type Hash, type Setting } from './mechanism.js';
import { mayBePlain, Plain } from './plain.js';
import { type Bindings, Scram } from './scram.js';

/** Of a host. */
export interface MechanismOptions {
  readonly anonymous: boolean;
}

/** What one client may use at one host, for the life of its connection. */
export class Mechanisms {
  readonly #domain: string;
  readonly #client: Setting['client'];
  readonly #options: MechanismOptions;
  readonly #bindings: Bindings;

  constructor(
    domain: string,
    client: Pick<ClientStream, 'secure' | 'remoteAddress' | 'tls'>,
    options: MechanismOptions,
  ) {
    this.#domain = domain;
    this.#client = client;
    this.#options = options;
    this.#bindings = bindingsOf(client);
  }

  /** The strongest first (RFC 6120 section 6.3.3). */
  get names(): string[] {
    const client = this.#client;
    const scram = HASHES.map((hash) => `SCRAM-${hash.toUpperCase()}`).reverse();
    return [
      ...(certified({ client, domain: this.#domain }).length > 0 ? ['EXTERNAL'] : []),
      ...(this.#bindings.size === 0 ? [] : scram.map((name) => `${name}-PLUS`)),
      ...scram,
      ...(mayBePlain(client) ? ['PLAIN'] : []),
      ...(this.#options.anonymous ? ['ANONYMOUS'] : []),
    ];
  }

  /** Types of channel binding that the -PLUS forms take (XEP-0440); none where there are no such forms. */
  get bindings(): readonly string[] {
    return [...this.#bindings.keys()];
  }

  /** A new attempt. Throws encryption-required for a PLAIN that is not safe here, else invalid-mechanism. */
  begin(name: string, { accounts, admit }: Pick<Setting, 'accounts' | 'admit'>): Exchange {
    if (name === 'PLAIN' && !mayBePlain(this.#client)) throw new SaslError('encryption-required');
    if (!this.names.includes(name)) throw new SaslError('invalid-mechanism');
    const setting: Setting = { domain: this.#domain, client: this.#client, accounts, admit };
    if (name === 'EXTERNAL') return new External(setting);
    if (name === 'PLAIN') return new Plain(setting);
    if (name === 'ANONYMOUS') return new Anonymous();
    const plus = name.endsWith('-PLUS');
    const hash = name.replace(/^SCRAM-|-PLUS$/g, '').toLowerCase() as Hash;
    return new Scram(setting, { hash, plus, bindings: this.#bindings });
  }
}

/** What a client's own TLS gives, the strongest first. */
function bindingsOf({ tls }: Setting['client']): Bindings {
  const [exporter, endpoint] = [tls?.exporter(), tls?.endpoint?.()];
  const bindings = new Map<string, Buffer>();
  if (exporter !== undefined) bindings.set('tls-exporter', exporter);
  if (endpoint !== undefined) bindings.set('tls-server-end-point', endpoint);
  return bindings;
}
