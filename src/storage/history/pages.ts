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

/** The order of its first place, or in front of that. */
export function orderUnder(name: string, key: string): Order {
  return orderIn(partUnder(name, key).slice(0, ORDER));
}

/** What the key says is in there; undefined: it has to be read. */
export function tallyUnder(name: string, key: string): Tally | undefined {
  return tallyIn(partUnder(name, key).slice(ORDER));
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
  const parts = text.split(SAID);
  const tally = new Tally();
  for (let i = 2; i < parts.length; i++) {
    const end = parts[i].indexOf('-');
    tally.add(numberIn(parts[i].slice(0, end)), numberIn(parts[i].slice(end + 1)), 0);
  }
  tally.bytes = numberIn(parts[1]);
  return tally;
}

const SMALL = 2 ** 31;

/** Compiled `parseInt` makes numbers that V8 takes for fractions, as whatever they are added to; code for small integers is lost then. */
function numberIn(digits: string): number {
  const number = Number.parseInt(digits, 36);
  return number < SMALL ? number | 0 : number;
}
