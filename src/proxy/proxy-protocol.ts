// The PROXY protocol, versions 1 and 2, as the one who speaks first (haproxy's proxy-protocol.txt): tells a server behind
// us the address of the client. The destination is the server's own address, as we do not know the one the client used.

import { isIP, type Socket } from 'node:net';

/** What is told. */
export interface Source {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether the client's connection is encrypted; version 2 carries it. */
  readonly secure: boolean;
}

interface Ends {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
}

const mapped = (address: string) => (isIP(address) === 4 ? `::ffff:${address}` : address);

/** Both addresses in one family, as the protocol wants it; undefined when the source is not known. */
function ends({ remoteAddress }: Source, socket: Socket): Ends | undefined {
  const destination = socket.remoteAddress ?? '';
  if (isIP(remoteAddress) === 0 || isIP(destination) === 0) return undefined;
  if (isIP(remoteAddress) === 4 && isIP(destination) === 4) return { family: 4, source: remoteAddress, destination };
  return { family: 6, source: mapped(remoteAddress), destination: mapped(destination) };
}

/** The header to write before anything else on this connected socket. */
export function proxyHeader(version: 1 | 2, source: Source, socket: Socket): Buffer {
  const known = ends(source, socket);
  return version === 1 ? versionOne(known, source, socket) : versionTwo(known, source, socket);
}

function versionOne(known: Ends | undefined, { remotePort }: Source, { remotePort: port }: Socket): Buffer {
  if (known === undefined) return Buffer.from('PROXY UNKNOWN\r\n');
  const { family, source, destination } = known;
  return Buffer.from(`PROXY TCP${family} ${source} ${destination} ${remotePort} ${port}\r\n`);
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const LOCAL = 0x20;
const PROXY = 0x21;
const STREAM = { 4: 0x11, 6: 0x21 } as const;
// PP2_TYPE_SSL: the client came over TLS, and showed no certificate (verify is not 0).
const OVER_TLS = Buffer.from([0x20, 0, 5, 0x01, 0, 0, 0, 1]);

function versionTwo(known: Ends | undefined, source: Source, socket: Socket): Buffer {
  if (known === undefined) return Buffer.concat([SIGNATURE, Buffer.from([LOCAL, 0, 0, 0])]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.remotePort, 0);
  ports.writeUInt16BE(socket.remotePort ?? 0, 2);
  const addresses = [known.source, known.destination].map((address) => addressBytes(address, known.family));
  const body = Buffer.concat([...addresses, ports, ...(source.secure ? [OVER_TLS] : [])]);
  return Buffer.concat([
    SIGNATURE,
    Buffer.from([PROXY, STREAM[known.family], body.length >> 8, body.length & 0xff]),
    body,
  ]);
}

/** An address in network order. */
function addressBytes(address: string, family: 4 | 6): Buffer {
  return family === 4 ? octets(address) : Buffer.concat(groups(address.replace(/%.*$/, '')));
}

const octets = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

/** The halves left and right of `::`, zeros between them. */
function groups(address: string): Buffer[] {
  const [left, right] = address.split('::').map((half) => half.split(':').filter(Boolean).map(group));
  const length = (parts: readonly Buffer[]) => parts.reduce((sum, part) => sum + part.length, 0);
  if (right === undefined) return left;
  return [...left, Buffer.alloc(16 - length(left) - length(right)), ...right];
}

function group(part: string): Buffer {
  if (part.includes('.')) return octets(part);
  const value = Number.parseInt(part, 16);
  return Buffer.from([value >> 8, value & 0xff]);
}
