// What the core reads of the configuration, under the same names. Seconds and bytes.

export interface DomainOptions {
  readonly auth: {
    /** Clients may come without an account (RFC 4505). */
    readonly anonymous: boolean;
    /** Clients may make accounts (XEP-0077). */
    readonly register: boolean;
  };
  /** Names of the modules to load; null: all there are. */
  readonly modules: readonly string[] | null;
  /** What is said to each module, by its name. */
  readonly options: Readonly<Record<string, object>>;
}

export interface CoreOptions {
  readonly domains: Readonly<Record<string, DomainOptions>>;
  /** How long a client may take to be bound, in seconds. */
  readonly auth_timeout: number;
  readonly limits: {
    readonly rates: boolean;
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
