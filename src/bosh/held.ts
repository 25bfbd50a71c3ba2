// What the session engine and whoever carries its HTTP requests know of each other. No HTTP library is named here.

import type { Tls } from '../stream/end.js';

/** An answer to one HTTP request. */
export interface BoshResponse {
  /** 200 always, except where section 17.1 wants an HTTP error for a client that sent no `ver`. */
  readonly status: 200 | 400 | 403 | 404;
  /** The session's `content`, or `text/xml; charset=utf-8`. */
  readonly contentType: string;
  /** The whole `<body/>`. Empty for a status other than 200. Shared with the replay buffer: never changed. */
  readonly body: Buffer;
}

/** Whoever waits with a request. */
export interface Holder {
  gone(held: Held): void;
  release(held: Held): void;
}

/** What carries an answer to the client. */
export interface Wire {
  /** It broke off, so what was last written to it may not have arrived. */
  readonly broke: boolean;
  /** Calls back when it has ended. */
  ended?(told: () => void): void;
}

/** One HTTP request that waits for its answer. Exactly one of reply and drop is called, once. */
export interface Held {
  /** The client's address, after trusted proxies. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether the request came over TLS (to us or to a trusted proxy). */
  readonly secure: boolean;
  /** Where the client's TLS ends here. */
  readonly tls?: Tls | undefined;
  readonly connection?: Wire;
  /**
   * The engine's own mark while the request waits; its carrier leaves it undefined. (A Map of requests instead costs a third
   * of a round trip: its tables, replaced every few requests, keep old ones alive from one garbage collection to the next.)
   */
  holder?: Holder | undefined;
  reply(response: BoshResponse): void;
  /** Closes the connection without an answer (section 19.1). */
  drop(): void;
}

/** Time, for an engine that owns none. */
export interface BoshClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls `flush` once, after what is being read now has been read in full. Any number of callers share one turn. */
  soon(flush: { flush(): void }): void;
}
