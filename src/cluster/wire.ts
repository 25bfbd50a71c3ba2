// One local socket between two processes of a server. All frames of a turn of the event loop leave in one write. What the
// other process does not take is bounded: above one mark senders are asked to wait, above another it counts as hung.

import type { Socket } from 'node:net';
import { FrameReader, HEAD, type Hear, head } from './frames.js';

/** Who calls `flush` once what is being read now has been read. */
export interface Turn {
  soon(flusher: { flush(): void }): void;
}

/** What happens on a wire. */
export interface WireEnd {
  heard: Hear;
  /** There is room again, after `send` had returned false. */
  drained(): void;
  /** Once, and last: the other process is gone, or this one gave it up. */
  gone(error?: Error): void;
}

export interface WireLimits {
  /** Bytes that wait, from which on `send` returns false. */
  readonly soft: number;
  /** From which on the wire is cut. */
  readonly hard: number;
}

export const WIRE_LIMITS: WireLimits = { soft: 1_048_576, hard: 67_108_864 };

const NOTHING = Buffer.alloc(0);

export class Wire {
  readonly #socket: Socket;
  readonly #end: WireEnd;
  readonly #turn: Turn;
  readonly #limits: WireLimits;
  #parts: Buffer[] = [];
  #size = 0;
  #full = false;
  #over = false;

  constructor(socket: Socket, end: WireEnd, turn: Turn, limits = WIRE_LIMITS) {
    this.#socket = socket;
    this.#end = end;
    this.#turn = turn;
    this.#limits = limits;
    const reader = new FrameReader((kind, number, payload) => {
      if (!this.#over) end.heard(kind, number, payload);
    });
    socket.on('data', (chunk: Buffer) => this.#read(reader, chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => this.cut(error));
    socket.on('close', () => this.cut());
  }

  /** Bytes that are not handed to the system yet. */
  get waiting(): number {
    return this.#size + this.#socket.writableLength;
  }

  /** False: enough for now, wait for `drained`; this frame was still taken. */
  send(kind: number, number: number, payload: Buffer = NOTHING, more: Buffer = NOTHING): boolean {
    if (this.#over) return true;
    if (this.#size === 0) this.#turn.soon(this);
    const length = payload.length + more.length;
    this.#parts.push(head(kind, number, length));
    if (payload.length > 0) this.#parts.push(payload);
    if (more.length > 0) this.#parts.push(more);
    this.#size += length + HEAD;
    const { waiting } = this;
    if (waiting < this.#limits.soft) return true;
    if (waiting >= this.#limits.hard) this.cut(new Error('the other process takes nothing'));
    this.#full = true;
    return false;
  }

  flush(): void {
    if (this.#over || this.#size === 0) return;
    const bytes = Buffer.concat(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    if (this.#socket.write(bytes)) this.#drained();
  }

  /** Says what is still to be said, then nothing more. */
  finish(): void {
    this.flush();
    this.#socket.end();
  }

  cut(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts = [];
    this.#size = 0;
    this.#socket.destroy();
    // Not from within what somebody says at the moment.
    queueMicrotask(() => this.#end.gone(error));
  }

  #read(reader: FrameReader, chunk: Buffer): void {
    try {
      reader.push(chunk);
    } catch (error) {
      this.cut(error as Error);
    }
  }

  #drained(): void {
    if (!this.#full || this.#over || this.waiting >= this.#limits.soft) return;
    this.#full = false;
    this.#end.drained();
  }
}
