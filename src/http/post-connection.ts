// One connection that has said nothing but whole, plain POSTs of BOSH so far (posts.ts). Requests may come before those
// ahead of them are answered; answers leave in their order. A plain request for a WebSocket ends it as such.

import type { Socket } from 'node:net';
import type { Bosh } from './bosh.js';
import { Connection, MOST_PILED } from './connection.js';
import type { RawHeaders } from './cors.js';
import { type Exchange, IN_ONE_PIECE } from './exchange.js';
import { type HeadReader, kindOf, type PostHead } from './post-head.js';
import { disown, own, type SocketOwner } from './socket-owner.js';
import type { UpgradeRequest } from './upgrade.js';
import { readUpgrade } from './upgrade-head.js';

/** What connections share. */
export interface PostShare {
  readonly reader: HeadReader;
  /** The time of the last sweep, as `performance.now()`. */
  readonly now: number;
  /** A connection without a byte either way for so many milliseconds is cut. */
  readonly silence: number;
  /** Who takes requests now. */
  bosh(): Bosh;
  /** The text in front of a body of this length. */
  head(status: number, headers: RawHeaders, length: number, last: boolean): string;
  /** Whether it goes on in another process, which has the session of its first request; `said` is all that was read. */
  moves(connection: PostConnection, headers: PostHead['headers'], said: Buffer, body: Buffer): boolean;
  /** It goes on with node:http. */
  hand(connection: PostConnection): void;
  /** Whether this request for a WebSocket gets one. */
  admits(request: UpgradeRequest): boolean;
  /** It goes on as a WebSocket; `head` came behind the request. */
  enter(connection: PostConnection, request: UpgradeRequest, head: Buffer): void;
  forget(connection: PostConnection): void;
}

/** A head that is not whole at so many looks is node:http's. */
const MOST_LOOKS = 8;
/** Larger heads are read anew each time: what is remembered of them is memory of every connection. */
const REMEMBERED = 4096;
const NOTHING = Buffer.alloc(0);

export class PostConnection implements SocketOwner {
  /** The head of its last request, unless it was large. */
  #head: PostHead | undefined;
  /** It has had a request. */
  #used = false;
  /** A request that has begun, in pieces. */
  #pieces: Buffer[] | undefined;
  #size = 0;
  /** Bytes with which it would be whole; 0 when that is not known yet. */
  #need = 0;
  /** How often its head was not whole yet. */
  #looks = 0;
  /** Requests that are not answered, the first and the last. */
  #first: Post | undefined;
  #newest: Post | undefined;
  #piled = 0;
  /** It is node:http's as soon as all are answered; `judged`: what came behind them is a request. */
  #leaving: 'no' | 'unjudged' | 'judged' = 'no';
  /** When it began to wait for what it waits for, give or take a sweep. */
  #since: number;

  constructor(
    readonly share: PostShare,
    readonly socket: Socket,
  ) {
    this.#since = share.now;
    socket.setTimeout(share.silence);
    own(socket, this);
  }

  /** Takes what another process had read from it; here it stays. */
  goOn(said: Buffer): void {
    this.#used = true;
    this.take(said);
  }

