// The one place where streams are let in, whatever carries them: admission by limits, then the choice of the upstream by
// domain. A local domain goes to the server in here, an allowed one to the proxy, any other is host-unknown. It knows
// names and counts; it dials nothing and reads no stanzas.

import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { Stanza } from '../xmpp/stanza.js';
import { allows, type Firewall, normalizeDomain } from './access.js';
import { Admission, type AdmissionOptions, type Refusal } from './admission.js';
import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Upstream } from './end.js';

export interface AccessOptions extends AdmissionOptions {
  readonly upstreams: Readonly<Record<string, unknown>>;
  readonly firewall: Firewall;
}

export interface ConnectorDeps {
  /** For domains of other servers. */
  readonly proxy: Upstream;
  /** For the domains served in here, by normalized name. */
  readonly local?: ReadonlyMap<string, Upstream>;
  readonly log: Log;
  readonly metrics: Metrics;
}

export class Connector implements Upstream {
  #firewall: Firewall;
  readonly #admission: Admission;
  readonly #deps: ConnectorDeps;
  readonly #local: ReadonlyMap<string, Upstream>;
  readonly #rejected;
  readonly #limits;

  constructor(options: AccessOptions, deps: ConnectorDeps) {
    this.#firewall = firewallOf(options);
    this.#admission = new Admission(options);
    this.#deps = deps;
    this.#local = deps.local ?? new Map();
    this.#rejected = deps.metrics.counter('sessions_rejected_total', 'Streams not let in.', ['reason']);
    this.#limits = deps.metrics.counter('limits_hit_total', 'How often a limit was in the way.', ['limit']);
  }

  /** Takes new rules, for streams from now on. */
  reload(options: AccessOptions): void {
    this.#firewall = firewallOf(options);
    this.#admission.reload(options);
  }

  /** Streams that are let in now. */
  get size(): number {
    return this.#admission.size;
  }

  attach(client: ClientStream, header: StreamHeader): StreamEnd {
    const domain = normalizeDomain(header.to ?? '');
    const upstream = domain === undefined ? undefined : this.#choose(domain);
    if (upstream === undefined) return this.#turnAway(client, header.to, domain);
    const refusal = this.#admission.enter(client.remoteAddress);
    if (refusal !== undefined) return this.#refuse(client, refusal);
    const { name, transport, remoteAddress: address } = client;
    this.#deps.log.debug('stream_admitted', { client: name, transport, address, domain });
    const guest = new Guest(client, () => this.#admission.leave(client.remoteAddress));
    try {
      guest.server = upstream.attach(guest, header);
    } catch (cause) {
      return this.#broken(guest, cause);
    }
    return guest.end;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#deps.proxy, ...new Set(this.#local.values())].map((upstream) => upstream.stop()));
  }

  #choose(domain: string): Upstream | undefined {
    return this.#local.get(domain) ?? (allows(this.#firewall, domain) ? this.#deps.proxy : undefined);
  }

  /** RFC 6120 sections 4.9.3.7 and 4.9.3.6. The operator is told which option would let it in; the client is not. */
  #turnAway(client: ClientStream, to: string | undefined, domain: string | undefined): StreamEnd {
    if (to === undefined || to === '') {
      this.#rejected.inc({ reason: 'improper-addressing' });
      return closing(client, new StreamError('improper-addressing', 'the stream says no domain in "to"'));
    }
    this.#rejected.inc({ reason: 'host-unknown' });
    const hint = domain && `to serve it, add it to firewall.allow, or under upstreams with the server's address`;
    this.#deps.log.warn('domain_not_allowed', { domain: domain ?? 'not a domain name', client: client.name, hint });
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

/** A client that was let in, as its upstream sees it: says once when it left. */
class Guest implements ClientStream {
  server: StreamEnd = closedEnd;
  #leave: (() => void) | undefined;

  constructor(
    readonly client: ClientStream,
    leave: () => void,
  ) {
    this.#leave = leave;
  }

  get name(): string {
    return this.client.name;
  }
  get transport(): ClientStream['transport'] {
    return this.client.transport;
  }
  get remoteAddress(): string {
    return this.client.remoteAddress;
  }
  get remotePort(): number {
    return this.client.remotePort;
  }
  get secure(): boolean {
    return this.client.secure;
  }
  get route(): string | undefined {
    return this.client.route;
  }

  /** What the client holds. */
  get end(): StreamEnd {
    return new GuestEnd(this);
  }

  open(header: StreamHeader): void {
    this.client.open(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.client.stanza(stanza);
  }

  drain(): void {
    this.client.drain();
  }

  close(ending: Ending): void {
    this.left();
    this.client.close(ending);
  }

  left(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}

class GuestEnd implements StreamEnd {
  constructor(readonly guest: Guest) {}

  open(header: StreamHeader): void {
    this.guest.server.open(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.guest.server.stanza(stanza);
  }

  drain(): void {
    this.guest.server.drain();
  }

  close(ending: Ending): void {
    this.guest.left();
    this.guest.server.close(ending);
  }
}
