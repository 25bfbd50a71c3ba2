// How processes of one server talk over a local socket: frames of a length, a kind, a number that says what it is about, and
// bytes. The length counts what follows it. What the kinds mean is said by who uses them.

/** Four bytes of length, one of kind, four of number. */
export const HEAD = 9;

/** Of a frame without its length. No stanza or body is so long; a longer one was written by nobody of ours. */
export const LONGEST = 0x1000_0000;

/** Told of each frame; `payload` is a part of the chunk that was read, where it arrived in one. */
export type Hear = (kind: number, number: number, payload: Buffer) => void;

/** The bytes in front of a payload. */
export function head(kind: number, number: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD);
  bytes.writeUInt32LE(length + HEAD - 4, 0);
  bytes[4] = kind;
  bytes.writeUInt32LE(number, 5);
  return bytes;
}

/** Cuts frames out of what arrives. Throws RangeError at a length that cannot be. */
export class FrameReader {
  readonly #hear: Hear;
  /** What has arrived of a frame that is not whole. */
  #parts: Buffer[] = [];
  #size = 0;
  /** Bytes that it has to have. */
  #wanted = HEAD;

  constructor(hear: Hear) {
    this.#hear = hear;
  }

  push(chunk: Buffer): void {
    if (this.#size > 0) {
      this.#parts.push(chunk);
      this.#size += chunk.length;
      if (this.#size < this.#wanted) return;
      this.#read(Buffer.concat(this.#parts));
    } else this.#read(chunk);
  }

  #read(bytes: Buffer): void {
    let at = 0;
    let wanted = HEAD;
    while (bytes.length - at >= HEAD) {
      const length = bytes.readUInt32LE(at);
      if (length < HEAD - 4 || length > LONGEST) throw new RangeError(`a frame of ${length} bytes`);
      wanted = length + 4;
      if (bytes.length - at < wanted) break;
      const end = at + wanted;
      this.#hear(bytes[at + 4], bytes.readUInt32LE(at + 5), bytes.subarray(at + HEAD, end));
      at = end;
      wanted = HEAD;
    }
    this.#size = bytes.length - at;
    this.#parts = this.#size > 0 ? [bytes.subarray(at)] : [];
    this.#wanted = wanted;
  }
}
