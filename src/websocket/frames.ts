// Frames of RFC 6455 section 5 as a client sends them: read from bytes in any pieces, unmasked where they lie, and told as
// whole messages and control frames. What breaks the rules throws, with the code to close with. It knows no socket.

/** Who hears what came. A payload is the hearer's to keep. */
export interface FrameHearer {
  message(payload: Buffer, binary: boolean): void;
  pinged(payload: Buffer): void;
  ponged(): void;
  /** The last frame; 1005 where it names no code (section 7.1.5). */
  closed(code: number): void;
}

export class FrameError extends Error {
  constructor(
    /** The close code for it (section 7.4.1). */
    readonly code: 1002 | 1008 | 1009,
    message: string,
  ) {
    super(message);
  }
}

enum Opcode {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
}

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
/** A control frame has at most so much payload (section 5.5). */
const SHORT = 125;
const MOST_FRAGMENTS = 64;
const NO_CODE = 1005;
/** From here on four bytes at a time are faster than one. */
const WORDS = 512;
/** The first room for a frame that comes in pieces. */
const ROOM = 1024;

export class FrameReader {
  readonly #hearer: FrameHearer;
  /** The most bytes of a message. */
  readonly #limit: number;
  /** The beginning of a frame that is not whole yet: `#size` bytes of it. Undefined between frames. */
  #held: Buffer | undefined;
  #size = 0;
  /** The fragments of a message so far. */
  #fragments: Buffer[] | undefined;
  #gathered = 0;
  #binary = false;
  /** Nothing more is read. */
  #over = false;

  constructor(hearer: FrameHearer, limit: number) {
    this.#hearer = hearer;
    this.#limit = limit;
  }

  /** Takes the next bytes, and changes them. Throws a FrameError, after which nothing is heard any more. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#over) {
      if (this.#held !== undefined) at = this.#fill(chunk, at);
      else {
        const need = this.#need(chunk, at, chunk.length);
        if (at + need <= chunk.length) {
          this.#frame(chunk, at, at + need);
          at += need;
        } else at = this.#hold(chunk, at, need);
      }
    }
  }

  /** Hears nothing any more. */
  stop(): void {
    this.#over = true;
    this.#held = undefined;
    this.#fragments = undefined;
  }

