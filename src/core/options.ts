// What the core reads of the configuration, under the same names. Seconds and bytes.

export interface DomainOptions {
  readonly auth: {
    /** Clients may come without an account (RFC 4505). */
    readonly anonymous: boolean;
    /** Clients may make accounts (XEP-0077). */
    readonly register: boolean;
  };
  /** Bare JIDs, as they were written, of those who may administer it. */
  readonly admins: readonly string[];
  /** Names of the modules to load; null: all there are. */
  readonly modules: readonly string[] | null;
  /** What is said to each module, by its name. */
  readonly options: Readonly<Record<string, object>>;
}

/** A component: a program that connects with a secret, or a module that runs in here. */
export interface ComponentOptions {
  /** What a program proves to know (XEP-0114). */
  readonly secret?: string;
  /** The component module that runs in here. */
  readonly module?: string;
  /** For people, in the list of services. */
  readonly name?: string;
  /** Several connections at the same time share the load. */
  readonly multiple: boolean;
  /** Seconds that stanzas wait for a component that is away; 0: they go back at once. */
  readonly queue: number;
  readonly queue_bytes: number;
  /** What a program may send per second, and ten times as much at once; 0 is no limit. */
  readonly stanzas_per_second: number;
  readonly bytes_per_second: number;
  /** The server that the module is a component of; absent: this one. */
  readonly attach: { readonly host: string; readonly port: number; readonly secret: string } | null;
  // What the module client_proxy is told.
  readonly target_address?: string;
  readonly client_proxy?: object;
}

export interface CoreOptions {
  readonly domains: Readonly<Record<string, DomainOptions>>;
  readonly components: Readonly<Record<string, ComponentOptions>>;
  /** How long a client may take to be bound, in seconds. */
  readonly auth_timeout: number;
  /** Largest stanza of a client. */
  readonly max_data_held: number;
  readonly limits: {
    readonly rates: boolean;
    /** Largest stanza of a client that is not authenticated; 0: no limit but our own. */
    readonly stanza_before_auth: number;
    /** Resources of one account. */
    readonly sessions_per_user: number;
    /** Failed logins of one address in five minutes. */
    readonly auth_failures_per_address: number;
    /** Failed logins for one account in five minutes. */
    readonly auth_failures_per_account: number;
    /** What one client may send per second, and at once; 0 per second is no limit. */
    readonly stanzas_per_second: number;
    readonly stanza_burst: number;
    readonly bytes_per_second: number;
    readonly byte_burst: number;
  };
  /** Addresses and networks (CIDR) whose connections are those of many. */
  readonly trusted_proxies: readonly string[];
}
