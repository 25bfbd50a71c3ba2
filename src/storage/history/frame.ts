// How items lie in the files of histories. Everything that was gathered is one frame: a header with its length and checksum,
// then entries. An item is there once, and behind it a mention for each history that has it: the names of those, and with
// whom it was exchanged as each of them sees it.
//
//   frame:    mark (4), bytes of entries (4), CRC-32 of them (4), entries
//   item:     1 (1), length of the stanza (4), at (8), stanza
//   mention:  2, or 3 where it was in another file before (1), time, number and chance of the id (6 each) and its run (4), how far back the item is (4), and the
//             mention that has the name (4; 0: this one), lengths of the name (2) and the peer or NONE (2), name, peer

import { crc32 } from 'node:zlib';
import type { ArchiveItem, Copyable } from '../store.js';
import { CHANCE, type IdNumbers, idOf } from './ids.js';

export const HEADER = 12;
const MARK = 0x3148_5342;
const ITEM = 1;
const MENTION = 2;
/** Of an item that another file had: what the database says of it counts, and nothing does that is not there. */
const MOVED = 3;
const ITEM_HEAD = 13;
const MENTION_HEAD = 35;
const HIGH = 2 ** 32;
const NONE = 0xffff;
/** An item that is further back is written again. */
const FAR = 16_384;

/** All of an id. */
export interface RunNumbers extends IdNumbers {
  readonly run: number;
}

