// A stub of an XMPP server (RFC 6120), cheap enough that whatever stands in front of it is the bottleneck: it accepts
// every PLAIN or ANONYMOUS login at once, binds, and sends each message back byte by byte, all of one read in one write.
// Connections that do not open a stream come from a relay that parses nothing: their messages are echoed too, wrapped
// in a <body/> when they came in one, so that both fronts carry the same sizes; and they may open and log in as clients do. With a fault it damages every fiftieth
// message, to show that the load client sees it. It reads no XML: only what bench/load writes is understood.

import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export type Fault = 'none' | 'drop' | 'double' | 'alter' | 'swap' | 'cross';

const fault = (process.argv[2] ?? 'none') as Fault;
const [, , , key, cert] = process.argv;
const MESSAGE_END = '</message>';
const BODY = "<body xmlns='http://jabber.org/protocol/httpbind'>";
const STREAM =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " +
  "from='bench.example' version='1.0' id='";
const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='bench.example' id='";
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const MECHANISMS = `<mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>`;
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

let connections = 0;
let messages = 0;
let last: Connection | undefined;

class Connection {
  readonly #socket: Socket;
  readonly #number = ++connections;
  #rest = '';
  #authenticated = false;
  #wrap = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
  }

  #read(chunk: Buffer): void {
    if (fault === 'none' && this.#rest === '' && isMessages(chunk)) {
      this.#socket.write(chunk);
      return;
    }
    this.#rest += chunk.toString('latin1');
    if (this.#rest.startsWith('<body')) this.#wrap = true;
    let answer = '';
    for (let next = this.#next(); next !== undefined; next = this.#next()) answer += this.#answer(next);
    if (answer !== '') this.send(answer);
    last = this;
  }

  send(text: string): void {
    this.#socket.write(this.#wrap ? `${BODY}${text}</body>` : text, 'latin1');
  }

  /** The next whole message, or the next tag of anything else. */
  #next(): string | undefined {
    const end = this.#rest.startsWith('<message')
      ? this.#rest.indexOf(MESSAGE_END) + MESSAGE_END.length
      : this.#rest.indexOf('>') + 1;
    if (end < MESSAGE_END.length && !this.#rest.slice(0, end).endsWith('>')) return undefined;
    const next = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end);
    return next;
  }

  #answer(text: string): string {
    if (text.startsWith('<message')) return fault === 'none' ? text : damaged(text, this);
    if (text.startsWith('<stream:stream')) return `${STREAM}${this.#number}'>${this.#features}`;
    if (text.startsWith('<open ')) return `${OPEN}${this.#number}' version='1.0'/>${this.#features}`;
    // A session of BOSH that begins, or its restart.
    if (text.startsWith('<body') && text.includes(" to='")) return this.#features;
    if (text.startsWith('</stream:stream')) this.#socket.end();
    if (text.startsWith('<auth')) {
      this.#authenticated = true;
      return `<success xmlns='${SASL}'/>`;
    }
    if (!text.startsWith('<iq')) return '';
    const id = /id=(['"])(.*?)\1/.exec(text)?.[2] ?? '';
    const jid = `user${this.#number}@bench.example/bench`;
    return `<iq type='result' id='${id}'><bind xmlns='${BIND}'><jid>${jid}</jid></bind></iq>`;
  }

  get #features(): string {
    const features = this.#authenticated ? `<bind xmlns='${BIND}'/>` : MECHANISMS;
    return `<stream:features>${features}</stream:features>`;
  }
}

/** Whether a chunk is nothing but whole messages, as nearly every one is. */
function isMessages(chunk: Buffer): boolean {
  const end = chunk.length - MESSAGE_END.length;
  return end > 0 && chunk.toString('latin1', 0, 8) === '<message' && chunk.toString('latin1', end) === MESSAGE_END;
}

function damaged(text: string, connection: Connection): string {
  if (++messages % 50 !== 0) return held(text);
  if (fault === 'drop') return '';
  if (fault === 'double') return text + text;
  if (fault === 'alter') return text.replace(/.<\/body>/, '!</body>');
  if (fault === 'swap') kept = text;
  if (fault === 'cross' && last !== undefined && last !== connection) last.send(text);
  return '';
}

let kept = '';

/** With the swap fault: the message, and after it the one that should have gone before. */
function held(text: string): string {
  const both = text + kept;
  kept = '';
  return both;
}

const connected = (socket: Socket) => void new Connection(socket);
const server =
  key === undefined || cert === undefined
    ? createServer(connected)
    : createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, connected);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as { port: number }).port }),
);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
