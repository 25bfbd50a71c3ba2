// Looks for what was asked of an archive, and says it as XEP-0313 wants it said. It knows nothing of whose archive it is:
// accounts and rooms answer with the same words.

import type { ArchiveItem, ArchiveRange, Items } from '../../storage/store.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { DELAY } from '../delay.js';
import { MAM, type Question } from './question.js';
import { pageXml } from './rsm.js';

const FORWARD = 'urn:xmpp:forward:0';

/** An archive, and what its owner lets be asked. */
export interface Archive {
  readonly store: Items;
  readonly key: string;
  /** Messages of a page when nothing is said. */
  readonly page: number;
  readonly maxPage: number;
  /** Nothing older is shown; milliseconds since 1970. */
  readonly since: number | undefined;
  /** A client wanted more than `maxPage`. */
  limited(): void;
  /** Whom its items are of, where that is not whom their stanzas are from and to. */
  readonly peers?: Peers;
}

export interface Peers {
  /** The items that those of this address are among, as they are kept; undefined: all of them. */
  key(peer: JID): string | undefined;
  /** Undefined: `key` has told. */
  test(peer: JID): ((item: ArchiveItem) => boolean) | undefined;
}

export interface Found {
  /** In the order of the archive. */
  readonly items: readonly ArchiveItem[];
  readonly complete: boolean;
  /** Of all that match, where that is known. */
  readonly count: number | undefined;
}

/** Rejects with StanzaError item-not-found when an id that was named is not there; with StoreError. */
export async function find(archive: Archive, question: Question): Promise<Found> {
  const { max = archive.page, before, after } = question.page;
  if (max > archive.maxPage && question.page.max !== undefined) archive.limited();
  await checkIds(archive, question);
  const all = rangeOf(archive, question);
  const range = { ...all, after: later(all.after, after), before: earlier(all.before, before) };
  const backwards = before !== undefined;
  const page = await pageOf(archive, range, question, Math.min(max, archive.maxPage), backwards);
  const whole = page.complete && after === undefined && !before;
  return { ...page, count: whole ? page.items.length : await countOf(archive, all, question) };
}

async function checkIds(
  { store, key, since }: Archive,
  { afterId, beforeId, ids = [], page }: Question,
): Promise<void> {
  const named = [afterId, beforeId, page.after, page.before, ...ids].filter((id) => id !== undefined && id !== '');
  const distinct = [...new Set(named)] as string[];
  if (distinct.length === 0) return;
  if ((await store.size(key, { ids: distinct, start: since })) < distinct.length)
    throw new StanzaError('cancel', 'item-not-found', 'the archive has no message of that id');
}

function rangeOf(
  { since, peers = PEERS }: Archive,
  { with: peer, start, end, afterId, beforeId, ids }: Question,
): ArchiveRange {
  const from = since === undefined ? start : Math.max(since, start ?? since);
  return { with: peer && peers.key(peer), start: from, end, after: afterId, before: beforeId, ids };
}

const later = (a: string | undefined, b: string | undefined) => (a === undefined || (b && b > a) ? b : a);
const earlier = (a: string | undefined, b: string | undefined) => (b ? (a === undefined || b < a ? b : a) : a);

interface Page {
  readonly items: readonly ArchiveItem[];
  readonly complete: boolean;
}

async function pageOf(
  archive: Archive,
  range: ArchiveRange,
  question: Question,
  limit: number,
  backwards: boolean,
): Promise<Page> {
  const test = testOf(archive, question);
  if (test === undefined) return await archive.store.query(archive.key, { ...range, limit, backwards });
  const items: ArchiveItem[] = [];
  for await (const item of matching(archive, range, test, backwards)) {
    if (items.length === limit) return { items: backwards ? items.reverse() : items, complete: false };
    items.push(item);
  }
  return { items: backwards ? items.reverse() : items, complete: true };
}

/** Items that are read at a time where only some of them match. */
const CHUNK = 200;

/** Of a peer's items those that pass, such as those of one of its resources; backwards: the last first. */
async function* matching(
  { store, key }: Archive,
  range: ArchiveRange,
  test: (item: ArchiveItem) => boolean,
  backwards: boolean,
): AsyncIterable<ArchiveItem> {
  let rest = range;
  for (;;) {
    const { items, complete } = await store.query(key, { ...rest, limit: CHUNK, backwards });
    for (const item of backwards ? [...items].reverse() : items) if (test(item)) yield item;
    if (complete) return;
    rest = backwards ? { ...rest, before: items[0].id } : { ...rest, after: items.at(-1)?.id };
  }
}

/** Sent by or to that address. */
function isOf({ stanza }: ArchiveItem, full: string): boolean {
  const { from, to } = new Stanza(Buffer.from(stanza));
  return from === full || to === full;
}

/** Of accounts. */
const PEERS: Peers = {
  key: (peer) => peer.bare.toString(),
  test: (peer) => {
    const full = peer.toString();
    return peer.isBare ? undefined : (item) => isOf(item, full);
  },
};

function testOf({ peers = PEERS }: Archive, { with: peer }: Question) {
  return peer && peers.test(peer);
}

/** The count costs little for the whole archive; else it is only for who asks for nothing else (XEP-0059 section 2.7). */
async function countOf(archive: Archive, range: ArchiveRange, question: Question): Promise<number | undefined> {
  const { store, key } = archive;
  const isWhole = question.with === undefined && Object.values(range).every((limit) => limit === undefined);
  if (isWhole) return store.size(key);
  return question.page.max === 0 && testOf(archive, question) === undefined ? store.size(key, range) : undefined;
}

/** Whom results come from and go to. */
export interface Asked {
  readonly from: string;
  readonly to: string;
}

/** The messages that bring a page, in the order in which they are to be sent. */
export function resultStanzas({ items }: Found, { queryid, flipped }: Question, asked: Asked): Stanza[] {
  const stanzas = items.map((item) => resultStanza(item, queryid, asked));
  return flipped ? stanzas.reverse() : stanzas;
}

function resultStanza({ id, at, stanza }: ArchiveItem, queryid: string | undefined, { from, to }: Asked): Stanza {
  const result = `<result xmlns='${MAM}'${attribute('queryid', queryid)}${attribute('id', id)}>`;
  const forwarded = `<forwarded xmlns='${FORWARD}'><delay xmlns='${DELAY}' stamp='${new Date(at).toISOString()}'/>`;
  const addresses = attribute('from', from) + attribute('to', to);
  const xml = `<message xmlns='${NS.client}'${addresses}>${result}${forwarded}${stanza}</forwarded></result></message>`;
  return new Stanza(Buffer.from(xml), NS.client);
}

/** The payload of the iq that ends a page. */
export function finXml({ items, complete, count }: Found): string {
  const ids = items.map(({ id }) => id);
  return `<fin xmlns='${MAM}'${complete ? " complete='true'" : ''}>${pageXml(ids, count)}</fin>`;
}

/** Where an archive begins and ends (section 5). */
export async function metadataXml({ store, key, since }: Archive): Promise<string> {
  const edge = async (name: string, backwards: boolean) => {
    const { items } = await store.query(key, { start: since, limit: 1, backwards });
    return items.map(({ id, at }) => `<${name}${attribute('id', id)} timestamp='${new Date(at).toISOString()}'/>`);
  };
  return `<metadata xmlns='${MAM}'>${[...(await edge('start', false)), ...(await edge('end', true))].join('')}</metadata>`;
}
