// An XMPP stream on a TCP socket (RFC 6120 section 4), in either role. It frames and it flows: headers, restarts,
// stanzas, errors, the end, and back-pressure both ways. It knows neither DNS nor TLS nor which side dialled: whoever
// negotiates takes the socket out with `detach` and puts an encrypted one in with `use`. It does not authenticate and
// does not look into stanzas.

import type { Socket } from 'node:net';
import { closedEnd, type Ending, type StreamEnd } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import { readHeader, type StreamHeader, writeHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { DEFAULT_LIMITS, Scanner, type ScannerLimits, type StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { lastWords, readStreamError } from '../xmpp/stream-error.js';
import { LendingSocket } from './socket.js';

/** Calls `flush` once, after what is being read now has been read. */
export interface Turn {
  soon(stream: { flush(): void }): void;
}

export interface TcpOptions {
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
}

export const TCP_DEFAULTS: TcpOptions = Object.freeze({
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

// Above this, buffers are written side by side; below, one copy is cheaper than a vector (0.69 against 0.92 us a stanza).
const JOIN = 65536;

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
  #out: Buffer[] = [];
  #queued = 0;
  /** The peer was told to wait. */
  #waits = false;
  /** Nothing of the new stream was read yet: white space is still the old one's keep-alive. */
  #fresh = false;
  /** Nothing more may come in plain text: the socket is about to be encrypted. */
  #sealed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, peer: StreamEnd, options: TcpOptions = TCP_DEFAULTS) {
    this.peer = peer;
    this.#options = options;
    this.#scanner = new Scanner(
      { header: (tag) => this.#header(tag), stanza: (stanza) => this.#stanza(stanza), end: () => this.#end() },
      options.limits,
    );
    this.#attach(socket);
  }

  /** Where the bytes go now; undefined while detached and after the end. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Bytes waiting to be written. */
  get waiting(): number {
    return this.#queued + (this.#socket?.writableLength ?? 0);
  }

  /** Goes on over this socket, with a new stream: `open` has to follow. */
  use(socket: Socket): void {
    this.#sealed = false;
    this.#scanner.reset();
    this.#attach(socket);
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
    this.#scanner.reset();
    this.#fresh = true;
    this.#write(writeHeader(header, this.#options.contentNs));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#state !== 'open') return true;
    this.#write(stanza.raw);
    const { waiting } = this;
    if (waiting < this.#options.soft) return true;
    this.#waits = true;
    if (waiting > this.#options.hard) process.nextTick(TcpStream.#overflow, this);
    return false;
  }

  drain(): void {
    this.#socket?.resume();
  }

  close(ending: Ending): void {
    if (this.#state !== 'open') return;
    this.peer = closedEnd;
    if (ending.how === 'closed') this.#goodbye(STREAM_END);
    else this.#hangUp();
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
    this.peer.open(header);
  }

  #stanza(stanza: Stanza): void {
    if (stanza.kind === undefined && stanza.name === 'error' && stanza.ns === NS.stream) this.#errored(stanza);
    else if (!this.peer.stanza(stanza)) this.#socket?.pause();
  }

  /** `<stream:error/>` is unrecoverable (section 4.9.1.1); `</stream:stream>` need not be waited for. */
  #errored(element: Stanza): void {
    this.#goodbye(STREAM_END);
    this.#tell({ how: 'closed', error: readStreamError(element) });
  }

  /** `</stream:stream>`: theirs first, or the answer to ours. */
  #end(): void {
    if (this.#state === 'open') {
      this.#write(STREAM_END);
      this.#tell({ how: 'closed' });
    }
    this.#hangUp();
  }

  // What the socket says.

  #receive(chunk: Buffer): void {
    try {
      this.#scanner.push(this.#fresh ? this.#begun(chunk) : chunk);
      if (this.#sealed && chunk[chunk.length - 1] !== 0x3e) {
        throw new StreamError('policy-violation', 'plain text after the agreement on TLS');
      }
    } catch (error) {
      this.#fail(
        error instanceof StreamError ? error : new StreamError('internal-server-error', undefined, { cause: error }),
      );
    }
  }

  /** The chunk without white space before a header, where an XML declaration may not follow any. */
  #begun(chunk: Buffer): Buffer {
    const start = chunk.findIndex((byte) => !isSpace(byte));
    this.#fresh = start < 0;
    return start < 0 ? chunk.subarray(chunk.length) : chunk.subarray(start);
  }

  #drained(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.peer.drain();
  }

  #lost(cause: Error | undefined): void {
    const open = this.#state === 'open';
    this.#hangUp();
    if (!open) return;
    this.#socket?.destroy();
    this.#tell({ how: 'lost', error: new StreamError('remote-connection-failed', undefined, { cause }) });
  }

  // How it ends.

  /** The other side broke the rules of the stream: it and the peer are told. */
  #fail(error: StreamError): void {
    if (this.#state !== 'open') {
      this.#hangUp();
      return;
    }
    this.#goodbye(lastWords(error));
    this.#tell({ how: 'closed', error });
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
    this.#timer ??= setTimeout((socket) => socket?.destroy(), this.#options.closeTimeout, this.#socket).unref();
  }

  #tell(ending: Ending): void {
    const { peer } = this;
    this.peer = closedEnd;
    peer.close(ending);
  }

  // Writing.

  #write(bytes: Buffer): void {
    if (this.#out.length === 0) this.#options.turn.soon(this);
    this.#out.push(bytes);
    this.#queued += bytes.length;
  }

  /** Writes what waits, at once. */
  flush(): void {
    const out = this.#out;
    const socket = this.#socket;
    if (out.length === 0 || socket === undefined) return;
    this.#out = [];
    const go = out.length === 1 ? socket.write(out[0]) : writeAll(socket, out, this.#queued);
    this.#queued = 0;
    if (go) this.#drained();
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
    socket.on('error', () => {});
    this.#socket = undefined;
  }

  #closed(socket: Socket): void {
    this.#lost(undefined);
    clearTimeout(this.#timer);
    this.#release(socket);
    this.onreleased?.();
  }

  static readonly #overflow = (stream: TcpStream): void =>
    stream.#fail(new StreamError('resource-constraint', 'too much waits to be sent'));

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

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function writeAll(socket: Socket, out: readonly Buffer[], length: number): boolean {
  if (length <= JOIN) return socket.write(Buffer.concat(out, length));
  socket.cork();
  let go = true;
  for (const bytes of out) go = socket.write(bytes);
  socket.uncork();
  return go;
}
