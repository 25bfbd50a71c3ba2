// What is kept of persistent rooms: their configuration, who stands how to them, the subject, the last messages. Rooms that
// are temporary are not here. What was asked of one room is done in turns.

import type { ComponentHost } from '../../core/host.js';
import { Turns } from '../../core/turns.js';
import type { ArchiveStore, Json, MapStore } from '../../storage/store.js';
import { keptStanza, type Said } from './history.js';
import { itemNotFound } from './names.js';
import { type Affiliation, affiliationOf } from './privileges.js';
import type { Room, RoomRecord } from './room.js';
import { readConfig } from './room-config.js';

/** Fields of affiliations and reserved nicknames are named by this and a bare JID. */
const AFFILIATION = 'affiliation ';
const NICK = 'nick ';

export interface Standing {
  readonly affiliation: Affiliation;
  /** Undefined: none is reserved. */
  readonly nick?: string;
}

export class RoomStore {
  readonly #rooms: MapStore;
  readonly #history: ArchiveStore;
  readonly #turns = new Turns();

  constructor(readonly host: ComponentHost) {
    this.#rooms = host.open('rooms', 'map');
    this.#history = host.open('room_history', 'archive');
  }

  async *all(most: number): AsyncIterable<readonly [name: string, record: RoomRecord]> {
    for await (const name of this.#rooms.keys()) {
      const fields = await this.#rooms.all(name);
      if (!fields.has('secret')) continue;
      const { items } = await this.#history.query(name, { limit: most, backwards: true });
      yield [
        name,
        recordOf(
          fields,
          items.map(({ stanza, at }) => ({ stanza: keptStanza(stanza), at })),
        ),
      ];
    }
  }

  /** All that is known of a room that is persistent from now on. */
  async whole(room: Room): Promise<void> {
    checkOpen(room);
    const { name, config, secret, affiliations, nicks, subject } = room;
    const fields: [string, Json][] = [
      ['config', { ...config }],
      ['secret', secret],
      ...[...affiliations].map(([bare, each]): [string, Json] => [AFFILIATION + bare, each]),
      ...[...nicks].map(([bare, nick]): [string, Json] => [NICK + bare, nick]),
    ];
    if (subject !== undefined) fields.push(['subject', subjectOf(subject)]);
    await this.#turns.take(name, () => this.#rooms.change(name, fields));
  }

  async standings(room: Room, changes: Iterable<readonly [bare: string, standing: Standing]>): Promise<void> {
    checkOpen(room);
    const { name, config } = room;
    if (!config.persistent) return;
    const fields = [...changes].flatMap(([bare, { affiliation, nick }]): [string, Json | undefined][] => [
      [AFFILIATION + bare, affiliation === 'none' ? undefined : affiliation],
      [NICK + bare, nick],
    ]);
    await this.#turns.take(name, () => this.#rooms.change(name, fields));
  }

  /** It is not waited for: what was said was heard. */
  subject({ name, config, subject, closed }: Room): void {
    if (closed || !config.persistent || subject === undefined) return;
    this.#try(name, () => this.#rooms.set(name, 'subject', subjectOf(subject)));
  }

  said({ name, config, history, closed }: Room, { stanza, at }: Said, most: number): void {
    if (closed || !config.persistent) return;
    this.#try(name, async () => {
      const id = await this.#history.append(name, { at, stanza: stanza.raw.toString() });
      // Once in a while: what is left over is not shown.
      if (history.size >= most && (await this.#history.size(name)) >= 2 * most) {
        const { items } = await this.#history.query(name, { limit: most, backwards: true });
        await this.#history.delete(name, { before: items[0]?.id ?? id });
      }
    });
  }

  async remove(name: string): Promise<void> {
    await this.#turns.take(name, async () => {
      await this.#rooms.remove(name);
      await this.#history.delete(name);
    });
  }

  /** Resolves when all of it is done. */
  async finished(): Promise<void> {
    await this.#turns.unfinished();
  }

  #try(name: string, work: () => Promise<unknown>): void {
    this.#turns.take(name, work).catch((error) => this.host.log.error('room_not_kept', { error }));
  }
}

/** Nothing is to be left of a room that is being destroyed. */
function checkOpen({ closed }: Room): void {
  if (closed) throw itemNotFound('the room is destroyed');
}

const subjectOf = ({ stanza, at }: Said): Json => ({ at, stanza: stanza.raw.toString() });

function recordOf(fields: ReadonlyMap<string, Json>, history: readonly Said[]): RoomRecord {
  const affiliations = new Map<string, Affiliation>();
  const nicks = new Map<string, string>();
  for (const [field, value] of fields) {
    const affiliation = field.startsWith(AFFILIATION) ? affiliationOf(String(value)) : undefined;
    if (affiliation !== undefined) affiliations.set(field.slice(AFFILIATION.length), affiliation);
    if (field.startsWith(NICK)) nicks.set(field.slice(NICK.length), String(value));
  }
  const subject = readSubject(fields.get('subject'));
  return {
    config: readConfig(fields.get('config')),
    secret: String(fields.get('secret')),
    affiliations,
    nicks,
    subject,
    history,
  };
}

function readSubject(kept: Json | undefined): Said | undefined {
  if (typeof kept !== 'object' || kept === null || !('stanza' in kept) || !('at' in kept)) return undefined;
  return { stanza: keptStanza(String(kept.stanza)), at: Number(kept.at) };
}