/** What is gathered to be written in one go. */
export class Frame {
  #bytes: Buffer;
  /** The same memory: numbers are put there in half the time that a Buffer takes. */
  #view: DataView;
  #end = HEADER;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get size(): number {
    return this.#end;
  }

  /** Where it begins, from the beginning of the frame. */
  item(at: number, stanza: string | Buffer | Copyable): number {
    const length = lengthOf(stanza);
    const start = this.#end;
    this.#makeRoom(ITEM_HEAD + length);
    const [bytes, view] = [this.#bytes, this.#view];
    bytes[start] = ITEM;
    view.setUint32(start + 1, length, true);
    view.setFloat64(start + 5, at, true);
    if (typeof stanza === 'string') bytes.write(stanza, start + ITEM_HEAD, length, 'utf8');
    else if (stanza instanceof Uint8Array) bytes.set(stanza, start + ITEM_HEAD);
    else stanza.copyTo(bytes, start + ITEM_HEAD);
    this.#end = start + ITEM_HEAD + length;
    return start;
  }

  /** That a history has an item, under this id; `named`: where its name is in this frame already. */
  mention(id: RunNumbers, name: Buffer, named: number, peer: Buffer | undefined, item: number, isMoved = false): void {
    const { time, number, run, low, high } = id;
    const start = this.#end;
    const from = start + MENTION_HEAD;
    const size = named < 0 ? name.length : 0;
    const length = peer === undefined ? 0 : peer.length;
    this.#makeRoom(MENTION_HEAD + size + length);
    const [bytes, view] = [this.#bytes, this.#view];
    bytes[start] = isMoved ? MOVED : MENTION;
    // The lowest bits: `%` costs ten times as much, and a time as it is a call.
    view.setUint32(start + 1, time | 0, true);
    view.setUint16(start + 5, time / HIGH, true);
    view.setUint32(start + 7, number | 0, true);
    view.setUint16(start + 11, number / HIGH, true);
    view.setUint32(start + 13, low, true);
    view.setUint16(start + 17, high, true);
    view.setUint32(start + 19, run, true);
    view.setUint32(start + 23, start - item, true);
    view.setUint32(start + 27, named < 0 ? 0 : start - named, true);
    view.setUint16(start + 31, size, true);
    view.setUint16(start + 33, peer === undefined ? NONE : length, true);
    if (size > 0) bytes.set(name, from);
    // So few bytes are copied faster like that.
    if (peer !== undefined) for (let i = 0; i < length; i++) bytes[from + size + i] = peer[i];
    this.#end = from + size + length;
  }

  /** Takes back what was written behind that. */
  cut(size: number): void {
    this.#end = size;
  }

  /** Whether a mention would still reach it. */
  reaches(item: number): boolean {
    return this.#end - item < FAR;
  }

  /** All of it, with its header. */
  sealed(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#end);
    bytes.writeUInt32LE(MARK, 0);
    bytes.writeUInt32LE(this.#end - HEADER, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(HEADER)), 8);
    return bytes;
  }

  /** Its memory, to be used again. */
  get memory(): Buffer {
    return this.#bytes;
  }

  #makeRoom(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + more));
    this.#bytes.copy(bytes, 0, 0, this.#end);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function lengthOf(stanza: string | Buffer | Copyable): number {
  if (typeof stanza === 'string') return Buffer.byteLength(stanza);
  // Asking `Buffer` costs two look-ups.
  return stanza instanceof Uint8Array ? stanza.length : stanza.size;
}

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length);

/** The bytes of entries that a header announces; undefined: it is none. */
export function announced(header: Buffer): number | undefined {
  return header.length === HEADER && header.readUInt32LE(0) === MARK ? header.readUInt32LE(4) : undefined;
}

export function isWhole(header: Buffer, entries: Buffer): boolean {
  return entries.length === header.readUInt32LE(4) && crc32(entries) === header.readUInt32LE(8);
}

/** A mention as it was found, and the item that it is of. */
export interface Mention extends RunNumbers {
  readonly name: string;
  readonly peer: string | undefined;
  readonly at: number;
  /** Where the item begins, and the mention ends, from the beginning of the bytes. */
  readonly start: number;
  readonly end: number;
}

/** All mentions in whole entries; on demand those too of what was in another file before. */
export function* mentions(entries: Buffer, moved = false): Iterable<Mention> {
  let pos = 0;
  while (pos < entries.length) {
    const end = endOf(entries, pos);
    if (entries[pos] === MENTION || (moved && entries[pos] === MOVED))
      yield { name: nameAt(entries, pos), ...mention(entries, pos, end) };
    pos = end;
  }
}

/** The item that begins with these bytes, as the history sees it whose mention ends them. */
export function itemIn(bytes: Buffer): ArchiveItem {
  let pos = 0;
  for (let end = endOf(bytes, pos); end < bytes.length; end = endOf(bytes, pos)) pos = end;
  const { time, number, run, at, peer } = mention(bytes, pos, bytes.length);
  const id = idOf(time, run, number, bytes.toString('hex', pos + 13, pos + 13 + CHANCE));
  const stanza = stanzaAt(bytes, 0).toString();
  return Object.freeze(peer === undefined ? { id, at, stanza } : { id, at, with: peer, stanza });
}

/** Of the item that begins there. */
export function stanzaAt(bytes: Buffer, start: number): Buffer {
  return bytes.subarray(start + ITEM_HEAD, start + ITEM_HEAD + bytes.readUInt32LE(start + 1));
}

function mention(bytes: Buffer, start: number, end: number): Omit<Mention, 'name'> {
  const item = start - bytes.readUInt32LE(start + 23);
  const peer = start + MENTION_HEAD + bytes.readUInt16LE(start + 31);
  return {
    peer: bytes.readUInt16LE(start + 33) === NONE ? undefined : bytes.toString('utf8', peer, end),
    time: longAt(bytes, start + 1),
    number: longAt(bytes, start + 7),
    low: bytes.readUInt32LE(start + 13),
    high: bytes.readUInt16LE(start + 17),
    run: bytes.readUInt32LE(start + 19),
    at: bytes.readDoubleLE(item + 5),
    start: item,
    end,
  };
}

function nameAt(bytes: Buffer, start: number): string {
  const from = start - bytes.readUInt32LE(start + 27);
  return bytes.toString('utf8', from + MENTION_HEAD, from + MENTION_HEAD + bytes.readUInt16LE(from + 31));
}

function endOf(bytes: Buffer, start: number): number {
  if (bytes[start] === ITEM) return start + ITEM_HEAD + bytes.readUInt32LE(start + 1);
  const peer = bytes.readUInt16LE(start + 33);
  return start + MENTION_HEAD + bytes.readUInt16LE(start + 31) + (peer === NONE ? 0 : peer);
}

function longAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt16LE(at + 4) * HIGH;
}
