// Records of places: some hundred of one history each, under the order of the first of them. The key says besides what is in
// there, counted for each file, so that a record whose places all go is deleted without being read.

import type { Write } from '../draft.js';
import { partUnder, under } from '../records.js';
import { memoryFor, type Order, orderIn, orderKey, Places } from './places.js';

/** Places in one record. */
export const PAGE = 500;
/** Bytes that the place of an item counts for, its share of the database included. */
export const PLACE = 64;
/** A key says no more files; who wants to know then reads the record. */
const FILES = 4;
/** Digits of an order in a key; what the key says of its page is behind that. */
const ORDER = 18;
const SAID = '.';
/** Follows it. */
const BEHIND = '/';

/** Items, counted for each file. */
export class Tally {
  count = 0;
  /** With their places. */
  bytes = 0;
  readonly files = new Map<number, number>();

  /** `bytes`: without their places. */
  readonly add = (file: number, count: number, bytes: number): void => {
    this.files.set(file, (this.files.get(file) ?? 0) + count);
    this.count += count;
    this.bytes += bytes + count * PLACE;
  };

  join({ files, count, bytes }: Tally): void {
    for (const [file, its] of files) this.files.set(file, (this.files.get(file) ?? 0) + its);
    this.count += count;
    this.bytes += bytes;
  }
}

/** A record of places. */
export interface Page {
  readonly key: string;
  readonly text: string;
  readonly places: Places;
}

/** What is known of one by its key. */
export interface Head {
  readonly key: string;
  /** Of its first place, or in front of it. */
  readonly order: Order;
  /** Undefined: it has to be read. */
  readonly tally: Tally | undefined;
}

export function pageOf(key: string, text: string): Page {
  return { key, text, places: Places.read(text) };
}

/** Some places of the history of that name as a record; they are told to `tally`. The memory is for so many places. */
export function pageWrite(
  name: string,
  places: Places,
  tally: Tally,
  from = 0,
  to = places.count,
  memory = memoryFor(to - from),
): Write {
  const its = new Tally();
  const text = places.text(memory, from, to);
  places.each(from, to, its.add);
  tally.join(its);
  return { key: under(name, orderKey(places.order(from)) + said(its)), text, free: true };
}

/** A record with other places in its place, or none. */
export function changed(page: Page, name: string, places: Places, from = 0): Write[] {
  const gone: Write = { key: page.key, text: undefined, was: page.text, free: true };
  return from === places.count ? [gone] : [gone, pageWrite(name, places, new Tally(), from)];
}

export function headOf(name: string, key: string): Head {
  const part = partUnder(name, key);
  return { key, order: orderIn(part.slice(0, ORDER)), tally: tallyIn(part.slice(ORDER)) };
}

/** Behind the keys of all records that begin in front of that order, or there. */
export function behind(name: string, order: Order): string {
  return under(name, orderKey(order)) + BEHIND;
}

function said({ bytes, files }: Tally): string {
  if (files.size > FILES) return '';
  const each = [...files].map(([file, count]) => `${SAID}${file.toString(36)}-${count.toString(36)}`);
  return SAID + bytes.toString(36) + each.join('');
}

function tallyIn(text: string): Tally | undefined {
  if (!text.startsWith(SAID)) return undefined;
  const [bytes, ...files] = text.slice(SAID.length).split(SAID);
  const tally = new Tally();
  for (const each of files) {
    const [file, count] = each.split('-').map(numberIn);
    tally.add(file, count, 0);
  }
  tally.bytes = numberIn(bytes);
  return tally;
}

const SMALL = 2 ** 31;

/** What `parseInt` makes is no small integer to V8, nor is anything it is added to; and code made for those is thrown away. */
function numberIn(digits: string): number {
  const number = Number.parseInt(digits, 36);
  return number < SMALL ? number | 0 : number;
}
