// The options the session engine reads: a part of the server's configuration, under the same names. Seconds and bytes.

/** What may be set about BOSH sessions. */
export interface BoshOptions {
  /** Upper limit of `hold`. */
  readonly max_bosh_connections: number;
  /** Lower limit of `requests`, and with it of the rid window. */
  readonly window_size: number;
  readonly default_inactivity: number;
  readonly max_inactivity: number;
  readonly default_wait: number;
  readonly max_wait: number;
  /** 0: pausing is not offered. */
  readonly max_pause: number;
  /** Shortest interval between empty requests; 0: not limited, not advertised. */
  readonly polling: number;
  readonly max_streams_per_session: number;
  /** How long the creation response waits for `<stream:features/>`. */
  readonly features_timeout: number;
  /** Whether the creation response waits for `<stream:features/>` at all, as libpurple needs it. */
  readonly pidgin_compatible: boolean;
  /** Whether requests may come compressed; announced as `accept`. */
  readonly compression: boolean;
  /** Null: `route` is ignored, so it cannot stand in for `to`. */
  readonly route_filter?: readonly string[] | null;
  readonly limits: {
    /** Bytes queued for a client above which its server is asked to wait. */
    readonly queue_soft: number;
    /** Bytes queued for a client above which its session ends. */
    readonly queue_hard: number;
    /** Bytes that requests ahead of their turn may take, and responses that are kept, where there are more than usual. */
    readonly window_bytes: number;
    readonly depth: number;
    readonly elements: number;
    readonly attributes: number;
  };
}
