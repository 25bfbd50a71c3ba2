// The head of a request for a WebSocket as browsers and proxies write it, read without a parser in between. Like that of a
// POST (post-head.ts) it takes the plain middle of the grammar alone; the rest is node:http's to judge.

import { END, MOST_BYTES, readField } from './post-head.js';

export interface UpgradeHead {
  readonly method: 'GET';
  readonly url: string;
  /** By their names in lower case, each of them once. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of it, with the empty line. */
  readonly size: number;
}

const METHOD = Buffer.from('GET ');

/** Field names that bear on how the request or its connection is to be read. */
const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'expect',
  'trailer',
  'te',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
]);

/** The head that these bytes begin with; undefined when it is not whole, not plain, or wants no WebSocket. */
export function readUpgrade(bytes: Buffer): UpgradeHead | undefined {
  const end = bytes.indexOf(END);
  if (end < METHOD.length || end > MOST_BYTES) return undefined;
  if (METHOD.compare(bytes, 0, METHOD.length) !== 0) return undefined;
  const [request, ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const url = /^GET (\/[!-~]*) HTTP\/1\.1$/.exec(request)?.[1];
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const field = readField(line, headers);
    if (field === undefined || FRAMING.has(field.name)) return undefined;
  }
  const { host, connection = '', upgrade = '' } = headers;
  const isUpgrade = upgrade.toLowerCase() === 'websocket' && /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(connection);
  if (url === undefined || host === undefined || !isUpgrade) return undefined;
  return { method: 'GET', url, headers, size: end + END.length };
}
