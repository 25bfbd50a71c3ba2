// What the proxy can be told.

/** How the connection to a server is secured; `optional` uses STARTTLS where it is offered. */
export type TlsMode = 'starttls' | 'direct' | 'optional' | 'none';

export interface UpstreamOptions {
  /** Name or address to dial instead of what the DNS says of the domain. Any range: the operator is trusted. */
  readonly host?: string;
  readonly port?: number;
  readonly tls?: TlsMode;
  /** Certificate authorities trusted for this server instead of the usual ones: PEM text or the path of a PEM file. */
  readonly ca?: string;
  /** Version of the PROXY protocol header that tells the server the client's address; 0: none. */
  readonly proxy_protocol?: 0 | 1 | 2;
}

export interface ProxyOptions {
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>;
  readonly route_filter: readonly string[] | null;
  readonly no_tls_domains: readonly string[];
  readonly dns: { readonly servers: readonly string[]; readonly timeout: number };
  readonly connect_timeout: number;
  readonly negotiation_timeout: number;
  readonly max_xmpp_buffer_size: number;
  /** Bytes of the largest stanza a client can send. */
  readonly max_data_held: number;
  readonly limits: {
    readonly queue_soft: number;
    readonly queue_hard: number;
    readonly depth: number;
    readonly elements: number;
    readonly attributes: number;
    /** Links to one domain that may be on their way at the same time. */
    readonly dials: number;
  };
}

export const PROXY_DEFAULTS: ProxyOptions = Object.freeze({
  upstreams: {},
  route_filter: null,
  no_tls_domains: [],
  dns: { servers: [], timeout: 5 },
  connect_timeout: 5,
  negotiation_timeout: 30,
  max_xmpp_buffer_size: 500000,
  max_data_held: 100000,
  limits: { queue_soft: 262144, queue_hard: 1048576, depth: 64, elements: 10000, attributes: 64, dials: 200 },
});
