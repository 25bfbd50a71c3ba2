// An XMPP stream on a TCP socket (RFC 6120 section 4), in either role. It frames and it flows: headers, restarts,
// stanzas, errors, the end, and back-pressure both ways. It knows neither DNS nor TLS nor which side dialled: whoever
// negotiates takes the socket out with `detach` and puts an encrypted one in with `use`. It does not authenticate and
// does not look into stanzas.

import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { closedEnd, type Ending, type StreamEnd } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import { readHeader, type StreamHeader, writeHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { DEFAULT_LIMITS, Scanner, type ScannerLimits, type StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { lastWords, readStreamError } from '../xmpp/stream-error.js';
import { Outbox } from './outbox.js';
import { LendingSocket } from './socket.js';

/** Calls `flush` once, after what is being read now has been read. */
export interface Turn {
  soon(stream: { flush(): void }): void;
}

/** Bytes that sockets carried, in whichever direction. */
export interface ByteCounts {
  bytesIn: number;
  bytesOut: number;
}

export interface TcpOptions {
  /**
   * Who opened the connection, and with it the stream (RFC 6120 section 4.2). As `receiving`, our header answers theirs, and
   * stanzas that did not leave are given back with the word that the connection is lost.
   */
  readonly role: 'initiating' | 'receiving';
  /** The default namespace of the stream. */
  readonly contentNs: string;
  readonly limits: ScannerLimits;
  /** Bytes waiting to be written from which `stanza` returns false. */
  readonly soft: number;
  /** Bytes waiting to be written at which the stream is given up: whoever writes did not heed `soft`. */
  readonly hard: number;
  /** How long the other side has for its own goodbye after ours, in milliseconds. */
  readonly closeTimeout: number;
  /** Whose writes leave together. */
  readonly turn: Turn;
  readonly counts?: ByteCounts;
}

export const TCP_DEFAULTS: TcpOptions = Object.freeze({
  role: 'initiating',
  contentNs: NS.client,
  limits: DEFAULT_LIMITS,
  soft: 65536,
  hard: 1048576 + 262144,
  closeTimeout: 2000,
  turn: { soon: (stream: { flush(): void }) => void setImmediate(() => stream.flush()) },
});

const STREAM_END = Buffer.from('</stream:stream>');
const STREAM = Symbol('stream');
type Owned = Socket & { [STREAM]: TcpStream };
const streamOf = (socket: Socket): TcpStream => (socket as Owned)[STREAM];

/**
 * Writes are gathered: one write per turn of the event loop. `peer` hears what the socket says, and of its end once,
 * even if it is told nothing before.
 */
export class TcpStream implements StreamEnd {
  peer: StreamEnd;
  /** Called once, when the socket is gone and nothing is held any more. */
  onreleased: (() => void) | undefined;
  readonly #options: TcpOptions;
  readonly #scanner: Scanner;
  #socket: Socket | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #out: Outbox;
  /** The peer was told to wait. */
  #waits = false;
  /** Our header of this stream was said. */
  #greeted: boolean;
  /** Their header of this stream, until it is answered. */
  #asked: StreamHeader | undefined;
  /** Nothing more may come in plain text: the socket is about to be encrypted. */
  #sealed = false;
  #timer: NodeJS.Timeout | undefined;
  #reads = 0;

  /** Without a socket: `use` follows. */
  constructor(socket: Socket | undefined, peer: StreamEnd, options: TcpOptions = TCP_DEFAULTS) {
    this.peer = peer;
    this.#options = options;
    this.#greeted = options.role === 'initiating';
    this.#out = new Outbox(options.role === 'receiving');
    this.#scanner = new Scanner(
      { header: (tag) => this.#header(tag), stanza: (stanza) => this.#stanza(stanza), end: () => this.#end() },
      options.limits,
      // Whoever is not a client passes on what strangers said, and is not to fall over it.
      { relayed: options.role === 'initiating' || options.contentNs !== NS.client },
    );
    if (socket !== undefined) this.#attach(socket);
  }

  /** Where the bytes go now; undefined while detached and after the end. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Bytes waiting to be written. */
  get waiting(): number {
    return this.#out.size + (this.#socket?.writableLength ?? 0);
  }

  /** Something is being sent, and the other side's machine has not taken it yet. */
  get isSending(): boolean {
    return this.#out.flying > 0;
  }

  /** Grows with every read and with every write that is done. */
  get signs(): number {
    return this.#reads + this.#out.landed;
  }

  /** The other side has opened its stream, and our header is to follow. */
  get owesHeader(): boolean {
    return this.#asked !== undefined;
  }

  /** Goes on over this socket, with a new stream; initiating, `open` has to follow. */
  use(socket: Socket): void {
    this.#sealed = false;
    this.restart();
    this.#attach(socket);
  }

  /** What the other side says next is a new stream (section 4.3.3). In an event: what follows the stanza. */
  restart(): void {
    this.#scanner.restart();
    this.#greeted = this.#options.role === 'initiating';
    this.#asked = undefined;
  }

  /** Answers the header by itself, before there is anybody else to do so. */
  greet(): void {
    if (this.#greeted) return;
    const { to, version = '1.0' } = this.#asked ?? {};
    this.open({ from: to, id: randomUUID(), version, lang: 'en' });
  }

  /**
   * Takes the socket out, to be encrypted by whoever calls and theirs from then on. Legal inside a stanza event; what
   * follows that stanza in plain text ends the stream, as it would be taken for something said under TLS.
   */
  detach(): Socket | undefined {
    const socket = this.#socket;
    if (socket === undefined) return undefined;
    this.flush();
    socket.pause();
    this.#release(socket);
    this.#sealed = true;
    this.#scanner.reset();
    return socket;
  }

  // What the peer says.

  open(header: StreamHeader): void {
    if (this.#state !== 'open') return;
    if (this.#options.role === 'initiating') this.restart();
    this.#greeted = true;
    this.#asked = undefined;
    this.#write(writeHeader(header, this.#options.contentNs));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state !== 'open') return true;
    this.#write(stanza.raw, stanza);
    const { waiting } = this;
    if (waiting < this.#options.soft) return true;
    this.#waits = true;
    if (waiting > this.#options.hard) process.nextTick(TcpStream.#overflow, this);
    return false;
  }

  drain(): void {
    this.#socket?.resume();
  }

  /** As `ClientStream.reached`; only as `receiving`. */
  reached(told: () => void): void {
    if (this.#state === 'open') this.#out.reached(told);
  }

  close(ending: Ending): void {
    if (this.#state !== 'open') return;
    this.peer = closedEnd;
    if (ending.how === 'closed') this.#goodbye(STREAM_END);
    else this.#hangUp();
  }

  /** Ends the stream with an error (section 4.9); `close` of the peer is not said. */
  fail(error: StreamError): void {
    if (this.#state !== 'open') return;
    this.peer = closedEnd;
    this.#complain(error);
  }

  /** Cuts the connection; the peer hears that it is lost, and what of its stanzas did not leave. */
  abandon(error: StreamError): void {
    if (this.#state !== 'open') return;
    const { undelivered } = this.#out;
    // Cut, so that nothing which is called undelivered is delivered after all.
    this.#out.clear();
    this.#state = 'closed';
    this.#socket?.destroy();
    this.#tell({ how: 'lost', error, undelivered });
  }

  // What the scanner says.

  #header(tag: StartTag): void {
    if (this.#sealed) throw new StreamError('policy-violation', 'plain text after the agreement on TLS');
    if (tag.name !== 'stream' || tag.ns !== NS.stream || tag.attr('xmlns') !== this.#options.contentNs) {
      throw new StreamError('invalid-namespace');
    }
    const header = readHeader(tag);
    if (header.version !== undefined && !/^[01]\.\d{1,9}$/.test(header.version)) {
      throw new StreamError('unsupported-version');
    }
    if (!this.#greeted) this.#asked = header;
    this.peer.open(header);
  }

  #stanza(stanza: Stanza): void {
    if (stanza.kind === undefined && stanza.name === 'error' && stanza.ns === NS.stream) this.#errored(stanza);
    else if (!this.peer.stanza(stanza)) this.#socket?.pause();
  }

  /** `<stream:error/>` is unrecoverable (section 4.9.1.1); `</stream:stream>` need not be waited for. */
  #errored(element: Stanza): void {
    this.greet();
    this.#goodbye(STREAM_END);
    this.#tell({ how: 'closed', error: readStreamError(element) });
  }

  /** `</stream:stream>`: theirs first, or the answer to ours. */
  #end(): void {
    if (this.#state === 'open') {
      this.greet();
      this.#write(STREAM_END);
      this.#tell({ how: 'closed' });
    }
    this.#hangUp();
  }

  // What the socket says.

  #receive(chunk: Buffer): void {
    this.#reads++;
    if (this.#options.counts !== undefined) this.#options.counts.bytesIn += chunk.length;
    try {
      this.#scanner.push(chunk);
      if (this.#sealed && chunk[chunk.length - 1] !== 0x3e) {
        throw new StreamError('policy-violation', 'plain text after the agreement on TLS');
      }
    } catch (error) {
      this.#fail(
        error instanceof StreamError ? error : new StreamError('internal-server-error', undefined, { cause: error }),
      );
    }
  }

  #drained(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.peer.drain();
  }

  #lost(cause: Error | undefined): void {
    if (this.#state === 'open') this.abandon(new StreamError('remote-connection-failed', undefined, { cause }));
    else this.#hangUp();
  }

  // How it ends.

  /** The other side broke the rules of the stream: it and the peer are told. */
  #fail(error: StreamError): void {
    if (this.#state !== 'open') {
      this.#hangUp();
      return;
    }
    this.#complain(error);
    this.#tell({ how: 'closed', error });
  }

  #complain(error: StreamError): void {
    this.greet();
    this.#goodbye(lastWords(error));
  }

  /** Says this last word and gives the other side time for its own. */
  #goodbye(word: Buffer): void {
    this.#write(word);
    this.flush();
    this.#state = 'closing';
    this.#socket?.resume();
    this.#linger();
  }

  /** Ends the connection when what is written has gone out; no word more. */
  #hangUp(): void {
    if (this.#state === 'closed') return;
    this.flush();
    this.#state = 'closed';
    this.#socket?.destroySoon();
    this.#linger();
  }

  #linger(): void {
    this.#timer ??= setTimeout(destroy, this.#options.closeTimeout, this.#socket).unref();
  }

  #tell(ending: Ending): void {
    const { peer } = this;
    this.peer = closedEnd;
    peer.close(ending);
  }

  // Writing.

  #write(bytes: Buffer, stanza?: Stanza): void {
    if (this.#out.isEmpty) this.#options.turn.soon(this);
    this.#out.push(bytes, stanza);
  }

  /** Writes what waits, at once. */
  flush(): void {
    const socket = this.#socket;
    if (this.#out.isEmpty || socket === undefined) return;
    if (this.#options.counts !== undefined) this.#options.counts.bytesOut += this.#out.size;
    if (this.#out.flush(socket)) this.#drained();
  }

  // Listeners are shared by all sockets and find their stream by the socket: an idle stream holds no closures for them.

  #attach(socket: Socket): void {
    this.#socket = Object.assign(socket, { [STREAM]: this });
    const on = TcpStream.#listeners;
    if (socket instanceof LendingSocket) socket.receive = on.data;
    else socket.on('data', on.data);
    socket.on('drain', on.drain).on('end', on.end).on('error', on.error).on('close', on.close);
    socket.resume();
  }

  #release(socket: Socket): void {
    const on = TcpStream.#listeners;
    if (socket instanceof LendingSocket) socket.receive = undefined;
    socket.off('data', on.data).off('drain', on.drain).off('end', on.end).off('close', on.close).off('error', on.error);
    socket.on('error', ignore);
    this.#socket = undefined;
  }

  #closed(socket: Socket): void {
    this.#lost(undefined);
    clearTimeout(this.#timer);
    this.#release(socket);
    this.onreleased?.();
  }

  static readonly #overflow = (stream: TcpStream): void => {
    const { role } = stream.#options;
    if (role === 'initiating') stream.#fail(new StreamError('resource-constraint', 'too much waits to be sent'));
    else stream.abandon(new StreamError('policy-violation', 'reads too slowly'));
  };

  static readonly #listeners = {
    data(this: Socket, chunk: Buffer): void {
      streamOf(this).#receive(chunk);
    },
    drain(this: Socket): void {
      streamOf(this).#drained();
    },
    end(this: Socket): void {
      streamOf(this).#lost(new Error('the connection ended without </stream:stream>'));
    },
    error(this: Socket, error: Error): void {
      streamOf(this).#lost(error);
    },
    close(this: Socket): void {
      streamOf(this).#closed(this);
    },
  };
}

const ignore = (): void => {};
const destroy = (socket: Socket | undefined): void => void socket?.destroy();
