// What is kept of a room beyond its occupants.

import { randomBytes } from 'node:crypto';
import type { Said } from './history.js';
import type { Affiliation } from './privileges.js';
import { NEW_ROOM, type RoomConfig } from './room-config.js';

export interface RoomRecord {
  readonly config: RoomConfig;
  readonly affiliations: Map<string, Affiliation>;
  /** Reserved nicknames, by bare JID. */
  readonly nicks: Map<string, string>;
  /** Those that were asked for and wait for an answer, by bare JID. */
  readonly requests: Map<string, string>;
  readonly subject?: Said;
  readonly history: readonly Said[];
  /** What occupant ids are made with. */
  readonly secret: string;
}

export const newRecord = (owner: string, archived: boolean): RoomRecord => ({
  config: { ...NEW_ROOM, archived },
  affiliations: new Map([[owner, 'owner']]),
  nicks: new Map(),
  requests: new Map(),
  history: [],
  secret: randomBytes(32).toString('base64url'),
});
