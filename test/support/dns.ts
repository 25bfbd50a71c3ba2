// A scripted DNS server on loopback, over UDP and TCP on one port: zones as tables, and lies on request.

import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import dns2 from 'dns2';

const { Packet } = dns2;

export interface DnsRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'SRV' | 'CNAME';
  readonly ttl?: number;
  readonly address?: string;
  readonly domain?: string;
  readonly priority?: number;
  readonly weight?: number;
  readonly port?: number;
  readonly target?: string;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
  readonly over: 'udp' | 'tcp';
}

/** What the server does with a question instead of answering it. */
export type Misbehaviour =
  | { readonly kind: 'drop' }
  | { readonly kind: 'rcode'; readonly code: number }
  | { readonly kind: 'truncate' }
  /** Says this first, and then the truth. */
  | {
      readonly kind: 'forge';
      readonly forge: 'id' | 'question' | 'qr' | 'garbage' | 'source';
      readonly records: readonly DnsRecord[];
    };

const TYPES = new Map(Object.entries(Packet.TYPE).map(([name, number]) => [number as number, name]));

export const srv = (name: string, target: string, port: number, priority = 10, weight = 10, ttl = 300): DnsRecord => ({
  name,
  type: 'SRV',
  target,
  port,
  priority,
  weight,
  ttl,
});
export const a = (name: string, address: string, ttl = 300): DnsRecord => ({ name, type: 'A', address, ttl });
export const aaaa = (name: string, address: string, ttl = 300): DnsRecord => ({ name, type: 'AAAA', address, ttl });
export const cname = (name: string, domain: string): DnsRecord => ({ name, type: 'CNAME', domain, ttl: 300 });

export class DnsServer {
  readonly questions: DnsQuestion[] = [];
  /** Changed at will. Names that are in no record do not exist. */
  records: DnsRecord[];
  misbehave: (question: DnsQuestion) => Misbehaviour | undefined = () => undefined;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;

  private constructor(records: readonly DnsRecord[]) {
    this.records = [...records];
    this.#tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk: Buffer) => {
        const answer = this.#answer(chunk.subarray(2), 'tcp');
        if (answer === undefined) return;
        socket.end(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
      });
    });
    this.#udp.on('message', (bytes, from) => this.#asked(bytes, from));
  }

  static async start(records: readonly DnsRecord[] = []): Promise<DnsServer> {
    const server = new DnsServer(records);
    server.#tcp.listen(0, '127.0.0.1');
    await once(server.#tcp, 'listening');
    server.#udp.bind((server.#tcp.address() as AddressInfo).port, '127.0.0.1');
    await once(server.#udp, 'listening');
    return server;
  }

  /** For the option `dns.servers`. */
  get address(): string {
    return `127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#udp.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #asked(bytes: Buffer, from: RemoteInfo): void {
    const answer = this.#answer(bytes, 'udp', from);
    if (answer !== undefined) this.#udp.send(answer, from.port, from.address);
  }

  #answer(bytes: Buffer, over: 'udp' | 'tcp', from?: RemoteInfo): Buffer | undefined {
    const request = Packet.parse(bytes);
    const [{ name, type }] = request.questions;
    const question = { name, type: TYPES.get(type ?? 0) ?? String(type), over };
    this.questions.push(question);
    const bad = this.misbehave(question);
    if (bad?.kind === 'drop') return undefined;
    if (bad?.kind === 'rcode') return respond(request, [], { rcode: bad.code });
    if (bad?.kind === 'truncate' && over === 'udp') return respond(request, [], { tc: 1 });
    if (bad?.kind === 'forge' && from !== undefined) this.#forge(request, bad, from);
    return this.#truth(request, question);
  }

  #truth(request: Request, { name, type }: DnsQuestion): Buffer {
    const mine = this.records.filter((record) => record.name === name);
    const found = mine.filter((record) => record.type === type || record.type === 'CNAME');
    const behind = found.flatMap((record) =>
      record.type === 'CNAME' ? this.records.filter((r) => r.name === record.domain && r.type === type) : [],
    );
    return respond(request, [...found, ...behind], { rcode: mine.length > 0 ? 0 : 3 });
  }

  #forge(request: Request, { forge, records }: Extract<Misbehaviour, { kind: 'forge' }>, from: RemoteInfo): void {
    const send = (bytes: Buffer) => this.#udp.send(bytes, from.port, from.address);
    if (forge === 'garbage') send(Buffer.from('this is no DNS packet'));
    if (forge === 'id') send(respond(request, records, { id: (request.header.id + 1) & 0xffff }));
    if (forge === 'qr') send(respond(request, records, { qr: 0 }));
    if (forge === 'question') {
      const other = Packet.parse(request.toBuffer());
      other.questions[0].name = 'other.example';
      send(respond(other, records, {}));
    }
    if (forge === 'source') {
      const elsewhere = createSocket('udp4');
      elsewhere.send(respond(request, records, {}), from.port, from.address, () => elsewhere.close());
    }
  }
}

type Request = ReturnType<typeof Packet.parse>;

function respond(request: Request, records: readonly DnsRecord[], header: Record<string, number>): Buffer {
  const response = Packet.createResponseFromRequest(request);
  Object.assign(response.header, { ra: 1 }, header);
  response.answers = records.map((record) => {
    const fields = { ...record, type: Packet.TYPE[record.type], class: 1, ttl: record.ttl ?? 300 };
    return new Packet.Resource(fields as unknown as ConstructorParameters<typeof Packet.Resource>[0]);
  });
  return response.toBuffer();
}
