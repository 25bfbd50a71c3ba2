// The PROXY protocol, versions 1 and 2, as a TCP load balancer in front writes it before the client's first byte. A
// listener either wants it from everybody or does not know it: guessing would let clients choose their address.

import type { Server, Socket } from 'node:net';
import type { Client } from './address.js';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V1_LONGEST = 107;
const V2_FIXED = 16;
/** Addresses and a few extensions; more is nobody's header. */
const V2_LONGEST = 4096;
const PATIENCE = 10_000;
const IPV4 = 1;
const IPV6 = 2;
const TLS_EXTENSION = 0x20;
const OVER_TLS = 1;

/** What stands before the client's bytes: whom it names (nobody for a health check), and its length. */
export interface ProxyHeader {
  readonly client: Client | undefined;
  readonly length: number;
}

/** Reads the header; undefined while it is incomplete; throws when it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known))) {
    return bytes.length < V2_FIXED ? undefined : readV2(bytes);
  }
  return readV1(bytes);
}

function readV1(bytes: Buffer): ProxyHeader | undefined {
  const text = bytes.toString('latin1', 0, V1_LONGEST);
  if (!text.startsWith('PROXY ') && !'PROXY '.startsWith(text)) throw new Error('no PROXY header');
  const end = text.indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= V1_LONGEST) throw new Error('PROXY header without end');
    return undefined;
  }
  const [, family, address, , port] = text.slice(0, end).split(' ');
  if (family === 'UNKNOWN') return { client: undefined, length: end + 2 };
  const isAddress = family === 'TCP4' ? /^[\d.]{7,15}$/ : family === 'TCP6' ? /^[\da-fA-F:.]{2,45}$/ : /^$/;
  if (!isAddress.test(address ?? '') || !/^\d{1,5}$/.test(port ?? '')) throw new Error('bad PROXY header');
  return { client: { address, port: Number(port), secure: false }, length: end + 2 };
}

function readV2(bytes: Buffer): ProxyHeader | undefined {
  const length = V2_FIXED + bytes.readUInt16BE(14);
  if (bytes[12] >> 4 !== 2 || length > V2_LONGEST) throw new Error('bad PROXY header');
  if (bytes.length < length) return undefined;
  const isLocal = (bytes[12] & 0x0f) === 0;
  return { client: isLocal ? undefined : v2Client(bytes.subarray(V2_FIXED, length), bytes[13] >> 4), length };
}

function v2Client(block: Buffer, family: number): Client | undefined {
  if (family === IPV4 && block.length >= 12) {
    return { address: block.subarray(0, 4).join('.'), port: block.readUInt16BE(8), secure: hasTls(block.subarray(12)) };
  }
  if (family === IPV6 && block.length >= 36) {
    const groups = Array.from({ length: 8 }, (_, group) => block.readUInt16BE(group * 2).toString(16));
    return { address: groups.join(':'), port: block.readUInt16BE(32), secure: hasTls(block.subarray(36)) };
  }
  return undefined;
}

function hasTls(extensions: Buffer): boolean {
  for (let at = 0; at + 3 <= extensions.length; at += 3 + extensions.readUInt16BE(at + 1)) {
    if (extensions[at] === TLS_EXTENSION) return (extensions[at + 3] & OVER_TLS) !== 0;
  }
  return false;
}

/** Reads the header from a new connection, tells whom it names, and leaves what follows; ends a connection without one. */
export function awaitProxyHeader(socket: Socket, tell: (client: Client | undefined) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const give = () => socket.destroy();
  const timer = setTimeout(give, PATIENCE).unref();
  const done = () => {
    clearTimeout(timer);
    socket.removeListener('readable', read);
    socket.removeListener('error', give);
  };
  const read = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) seen = Buffer.concat([seen, chunk]);
    try {
      const header = seen.length === 0 ? undefined : readProxyHeader(seen);
      if (header === undefined) return;
      done();
      if (seen.length > header.length) socket.unshift(seen.subarray(header.length));
      tell(header.client);
    } catch {
      done();
      give();
    }
  };
  socket.on('error', give);
  socket.on('readable', read);
  socket.once('close', () => clearTimeout(timer));
}

/** The clients behind the connections of one listener. */
export class ProxiedPeers {
  // By the balancer's own end, which TLS on top of the socket reports as well.
  readonly #clients = new Map<string, Client>();

  /** Whom the balancer named for this connection. */
  of(socket: Socket): Client | undefined {
    return this.#clients.get(key(socket));
  }

  /** From now on connections of this server begin with a header. */
  guard(server: Server): void {
    const accept = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) =>
      awaitProxyHeader(socket, (client) => {
        this.#enter(socket, client);
        for (const listener of accept) listener.call(server, socket);
      }),
    );
  }

  #enter(socket: Socket, client: Client | undefined): void {
    if (client === undefined) return;
    const name = key(socket);
    this.#clients.set(name, client);
    socket.once('close', () => this.#clients.delete(name));
  }
}

function key(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
