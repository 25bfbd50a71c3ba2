// RFC 7395: one client over one WebSocket, as the rest of the house sees it: a ClientStream. It turns messages into
// open, stanza and close and back, keeps the order of section 3.4 to 3.7 (open first, restart by a second open, a
// stream error preceded by an open, close both ways), watches that the peer is there, and bounds what waits for it. A
// connection that is lost without `<close/>` looks lost to the upstream too (section 3.6), so that XEP-0198 resumption
// survives. It knows no WebSocket library and no clock: frames go to a carrier, time comes with sweep.

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { type ClientStream, closedEnd, type Ending, type StreamEnd, type Tls, type Upstream } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import type { ScannerLimits } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { DraftFraming, isDraft } from './draft.js';
import { Closing, type Framing, framing, Opening } from './framing.js';
import { type Beating, Heartbeat, type Rhythm } from './heartbeat.js';
import { type FrameSink, Outbox, type Turn } from './outbox.js';

/** The WebSocket below a stream. */
export interface Carrier extends FrameSink, Beating {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  /** Where the client's TLS ends here. */
  readonly tls?: Tls | undefined;
  /** Starts the closing handshake of RFC 6455 after everything that was written. */
  close(code: number): void;
  /** Cuts the connection. */
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** Limits and times in bytes and milliseconds. */
export interface StreamLimits extends Rhythm {
  readonly scanner: ScannerLimits;
  readonly queueSoft: number;
  readonly queueHard: number;
  readonly openTimeout: number;
}

/** What all streams of a server share. */
export interface StreamShare {
  readonly upstream: Upstream;
  readonly limits: StreamLimits;
  readonly turn: Turn;
  /** Milliseconds that never go back. */
  now(): number;
  /** The round trip of a ping, in milliseconds. */
  pong(took: number): void;
  /** A message was not taken, by the condition of its stream error. */
  rejected(reason: string): void;
  /** A limit was in the way. */
  limited(limit: string): void;
  /** An error that is a bug: logged by whoever owns the log. */
  failed(stream: WebSocketStream, error: unknown): void;
}

/** How long the client may take to answer a `<close/>` before the WebSocket is closed without it. */
const GOODBYE = 1000;

/** Close codes of RFC 6455 section 7.4.1. */
const NORMAL = 1000;
const GOING_AWAY = 1001;
const UNSUPPORTED = 1003;
const BAD_TEXT = 1007;
const POLICY = 1008;
const TOO_BIG = 1009;

type Phase = 'fresh' | 'opening' | 'open' | 'closing' | 'over';

export class WebSocketStream implements ClientStream {
  readonly transport = 'websocket';
  #phase: Phase = 'fresh';
  #framing: Framing = framing;
  #peer: StreamEnd = closedEnd;
  readonly #outbox: Outbox;
  #header: StreamHeader = {};
  /** Whether an open was ever sent. */
  #greeted = false;
  #full = false;
  #paused = false;
  /** When the phase has taken too long; 0 for never. */
  #deadline: number;
  readonly #heartbeat: Heartbeat;

  constructor(
    readonly name: string,
    readonly carrier: Carrier,
    readonly share: StreamShare,
  ) {
    const now = share.now();
    this.#outbox = new Outbox(carrier, share.turn, this);
    this.#heartbeat = new Heartbeat(carrier, share.limits, now);
    this.#deadline = now + share.limits.openTimeout;
  }

  get remoteAddress(): string {
    return this.carrier.remoteAddress;
  }

  get remotePort(): number {
    return this.carrier.remotePort;
  }

  get secure(): boolean {
    return this.carrier.secure;
  }

  get tls(): Tls | undefined {
    return this.carrier.tls;
  }

  /** Bytes that wait for the client. */
  get waiting(): number {
    return this.#outbox.size;
  }

  // The upstream's side.

