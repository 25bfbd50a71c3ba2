// What waits to be written to one WebSocket. System calls are what a message costs (eight stanzas in one write are 2.5
// times cheaper than in eight), so the messages of one turn of the event loop leave as one piece of bytes: unmasked
// text frames of RFC 6455 section 5.2, written here. Fragmentation and extensions are not used.

import { Marks } from '../stream/marks.js';
import { Stanza } from '../xmpp/stanza.js';

type Written = (error?: Error | null) => void;

/** Whatever takes frames for the client. */
export interface FrameSink {
  /** Bytes that were written and that the client has not taken yet. */
  readonly backlog: number;
  /** Whole frames, as one or two pieces; `written` is called once the client's side of the kernel has them all. */
  write(head: Buffer, rest: Buffer | undefined, written: Written): void;
}

/** Calls flush once, after what is being read now has been read in full. */
export interface Turn {
  soon(flush: { flush(): void }): void;
}

/** Above this a single payload is written as it is, without being copied behind its header. */
const COPIED = 16_384;
const TEXT = 0x81;
const LONGEST_HEADER = 10;
const MEDIUM = 126;
const LONG = 127;

type Message = Stanza | Buffer;

export class Outbox {
  // Undefined when empty: a list that is pushed to reserves room for 17, and sockets are idle nearly always.
  #waiting: Message[] | undefined;
  #bytes = 0;
  /** The messages of each write that the socket has not finished, oldest first. */
  #flying: Message[][] | undefined;
  /** How many writes it has finished. */
  #finished = 0;
  readonly #marks = new Marks();

  constructor(
    readonly sink: FrameSink,
    readonly turn: Turn,
    /** Hears when everything was written. */
    readonly owner: { flushed(): void },
  ) {}

  /** Takes a message for the next write; returns the bytes that wait now, those in the socket included. */
  push(message: Message): number {
    if (this.#waiting === undefined) {
      this.turn.soon(this);
      this.#waiting = [message];
    } else this.#waiting.push(message);
    this.#bytes += payload(message).length;
    return this.size;
  }

  get size(): number {
    return this.#bytes + this.sink.backlog;
  }

  /** Writes everything that waits, at once. */
  flush(): void {
    const messages = this.#waiting;
    if (messages === undefined) return;
    this.#waiting = undefined;
    const size = this.#bytes;
    this.#bytes = 0;
    if (this.#flying === undefined) this.#flying = [messages];
    else this.#flying.push(messages);
    if (messages.length === 1 && size > COPIED) this.#writeLarge(payload(messages[0]));
    else this.#writeTogether(messages, size);
    this.owner.flushed();
  }

  // Writes finish in their order; one that failed stays what it is: not delivered.
  readonly #landed: Written = (error) => {
    if (error) return;
    this.#flying?.shift();
    if (this.#flying?.length === 0) this.#flying = undefined;
    this.#finished++;
    this.#marks.reach(this.#finished);
  };

  /** Calls back when all that was pushed so far has left. */
  reached(told: () => void): void {
    const writes = (this.#flying?.length ?? 0) + (this.#waiting === undefined ? 0 : 1);
    if (writes === 0) told();
    else this.#marks.add(this.#finished + writes, told);
  }

  #writeLarge(bytes: Buffer): void {
    const header = Buffer.allocUnsafe(LONGEST_HEADER);
    this.sink.write(header.subarray(0, writeHeader(header, 0, bytes.length)), bytes, this.#landed);
  }

  #writeTogether(messages: readonly Message[], size: number): void {
    const frames = Buffer.allocUnsafe(size + messages.length * LONGEST_HEADER);
    let at = 0;
    for (const message of messages) {
      const bytes = payload(message);
      at = writeHeader(frames, at, bytes.length);
      at += bytes.copy(frames, at);
    }
    this.sink.write(frames.subarray(0, at), undefined, this.#landed);
  }

  /** Drops what was not given to the socket yet. */
  clear(): void {
    this.#waiting = undefined;
    this.#bytes = 0;
  }

  /** The stanzas that did not leave this machine, oldest first. */
  undelivered(): Stanza[] {
    return [...(this.#flying ?? []).flat(), ...(this.#waiting ?? [])].filter((message) => message instanceof Stanza);
  }
}

function payload(message: Message): Buffer {
  return message instanceof Stanza ? message.raw : message;
}

function writeHeader(target: Buffer, at: number, length: number): number {
  target[at] = TEXT;
  if (length < MEDIUM) {
    target[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) {
    target[at + 1] = MEDIUM;
    target[at + 2] = length >> 8;
    target[at + 3] = length;
    return at + 4;
  }
  target[at + 1] = LONG;
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(length, at + 6);
  return at + LONGEST_HEADER;
}
