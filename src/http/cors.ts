// Cross-origin requests (the Fetch standard's CORS protocol) and the Origin check of WebSockets (RFC 6455 section
// 10.2). Origins are compared as a whole after normalising; `https://*.example.com` stands for every host below it.

export interface CorsOptions {
  readonly origins: readonly string[];
  readonly credentials: boolean;
}

/** Header names and values in turn, as node:http takes them. */
export type RawHeaders = readonly string[];

const METHODS = 'GET, POST, OPTIONS';
const REQUEST_HEADERS = ['Content-Type', 'Content-Encoding', 'X-Requested-With', 'Set-Cookie'];
const PREFLIGHT_SECONDS = '14400';
const VARY: RawHeaders = ['Vary', 'Origin'];
const ANYONE: RawHeaders = ['Access-Control-Allow-Origin', '*'];

/** A list of origins: `*`, `null`, exact ones, or any host below a domain. */
export class Origins {
  readonly #any: boolean;
  readonly #exact = new Set<string>();
  readonly #below: { scheme: string; suffix: string }[] = [];

  constructor(origins: readonly string[]) {
    this.#any = origins.includes('*');
    for (const origin of origins) this.#add(origin);
  }

  get any(): boolean {
    return this.#any;
  }

  /** Whether the origin is named, which `*` does not do. */
  names(origin: string): boolean {
    if (this.#exact.has(origin)) return true;
    const normal = normalOrigin(origin);
    if (normal === undefined) return false;
    return this.#exact.has(normal) || this.#below.some((wild) => isBelow(normal, wild));
  }

  has(origin: string): boolean {
    return this.#any || this.names(origin);
  }

  #add(origin: string): void {
    const wild = /^([a-z][a-z0-9+.-]*:\/\/)\*(\.[^*]+)$/i.exec(origin);
    if (wild !== null) this.#below.push({ scheme: wild[1].toLowerCase(), suffix: wild[2].toLowerCase() });
    else this.#exact.add(normalOrigin(origin) ?? origin);
  }
}

function isBelow(origin: string, { scheme, suffix }: { scheme: string; suffix: string }): boolean {
  return origin.startsWith(scheme) && origin.endsWith(suffix) && origin.length > scheme.length + suffix.length;
}

/** Scheme and host in lower case without the default port; undefined for what is no origin, `null` included. */
function normalOrigin(origin: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s,]+\/?$/i.test(origin) || !URL.canParse(origin)) return undefined;
  const url = new URL(origin);
  // Schemes the URL standard does not know (capacitor://localhost) have the origin "null".
  return url.origin === 'null' ? `${url.protocol}//${url.host.toLowerCase()}` : url.origin;
}

export class Cors {
  readonly #origins: Origins;
  readonly #off: boolean;
  readonly #credentials: boolean;
  readonly #preflight: RawHeaders;

  constructor({ origins, credentials }: CorsOptions, headerNames: readonly string[] = []) {
    this.#origins = new Origins(origins);
    this.#off = origins.length === 0;
    this.#credentials = credentials;
    this.#preflight = preflight(METHODS, [...REQUEST_HEADERS, ...headerNames].join(', '));
  }

  /** Whether the headers are the same for every request. */
  get constant(): boolean {
    return this.#off || (this.#origins.any && !this.#credentials);
  }

  /** What every answer to this origin carries, errors included. */
  headers(origin: string | undefined): RawHeaders {
    if (this.#off) return [];
    if (this.constant) return ANYONE;
    if (origin !== undefined && this.#origins.names(origin)) return this.#allowing(origin);
    return this.#origins.any ? [...ANYONE, ...VARY] : VARY;
  }

  /** What the answer to an OPTIONS request carries; `more` is for requests that are not those of BOSH. */
  preflight(origin: string | undefined, more?: { methods: string; headers: string }): RawHeaders {
    const headers = this.headers(origin);
    if (!headers.includes('Access-Control-Allow-Origin')) return headers;
    return [...headers, ...(more === undefined ? this.#preflight : preflight(more.methods, more.headers))];
  }

  /** Whether a page of this origin may use BOSH. */
  allows(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Whether pages of any origin may use BOSH. */
  get open(): boolean {
    return this.#origins.any;
  }

  // Credentials go to origins that the operator named, never to "*".
  #allowing(origin: string): RawHeaders {
    const headers = ['Access-Control-Allow-Origin', origin, ...VARY];
    return this.#credentials ? [...headers, 'Access-Control-Allow-Credentials', 'true'] : headers;
  }
}

function preflight(methods: string, headers: string): RawHeaders {
  return [
    'Access-Control-Allow-Methods',
    methods,
    'Access-Control-Allow-Headers',
    headers,
    'Access-Control-Max-Age',
    PREFLIGHT_SECONDS,
  ];
}
