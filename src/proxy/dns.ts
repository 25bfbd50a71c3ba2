// DNS questions (RFC 1035) with what a resolver on a hostile network needs: an answer counts only from the server that was
// asked, with the question, the id and the kind that were asked, and over TCP where UDP cuts it short. Words by dns2's Packet; its own
// clients check neither question nor kind and wait without limit over TCP, so the sockets are our own.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import dns2 from 'dns2';

const { Packet } = dns2;
type Packet = InstanceType<typeof Packet>;
export type RecordType = 'A' | 'AAAA' | 'SRV';

export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** '' where the service is refused (`.`). */
  readonly target: string;
}

/** What a name has of a type. `records` are addresses, or SRV records; `ttl` is the least of them, in seconds. */
export interface Answer<R = string | SrvRecord> {
  readonly exists: boolean;
  readonly records: readonly R[];
  readonly ttl: number;
}

/** No usable answer: nobody answered, or servers failed. */
export class DnsError extends Error {
  override readonly name = 'DnsError';
  constructor(
    readonly kind: 'timeout' | 'servfail' | 'unreachable',
    message: string,
  ) {
    super(message);
  }
}

export interface Server {
  readonly address: string;
  readonly port: number;
}

/** `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`. */
export function parseServer(text: string): Server {
  const [, bracketed, port] = /^\[(.*)\](?::(\d+))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return { address: bracketed, port: Number(port ?? 53) };
  if (isIPv6(text)) return { address: text, port: 53 };
  const [address, number = '53'] = text.split(':');
  return { address, port: Number(number) };
}

const NOERROR = 0;
const NXDOMAIN = 3;
const MAX_RECORDS = 64;
const MAX_ALIASES = 8;

/** Asks each server twice in turn until one gives a usable answer; rejects with `DnsError` when `timeout` ms are over. */
export async function query(
  name: string,
  type: RecordType,
  servers: readonly Server[],
  timeout: number,
): Promise<Answer> {
  const rounds = [...servers, ...servers];
  let failure = new DnsError('unreachable', 'no DNS server is known');
  for (const server of rounds) {
    try {
      return await ask(name, type, server, timeout / rounds.length);
    } catch (error) {
      failure = error as DnsError;
    }
  }
  throw failure;
}

async function ask(name: string, type: RecordType, server: Server, timeout: number): Promise<Answer> {
  const question = new Question(name, type);
  const deadline = AbortSignal.timeout(timeout);
  const answer = await overUdp(question, server, deadline);
  return question.read(answer.header.tc ? await overTcp(question, server, deadline) : answer);
}

/** One question, and what is an answer to it. */
class Question {
  readonly id = randomInt(0x10000);
  readonly name: string;
  readonly type: number;
  readonly bytes: Buffer;

  constructor(
    name: string,
    readonly kind: RecordType,
  ) {
    this.name = name.toLowerCase();
    this.type = Packet.TYPE[kind];
    const packet = new Packet();
    packet.header = new Packet.Header({ id: this.id, rd: 1 });
    packet.questions.push(new Packet.Question(this.name, this.type, Packet.CLASS.IN));
    this.bytes = packet.toBuffer();
  }

  /** The packet, if it is the answer to this question. */
  parse(bytes: Buffer): Packet | undefined {
    try {
      const packet = Packet.parse(bytes);
      const { header, questions } = packet;
      const [asked] = questions;
      const mine = header.id === this.id && header.qr === 1 && header.opcode === 0 && questions.length === 1;
      return mine && same(asked.name, this.name) && asked.type === this.type && asked.class === 1 ? packet : undefined;
    } catch {
      return undefined;
    }
  }

  /** The records asked for, along aliases; whatever else came with them is not looked at. */
  read({ header, answers }: Packet): Answer {
    if (header.rcode === NXDOMAIN) return { exists: false, records: [], ttl: 0 };
    if (header.rcode !== NOERROR) throw new DnsError('servfail', `DNS answer code ${header.rcode}`);
    const owners = aliases(this.name, answers);
    const mine = answers.filter((r) => r.type === this.type && r.class === 1 && owners.has(lower(r.name)));
    const records = mine.slice(0, MAX_RECORDS).map((r) => record(r as unknown as Fields, this.kind));
    return { exists: true, records, ttl: Math.min(...mine.map((r) => r.ttl), Number.MAX_SAFE_INTEGER) };
  }
}

type Fields = Record<'address' | 'target', string> & Record<'priority' | 'weight' | 'port', number>;

function record({ address, priority, weight, port, target }: Fields, kind: RecordType): string | SrvRecord {
  return kind === 'SRV' ? { priority, weight, port, target: lower(target) } : address;
}

const lower = (name: string | undefined): string => (name ?? '').toLowerCase().replace(/\.$/, '');
const same = (a: string, b: string): boolean => lower(a) === lower(b);

/** The name and what it is an alias of, in any order of the records and never in circles. */
function aliases(name: string, answers: Packet['answers']): ReadonlySet<string> {
  const owners = new Set([name]);
  for (let i = 0; i < MAX_ALIASES; i++) {
    for (const { type, name: owner, domain } of answers as unknown as {
      type: number;
      name: string;
      domain: string;
    }[]) {
      if (type === Packet.TYPE.CNAME && owners.has(lower(owner))) owners.add(lower(domain));
    }
  }
  return owners;
}

function overUdp(question: Question, { address, port }: Server, deadline: AbortSignal): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const settle = (act: () => void) => {
      deadline.removeEventListener('abort', late);
      socket.removeAllListeners('message').close();
      act();
    };
    const late = () => settle(() => reject(new DnsError('timeout', `no answer from DNS server ${address}`)));
    deadline.addEventListener('abort', late);
    socket.once('error', (error) => settle(() => reject(new DnsError('unreachable', error.message))));
    socket.on('message', (bytes) => {
      const packet = question.parse(bytes);
      if (packet !== undefined) settle(() => resolve(packet));
    });
    // Connected, the kernel drops what comes from elsewhere and reports a closed port.
    socket.connect(port, address, () => socket.send(question.bytes));
  });
}

function overTcp(question: Question, { address, port }: Server, deadline: AbortSignal): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const settle = (act: () => void) => {
      deadline.removeEventListener('abort', late);
      socket.on('error', () => {}).destroy();
      act();
    };
    const fail = (error: DnsError) => settle(() => reject(error));
    const late = () => fail(new DnsError('timeout', `no answer over TCP from DNS server ${address}`));
    deadline.addEventListener('abort', late);
    socket.once('error', (error) => fail(new DnsError('unreachable', error.message)));
    socket.once('close', () => fail(new DnsError('unreachable', 'the DNS server closed the connection')));
    readMessage(socket, (bytes) => {
      const packet = question.parse(bytes);
      if (packet === undefined) fail(new DnsError('servfail', 'a wrong answer over TCP'));
      else settle(() => resolve(packet));
    });
    const length = Buffer.from([question.bytes.length >> 8, question.bytes.length & 0xff]);
    socket.write(Buffer.concat([length, question.bytes]));
  });
}

/** The first message of a DNS connection (section 4.2.2); at most 64 KiB by its length field. */
function readMessage(socket: Socket, told: (bytes: Buffer) => void): void {
  let read = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    read = Buffer.concat([read, chunk]);
    if (read.length < 2 || read.length < 2 + read.readUInt16BE(0)) return;
    socket.removeAllListeners('data');
    told(read.subarray(2, 2 + read.readUInt16BE(0)));
  });
}
