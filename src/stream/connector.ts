// The one place where streams are let in, whatever carries them: admission by limits, then the choice of the upstream by
// domain. A local domain goes to the server in here, an allowed one to the proxy, any other is host-unknown. It knows
// names and counts; it dials nothing and reads no stanzas.

import type { Log } from '../log.js';
import { limitsHit, type Metrics } from '../metrics.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { allows, type Firewall, normalizeDomain } from './access.js';
import { Admission, type AdmissionOptions, type Refusal } from './admission.js';
import { StreamCounts } from './counts.js';
import { type ClientStream, closedEnd, type StreamEnd, type Upstream } from './end.js';
import { Guest, type House } from './guest.js';
import { belies, otherAddress } from './identity.js';

export interface AccessOptions extends AdmissionOptions {
  readonly upstreams: Readonly<Record<string, unknown>>;
  readonly firewall: Firewall;
  readonly limits: AdmissionOptions['limits'] & {
    /** Bytes of the largest stanza before authentication; 0: as large as any. */
    readonly stanza_before_auth: number;
  };
}

/** The domains that this server serves by itself; they may come and go. */
export interface LocalDomains {
  /** The upstream of a domain by its normalized name. */
  get(domain: string): Upstream | undefined;
  keys(): Iterable<string>;
  stop(): Promise<void>;
}

export interface ConnectorDeps {
  /** For domains of other servers. */
  readonly proxy: Upstream;
  /** For the domains served in here. */
  readonly local?: LocalDomains;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told of each stream that comes or leaves, by its address, where other processes count it too. */
  readonly counted?: (party: string, by: 1 | -1) => void;
}

export class Connector implements Upstream, House {
  readonly counts: StreamCounts;
  stanzaBeforeAuth: number;
  #firewall: Firewall;
  readonly #admission: Admission;
  readonly #deps: ConnectorDeps;
  readonly #local: LocalDomains | undefined;
  readonly #rejected;
  readonly #limits;

  constructor(options: AccessOptions, deps: ConnectorDeps) {
    this.#firewall = firewallOf(options);
    this.#admission = new Admission(options, undefined, deps.counted);
    this.#deps = deps;
    this.#local = deps.local;
    this.#rejected = deps.metrics.counter('sessions_rejected_total', 'Streams not let in.', ['reason']);
    this.#limits = limitsHit(deps.metrics);
    this.counts = new StreamCounts(deps.metrics);
    this.counts.hosts = this.#hosts(options);
    this.stanzaBeforeAuth = options.limits.stanza_before_auth;
  }

  /** Takes new rules, for streams from now on. */
  reload(options: AccessOptions): void {
    this.#firewall = firewallOf(options);
    this.#admission.reload(options);
    this.counts.hosts = this.#hosts(options);
    this.stanzaBeforeAuth = options.limits.stanza_before_auth;
  }

  /** Streams that are let in now. */
  get size(): number {
    return this.#admission.size;
  }

  /** Streams of this address came to another process, or left it. */
  hear(party: string, by: number): void {
    this.#admission.hear(party, by);
  }

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const domain = normalizeDomain(header.to ?? '');
    const upstream = domain === undefined ? undefined : this.#choose(domain);
    if (domain === undefined || upstream === undefined) return this.#turnAway(client, header.to, domain);
    if (belies(client, header.from)) {
      this.belied(client);
      return closing(client, otherAddress());
    }
    const refusal = this.#admission.enter(client.remoteAddress);
    if (refusal !== undefined) return this.#refuse(client, refusal);
    const { name, transport, remoteAddress: address } = client;
    this.#deps.log.debug('stream_admitted', { client: name, transport, address, domain });
    const guest = new Guest(client, this.counts.of(domain), this);
    try {
      guest.server = upstream.attach(guest, header);
    } catch (cause) {
      return this.#broken(guest, cause);
    }
    return guest.end;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#deps.proxy.stop(), this.#local?.stop()]);
  }

  left(guest: Guest): void {
    this.#admission.leave(guest.remoteAddress);
  }

  failed({ name: client }: Guest, error: unknown): void {
    this.#deps.log.error('upstream_failed', { client, error });
  }

  exceeded(guest: Guest): void {
    this.#limits.inc({ limit: 'stanza_before_auth' });
    const { name: client, remoteAddress: address } = guest;
    this.#deps.log.info('stream_refused', { client, address, limit: 'limits.stanza_before_auth' });
  }

  belied({ name: client, remoteAddress: address }: ClientStream): void {
    this.#rejected.inc({ reason: 'invalid-from' });
    this.#deps.log.info('stream_belied', { client, address });
  }

  #hosts({ upstreams }: AccessOptions): string[] {
    return [...Object.keys(upstreams), ...(this.#local?.keys() ?? [])];
  }

  #choose(domain: string): Upstream | undefined {
    return this.#local?.get(domain) ?? (allows(this.#firewall, domain) ? this.#deps.proxy : undefined);
  }

  /** RFC 6120 sections 4.9.3.7 and 4.9.3.6. The operator is told which option would let it in; the client is not. */
  #turnAway(client: ClientStream, to: string | undefined, domain: string | undefined): StreamEnd {
    if (to === undefined || to === '') {
      this.#rejected.inc({ reason: 'improper-addressing' });
      return closing(client, new StreamError('improper-addressing', 'the stream says no domain in "to"'));
    }
    this.#rejected.inc({ reason: 'host-unknown' });
    const hint = domain && `to serve it, add it to firewall.allow, or under upstreams with the server's address`;
    this.#deps.log.warn('domain_not_allowed', {
      domain: domain ?? 'not a domain name',
      client: client.name,
      address: client.remoteAddress,
      hint,
    });
    return closing(client, new StreamError('host-unknown', 'this domain is not served here'));
  }

  /** An upstream of somebody's own must not throw; when it does, that costs one stream. */
  #broken(guest: Guest, error: unknown): StreamEnd {
    this.#deps.log.error('attach_failed', { client: guest.name, error });
    return closing(guest, new StreamError('internal-server-error', undefined, { cause: error }));
  }

  #refuse(client: ClientStream, { reason, limit, error }: Refusal): StreamEnd {
    this.#rejected.inc({ reason });
    this.#limits.inc({ limit });
    this.#deps.log.info('session_refused', {
      client: client.name,
      address: client.remoteAddress,
      limit: `limits.${limit}`,
    });
    return closing(client, error);
  }
}

/** The upstreams are allowed as if the firewall named them. */
function firewallOf({ upstreams, firewall: { allow, deny } }: AccessOptions): Firewall {
  return { allow: [...Object.keys(upstreams), ...allow], deny };
}

/** Refuses, but not before the caller has its end. */
function closing(client: ClientStream, error: StreamError): StreamEnd {
  setImmediate(() => client.close({ how: 'closed', error }));
  return closedEnd;
}
