// What is kept of persistent rooms: their configuration, who stands how to them, the subject, the last messages. Rooms that
// are temporary are not here. What was asked of one room is done in turns. What was said in rooms that are archived is in
// their archives instead (room-archive.ts).

import type { ComponentHost } from '../../core/host.js';
import { Turns } from '../../core/turns.js';
import type { ArchiveStore, Json, MapStore } from '../../storage/store.js';
import type { Stanza } from '../../xmpp/stanza.js';
import { identified } from '../stanza-id.js';
import { keptStanza, type Said } from './history.js';
import { itemNotFound } from './names.js';
import type { Occupant } from './occupant.js';
import { type Affiliation, affiliationOf } from './privileges.js';
import type { Room } from './room.js';
import type { RoomArchive } from './room-archive.js';
import { readConfig } from './room-config.js';
import type { RoomRecord } from './room-record.js';

/** Fields of affiliations and reserved nicknames are named by this and a bare JID. */
const AFFILIATION = 'affiliation ';
const NICK = 'nick ';
/** Of those who asked to be registered, and wait for an answer. */
const REQUEST = 'request ';
/** Rooms that are read at a time. */
const AT_ONCE = 64;

export interface Standing {
  readonly affiliation: Affiliation;
  /** Undefined: none is reserved. */
  readonly nick?: string;
}

/** How some stand to a room from now on. */
export interface Change {
  readonly standings: Iterable<readonly [bare: string, standing: Standing]>;
  /** When it is kept. */
  done(): void;
}

/** What is to be kept of what was said. */
export interface Keeping {
  readonly who: Occupant;
  readonly at: number;
  /** Messages that who enters is shown; 0: not this one. */
  readonly shown: number;
}

export class RoomStore {
  readonly #rooms: MapStore;
  readonly #history: ArchiveStore;
  readonly #turns = new Turns();

  constructor(
    readonly host: ComponentHost,
    readonly archive: RoomArchive,
  ) {
    this.#rooms = host.open('rooms', 'map');
    this.#history = host.open('room_history', 'archive');
  }

  async *all(most: number): AsyncIterable<readonly [name: string, record: RoomRecord]> {
    let names: string[] = [];
    for await (const name of this.#rooms.keys()) {
      names.push(name);
      if (names.length < AT_ONCE) continue;
      yield* await this.#several(names, most);
      names = [];
    }
    yield* await this.#several(names, most);
  }