  open(header: StreamHeader): void {
    if (this.#isEnding) return;
    this.#phase = 'open';
    this.#greeted = true;
    this.#deadline = 0;
    this.#outbox.push(this.#framing.open({ ...header, from: header.from ?? this.#header.to }));
  }

  stanza(stanza: Stanza): boolean {
    if (this.#isEnding) return true;
    if (!this.#greeted) this.open({ id: randomUUID() });
    const { queueSoft, queueHard } = this.share.limits;
    const waiting = this.#outbox.push(stanza);
    if (waiting <= queueSoft) return true;
    if (waiting > queueHard) this.#overflow();
    this.#full = true;
    return false;
  }

  drain(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.carrier.resume();
  }

  reached(told: () => void): void {
    if (!this.#isEnding) this.#outbox.reached(told);
  }

  close({ how, error }: Ending): void {
    if (this.#isEnding) return;
    this.#peer = closedEnd;
    this.#end(error ?? (how === 'lost' ? new StreamError('remote-connection-failed') : undefined));
  }

  // The carrier's side.

  /** A whole message; its bytes are read before this returns. */
  message(message: Buffer, binary: boolean): void {
    this.#heartbeat.heard();
    if (this.#phase === 'over') return;
    try {
      if (this.#phase === 'closing') this.#hearGoodbye(message);
      else if (binary) this.#cut(UNSUPPORTED);
      else this.#read(message);
    } catch (error) {
      this.#fault(error, message);
    }
  }

  /** Everything that waited was written; it may still be in the socket. */
  flushed(): void {
    if (this.#full && this.carrier.backlog === 0) this.drained();
  }

  /** The socket has taken everything that was written. */
  drained(): void {
    this.#heartbeat.heard();
    if (!this.#full || this.#outbox.size > this.share.limits.queueSoft / 2) return;
    this.#full = false;
    this.#peer.drain();
  }

  /** The client answered a ping. */
  ponged(): void {
    const took = this.#heartbeat.ponged(this.share.now());
    if (took !== undefined) this.share.pong(took);
  }

  /** The connection is gone, however that came. */
  gone(): void {
    this.#phase = 'over';
    this.#leave({ how: 'lost', undelivered: this.#outbox.undelivered() });
    this.#outbox.clear();
  }

  // The owner's side.

  /** Looks at every deadline of this stream; called about once a second, and oftener when times are short. */
  sweep(now: number): void {
    if (this.#deadline !== 0 && now >= this.#deadline) this.#overdue();
    else if (!this.#heartbeat.sweep(now, this.#paused)) this.carrier.terminate();
  }

  /** Ends the stream because the server stops: towards `uri` where there is one (section 3.6.1). */
  shutdown(uri?: string): void {
    if (this.#phase === 'over') return;
    const error = new StreamError('system-shutdown');
    this.#leave({ how: 'closed', error });
    const reason = uri ? new StreamError('see-other-host', undefined, { location: uri }) : error;
    if (!this.#isEnding) this.#end(reason, GOING_AWAY);
    if (!this.#isOver) this.#finish(GOING_AWAY);
  }

  /** Ends the stream because the client abused the WebSocket below XMPP. */
  abuse(): void {
    if (this.#phase === 'over') return;
    this.share.limited('pings');
    this.#cut(POLICY);
  }

  get #isOver(): boolean {
    return this.#phase === 'over';
  }

  get #isEnding(): boolean {
    return this.#phase === 'closing' || this.#phase === 'over';
  }

  #read(message: Buffer): void {
    const { scanner } = this.share.limits;
    if (message.length > scanner.stanza) {
      this.share.limited('max_data_held');
      throw new StreamError('policy-violation', 'message too large');
    }
    if (isBlank(message)) return;
    if (this.#phase === 'fresh' && isDraft(message)) this.#framing = new DraftFraming();
    const word = this.#proven(message);
    if (word instanceof Opening) this.#hearOpen(word.header);
    else if (word instanceof Closing) this.#hearClose(word);
    else this.#hearStanza(word);
  }

  #proven(message: Buffer): Stanza | Opening | Closing {
    try {
      return this.#framing.read(message, this.share.limits.scanner);
    } catch (error) {
      if (error instanceof StreamError) this.share.rejected(error.condition);
      throw error;
    }
  }

  #hearStanza(stanza: Stanza): void {
    if (this.#phase === 'fresh') throw new StreamError('not-authorized', 'a stream begins with <open/>');
    if (this.#peer.stanza(stanza) || this.#isEnding) return;
    this.#paused = true;
    this.carrier.pause();
  }

  #hearOpen(said: StreamHeader): void {
    const first = this.#phase === 'fresh';
    // Section 3.7: a restart is of the same stream; whoever was let in for one domain is not for another.
    const header = first ? said : { ...said, to: this.#header.to };
    if (this.#phase === 'opening') throw new StreamError('policy-violation', 'the stream is being opened already');
    this.#phase = 'opening';
    this.#header = header;
    // From here on the upstream minds the time.
    this.#deadline = 0;
    if (first) this.#peer = this.share.upstream.attach(this, header);
    else this.#peer.open(header);
  }

  #hearClose({ error }: Closing): void {
    this.#leave({ how: 'closed', error });
    this.#end();
    this.#finish(NORMAL);
  }

  #hearGoodbye(message: Buffer): void {
    if (message.length > 256) return;
    if (this.#framing.read(message, this.share.limits.scanner) instanceof Closing) this.#finish(NORMAL);
  }

  #fault(error: unknown, message: Buffer): void {
    if (this.#phase === 'closing' || this.#phase === 'over') return;
    if (!(error instanceof StreamError)) this.share.failed(this, error);
    const reason = error instanceof StreamError ? error : new StreamError('internal-server-error');
    if (reason === error && !isUtf8(message)) {
      this.#cut(BAD_TEXT);
      return;
    }
    this.#leave({ how: 'closed', error: reason });
    this.#end(reason, message.length > this.share.limits.scanner.stanza ? TOO_BIG : NORMAL);
  }

  /** Says the last words; after a goodbye without an error, the client's are waited for. */
  #end(error?: StreamError, code = NORMAL): void {
    // Where a server sends its own clients (see-other-host) is its error to tell; a redirect is ours alone to make.
    const uri = error?.element === undefined && error?.location?.includes('://') ? error.location : undefined;
    const isError = error !== undefined && uri === undefined;
    if (isError) this.#complain(error);
    this.#outbox.push(this.#framing.close(uri));
    this.#phase = 'closing';
    this.#deadline = this.share.now() + GOODBYE;
    if (this.#paused) this.drain();
    if (isError) this.#finish(code);
  }

  #complain(error: StreamError): void {
    // Section 3.5: an error during the opening comes after our own <open/>.
    if (this.#phase !== 'open') this.open({ id: randomUUID() });
    this.#outbox.push(this.#framing.error(error));
  }

  #finish(code: number): void {
    this.#outbox.flush();
    this.#phase = 'over';
    this.carrier.close(code);
  }

  /** Ends below XMPP: what the client sent is no text we could answer. */
  #cut(code: number): void {
    this.#leave({ how: 'lost' });
    this.#finish(code);
  }

  #overflow(): void {
    this.share.limited('queue_hard');
    const undelivered = this.#outbox.undelivered();
    this.#outbox.clear();
    this.#phase = 'over';
    this.#leave({ how: 'lost', error: new StreamError('policy-violation', 'reads too slowly'), undelivered });
    // Cut, so that nothing which was called undelivered is delivered after all.
    this.carrier.terminate();
  }

  #leave(ending: Ending): void {
    const peer = this.#peer;
    this.#peer = closedEnd;
    peer.close(ending);
  }

  #overdue(): void {
    this.#deadline = 0;
    if (this.#phase === 'closing') this.#finish(NORMAL);
    if (this.#phase !== 'fresh') return;
    this.share.limited('open_timeout');
    this.#end(new StreamError('connection-timeout', 'no <open/> came'));
  }
}

/** Keepalives of white space, which section 3.8 forbids and some clients send. */
function isBlank(message: Buffer): boolean {
  return (
    message.length < 8 && message.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)
  );
}