  /** Adds to the frame that is held, as far as it goes. */
  #fill(chunk: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const held = this.#held as Buffer;
      const need = this.#need(held, 0, this.#size);
      if (this.#size === need) {
        this.#held = undefined;
        this.#frame(held, 0, need);
        return at;
      }
      if (at === chunk.length) return at;
      at = this.#hold(chunk, at, need);
    }
  }

  /** Keeps what a frame of `need` bytes lacks; its room grows with what came, not with what is said to come. */
  #hold(chunk: Buffer, at: number, need: number): number {
    const size = this.#held === undefined ? 0 : this.#size;
    const end = Math.min(chunk.length, at + need - size);
    const wanted = size + end - at;
    if (this.#held === undefined || wanted > this.#held.length) {
      const room = Buffer.allocUnsafe(Math.max(ROOM, Math.min(need, wanted * 2)));
      this.#held?.copy(room, 0, 0, size);
      this.#held = room;
    }
    chunk.copy(this.#held, size, at, end);
    this.#size = wanted;
    return end;
  }

  /** The length of the frame at `at`, or of as much of its head as says it. Throws when it may not come. */
  #need(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return 2;
    const first = bytes[at];
    const length = bytes[at + 1] & 0x7f;
    this.#check(first, bytes[at + 1], length);
    if (length <= SHORT) return 6 + this.#bounded(length, first);
    if (length === 126) {
      if (end - at < 4) return 4;
      const long = (bytes[at + 2] << 8) | bytes[at + 3];
      if (long <= SHORT) throw this.#fault(1002, 'a length in more bytes than it needs');
      return 8 + this.#bounded(long, first);
    }
    if (end - at < 10) return 10;
    const long = bytes.readUInt32BE(at + 2) * 0x100000000 + bytes.readUInt32BE(at + 6);
    if (long < 0x10000) throw this.#fault(1002, 'a length in more bytes than it needs');
    return 14 + this.#bounded(long, first);
  }

  #check(first: number, second: number, length: number): void {
    if ((first & RESERVED) !== 0) throw this.#fault(1002, 'a reserved bit without an extension');
    if ((second & MASKED) === 0) throw this.#fault(1002, 'a frame without a mask');
    const opcode = first & 15;
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) throw this.#fault(1002, `opcode ${opcode}`);
      if ((first & FIN) === 0 || length > SHORT) throw this.#fault(1002, 'a control frame in fragments, or too long');
      return;
    }
    if (opcode > Opcode.binary) throw this.#fault(1002, `opcode ${opcode}`);
    if ((opcode === Opcode.continuation) !== (this.#fragments !== undefined)) {
      throw this.#fault(1002, 'a continuation of nothing, or a message within another');
    }
  }

  #bounded(length: number, first: number): number {
    if ((first & 15) >= Opcode.close) return length;
    if (length > this.#limit - this.#gathered) throw this.#fault(1009, 'a message too long');
    return length;
  }

  /** The whole frame from `at` to `end`. */
  #frame(bytes: Buffer, at: number, end: number): void {
    const length = bytes[at + 1] & 0x7f;
    const start = at + (length <= SHORT ? 6 : length === 126 ? 8 : 14);
    unmask(bytes, start, end);
    const payload = bytes.subarray(start, end);
    const first = bytes[at];
    if (first === (FIN | Opcode.text)) this.#hearer.message(payload, false);
    else if ((first & 15) >= Opcode.close) this.#control(first & 15, payload);
    else this.#part(first, payload);
  }

  #part(first: number, payload: Buffer): void {
    const opcode = first & 15;
    const fin = (first & FIN) !== 0;
    if (opcode !== Opcode.continuation) this.#binary = opcode === Opcode.binary;
    if (fin && this.#fragments === undefined) {
      this.#hearer.message(payload, this.#binary);
      return;
    }
    this.#fragments ??= [];
    if (this.#fragments.length >= MOST_FRAGMENTS) throw this.#fault(1008, 'too many fragments');
    this.#fragments.push(payload);
    this.#gathered += payload.length;
    if (!fin) return;
    const message = Buffer.concat(this.#fragments, this.#gathered);
    this.#fragments = undefined;
    this.#gathered = 0;
    this.#hearer.message(message, this.#binary);
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.#hearer.pinged(payload);
    else if (opcode === Opcode.pong) this.#hearer.ponged();
    else {
      const code = payload.length === 0 ? NO_CODE : payload.length === 1 ? 0 : payload.readUInt16BE(0);
      if (code !== NO_CODE && !isCloseCode(code)) throw this.#fault(1002, `close code ${code}`);
      this.stop();
      this.#hearer.closed(code);
    }
  }

  #fault(code: FrameError['code'], message: string): FrameError {
    this.stop();
    return new FrameError(code, message);
  }
}

/** What may stand in a close frame (section 7.4, and the registry of IANA). */
function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  );
}

/** Section 5.3; the mask is the four bytes in front. */
function unmask(bytes: Buffer, start: number, end: number): void {
  if (end - start >= WORDS) unmaskWords(bytes, start, end);
  else unmaskBytes(bytes, start, end);
}

function unmaskBytes(bytes: Buffer, start: number, end: number): void {
  const a = bytes[start - 4];
  const b = bytes[start - 3];
  const c = bytes[start - 2];
  const d = bytes[start - 1];
  let at = start;
  for (; at + 4 <= end; at += 4) {
    bytes[at] ^= a;
    bytes[at + 1] ^= b;
    bytes[at + 2] ^= c;
    bytes[at + 3] ^= d;
  }
  if (at < end) bytes[at] ^= a;
  if (at + 1 < end) bytes[at + 1] ^= b;
  if (at + 2 < end) bytes[at + 2] ^= c;
}

const KEY = new Uint8Array(4);
const KEY_WORD = new Int32Array(KEY.buffer);

function unmaskWords(bytes: Buffer, start: number, end: number): void {
  const mask = start - 4;
  const aligned = start + (-(bytes.byteOffset + start) & 3);
  let at = start;
  for (; at < aligned; at++) bytes[at] ^= bytes[mask + at - start];
  for (let i = 0; i < 4; i++) KEY[i] = bytes[mask + ((at - start + i) & 3)];
  const [key] = KEY_WORD;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2);
  for (let i = 0; i < words.length; i++) words[i] ^= key;
  for (at += words.length * 4; at < end; at++) bytes[at] ^= bytes[mask + ((at - start) & 3)];
}