  take(chunk: Buffer): void {
    if (this.#pieces === undefined) {
      this.#since = this.share.now;
      this.#read(chunk);
      return;
    }
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    if (this.#leaving !== 'no') this.#behind();
    else if (this.#size >= this.#need) this.#whole();
  }

  #whole(): void {
    const whole = Buffer.concat(this.#pieces ?? [], this.#size);
    this.#pieces = undefined;
    if (this.#looks >= MOST_LOOKS) this.#leave(whole);
    else this.#read(whole);
  }

  #read(chunk: Buffer): void {
    for (let pos = 0; pos >= 0 && pos < chunk.length && this.socket.writable; ) pos = this.#next(chunk, pos);
  }

  /** Takes the request at `pos` and says where it ends; -1 when it is not whole, or not ours. */
  #next(chunk: Buffer, pos: number): number {
    const { reader } = this.share;
    const bosh = this.share.bosh();
    const head = reader.read(chunk, pos, this.#head);
    if (head === 'more') {
      this.#looks++;
      this.#wait(chunk, pos, 0);
      return -1;
    }
    if (head === 'other' || reader.length > bosh.limit) {
      this.#leave(chunk.subarray(pos));
      return -1;
    }
    this.#head = reader.size > REMEMBERED ? undefined : head;
    this.#looks = 0;
    const from = pos + reader.size;
    const end = from + reader.length;
    if (end > chunk.length) {
      this.#wait(chunk, pos, end - pos);
      return -1;
    }
    if (!this.#used && this.share.moves(this, head.headers, chunk.subarray(pos), chunk.subarray(from, end))) return -1;
    this.#used = true;
    if (this.#piled >= MOST_PILED) this.socket.destroy();
    else bosh.post(this.#asked(head), chunk.subarray(from, end));
    return end;
  }

  #wait(chunk: Buffer, from: number, need: number): void {
    this.#pieces = [from === 0 ? chunk : chunk.subarray(from)];
    this.#size = chunk.length - from;
    this.#need = need;
  }

  #asked(head: PostHead): Post {
    const post = new Post(this, head);
    if (this.#newest === undefined) this.#first = post;
    else this.#newest.next = post;
    this.#newest = post;
    this.#piled++;
    return post;
  }

  #leave(rest: Buffer): void {
    if (this.#first === undefined && this.#upgrade(rest)) return;
    this.#wait(rest, 0, 0);
    this.#looks = 0;
    this.#leaving = 'unjudged';
    if (this.#first === undefined) this.#hand();
    else this.#behind();
  }

  // What came behind a request that waits. node:http would answer in order too, so it has to wait; but what is none would
  // be taken to be part of the answer if it were answered.
  #behind(): void {
    if (this.#size > this.share.bosh().limit) this.socket.destroy();
    if (this.#leaving === 'judged') return;
    const rest = Buffer.concat(this.#pieces ?? []);
    this.#pieces = [rest];
    const kind = kindOf(rest);
    if (kind === 'none' || (kind === 'more' && ++this.#looks > MOST_LOOKS)) this.socket.destroy();
    if (kind === 'more') return;
    this.#leaving = 'judged';
    if (kind === 'post') Connection.of(this.socket)?.newest?.hurry();
  }

  #upgrade(bytes: Buffer): boolean {
    const head = readUpgrade(bytes);
    if (head === undefined) return false;
    const { method, url, headers, size } = head;
    const request = { method, url, headers, socket: this.socket };
    if (!this.share.admits(request)) return false;
    this.share.enter(this, request, bytes.subarray(size));
    return true;
  }

  #hand(): void {
    const { socket } = this;
    socket.pause();
    disown(socket);
    socket.setTimeout(0);
    if (this.#pieces !== undefined) socket.unshift(Buffer.concat(this.#pieces));
    if (socket.destroyed) this.share.forget(this);
    else this.share.hand(this);
    socket.resume();
  }

  /** Writes the answers whose turn it is. */
  flush(): void {
    const { socket } = this;
    for (let post = this.#first; post?.head !== undefined; post = this.#first) {
      this.#first = post.next;
      this.#piled--;
      this.#write(post.head, post.body);
      if (!post.last) continue;
      socket.destroySoon();
      return;
    }
    if (this.#first !== undefined) return;
    this.#newest = undefined;
    this.#since = this.share.now;
    if (this.#leaving !== 'no') this.#hand();
    else if (socket.writableNeedDrain) socket.pause();
  }

  #write(head: string, body: Buffer): void {
    const { socket } = this;
    if (!socket.writable) return;
    if (body.length < IN_ONE_PIECE) {
      socket.write(head + body.toString('latin1'), 'latin1');
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }

  drained(): void {
    this.socket.resume();
  }

  ended(): void {
    this.socket.end();
  }

  broke(): void {
    this.socket.destroy();
  }

  silent(): void {
    this.socket.destroy();
  }

  gone(): void {
    this.share.forget(this);
  }

  /** Ends when it carries no request. */
  closeIdle(): void {
    if (this.#first === undefined && this.#pieces === undefined) this.socket.end();
  }

  /** Looks at what it waits for since before `slow`, before its first request before `silent`, between requests before `kept`. */
  sweep(slow: number, silent: number, kept: number): void {
    if (this.#leaving !== 'no' || this.#since > slow) return;
    if (this.#pieces !== undefined) this.#leave(Buffer.concat(this.#pieces));
    else if (this.#first !== undefined) return;
    else if (!this.#used && this.#since < silent) this.socket.destroySoon();
    else if (this.#used && this.#since < kept) this.socket.end();
  }
}

/** One request that was received whole. */
class Post implements Exchange {
  readonly isWhole = true;
  last = false;
  /** The one that came after it on its connection. */
  next: Post | undefined;
  /** Its answer, once there is one. */
  head: string | undefined;
  body: Buffer = NOTHING;
  readonly headers: PostHead['headers'];
  readonly #connection: PostConnection;

  constructor(connection: PostConnection, { headers }: PostHead) {
    this.#connection = connection;
    this.headers = headers;
  }

  get socket(): Socket {
    return this.#connection.socket;
  }

  respond(status: number, headers: RawHeaders, body: Buffer): void {
    this.head = this.#connection.share.head(status, headers, body.length, this.last);
    this.body = body;
    this.#connection.flush();
  }
}