  async #several(names: readonly string[], most: number): Promise<(readonly [string, RoomRecord])[]> {
    const read = names.map(async (name) => {
      const fields = await this.#rooms.all(name);
      return fields.has('secret') ? [[name, recordOf(fields, await this.#said(name, fields, most))] as const] : [];
    });
    return (await Promise.all(read)).flat();
  }

  async #said(name: string, fields: ReadonlyMap<string, Json>, limit: number): Promise<Said[]> {
    const config = readConfig(fields.get('config'));
    const most = Math.min(config.history, limit);
    if (most === 0) return [];
    const { items } = await this.#history.query(name, { limit: most, backwards: true });
    const kept = items.map(({ stanza, at }) => ({ stanza: keptStanza(stanza), at }));
    if (!config.archived) return kept;
    const archived = await this.archive.last(name, `${name}@${this.host.domain}`, most);
    // From before it was archived, and from then on.
    return [...kept, ...archived].sort((a, b) => a.at - b.at).slice(-most);
  }

  /** All that is known of a room that is persistent from now on. */
  async whole(room: Room): Promise<void> {
    checkOpen(room);
    const { name, config, secret, affiliations, nicks, requests, subject } = room;
    const fields: [string, Json][] = [
      ['config', { ...config }],
      ['secret', secret],
      ...[...affiliations].map(([bare, each]): [string, Json] => [AFFILIATION + bare, each]),
      ...[...nicks].map(([bare, nick]): [string, Json] => [NICK + bare, nick]),
      ...[...requests].map(([bare, nick]): [string, Json] => [REQUEST + bare, nick]),
    ];
    if (subject !== undefined) fields.push(['subject', subjectOf(subject)]);
    await this.#turns.take(name, () => this.#rooms.change(name, fields));
  }

  /** `decide` says what is to be changed, or throws, by how all stand when the changes before it are done. */
  async standings(room: Room, decide: () => Change): Promise<void> {
    checkOpen(room);
    await this.#turns.take(room.name, async () => {
      const { standings, done } = decide();
      if (room.config.persistent) await this.#rooms.change(room.name, [...standings].flatMap(fieldsOf));
      done();
    });
  }

  /** Somebody asks to be registered with a nickname; undefined: not any more. */
  async request(room: Room, bare: string, nick: string | undefined): Promise<void> {
    checkOpen(room);
    const { name, config } = room;
    if (config.persistent) await this.#turns.take(name, () => this.#rooms.set(name, REQUEST + bare, nick));
  }

  /** Resolves when it is there. */
  async subject({ name, config, subject, closed }: Room): Promise<void> {
    if (closed || !config.persistent || subject === undefined) return;
    await this.#turns.take(name, () => this.#rooms.set(name, 'subject', subjectOf(subject)));
  }

  /** It is given its id (XEP-0359) before it is kept; what is in no archive is forgotten with the next that are said. */
  said(room: Room, stanza: Stanza, keeping: Keeping): { readonly stanza: Stanza; readonly done?: Promise<unknown> } {
    if (room.archived) {
      const { id, done } = this.archive.append(room, stanza, keeping.who);
      return { stanza: identified(stanza, room.address, id), done };
    }
    const id = this.#history.reserve(keeping.at);
    const said = identified(stanza, room.address, id);
    const isKept = !room.closed && room.config.persistent && keeping.shown > 0;
    return {
      stanza: said,
      done: isKept ? this.#append(room, id, { stanza: said, at: keeping.at }, keeping) : undefined,
    };
  }

  #append({ name, history }: Room, id: string, { stanza, at }: Said, { shown: most }: Keeping): Promise<unknown> {
    return this.#turns.take(name, async () => {
      await this.#history.append(name, { id, at, stanza: stanza.raw.toString() });
      // Once in a while: what is left over is not shown.
      if (history.size >= most && (await this.#history.size(name)) >= 2 * most) {
        const { items } = await this.#history.query(name, { limit: most, backwards: true });
        await this.#history.delete(name, { before: items[0]?.id ?? id });
      }
    });
  }

  async remove(name: string): Promise<void> {
    await this.#turns.take(name, async () => {
      // The room last: whoever makes one of its name finds nothing of it, whatever fails here.
      await this.archive.remove(name);
      await this.#history.delete(name);
      await this.#rooms.remove(name);
    });
  }

  /** What is not done. */
  unfinished(): Promise<unknown>[] {
    const turns = this.#turns.unfinished();
    return turns === undefined ? this.archive.unfinished() : [turns, ...this.archive.unfinished()];
  }
}

/** Nothing is to be left of a room that is being destroyed. */
function checkOpen({ closed }: Room): void {
  if (closed) throw itemNotFound('the room is destroyed');
}

const fieldsOf = ([bare, { affiliation, nick }]: readonly [string, Standing]): [string, Json | undefined][] => [
  [AFFILIATION + bare, affiliation === 'none' ? undefined : affiliation],
  [NICK + bare, nick],
  [REQUEST + bare, undefined],
];

const subjectOf = ({ stanza, at }: Said): Json => ({ at, stanza: stanza.raw.toString() });

function recordOf(fields: ReadonlyMap<string, Json>, history: readonly Said[]): RoomRecord {
  const affiliations = new Map<string, Affiliation>();
  const nicks = new Map<string, string>();
  const requests = new Map<string, string>();
  for (const [field, value] of fields) {
    const affiliation = field.startsWith(AFFILIATION) ? affiliationOf(String(value)) : undefined;
    if (affiliation !== undefined) affiliations.set(field.slice(AFFILIATION.length), affiliation);
    if (field.startsWith(NICK)) nicks.set(field.slice(NICK.length), String(value));
    if (field.startsWith(REQUEST)) requests.set(field.slice(REQUEST.length), String(value));
  }
  const subject = readSubject(fields.get('subject'));
  return {
    config: readConfig(fields.get('config')),
    secret: String(fields.get('secret')),
    affiliations,
    nicks,
    requests,
    subject,
    history,
  };
}

function readSubject(kept: Json | undefined): Said | undefined {
  if (typeof kept !== 'object' || kept === null || !('stanza' in kept) || !('at' in kept)) return undefined;
  return { stanza: keptStanza(String(kept.stanza)), at: Number(kept.at) };
}
