// A play being performed: its actors, and the words that its XML may use for what is only known now.

import type { Xml } from '../xml.js';
import { Actor } from './actor.js';
import { type Captures, elements, mismatch } from './match.js';
import type { Play, PlayTransport, Role, Step } from './play.js';
import type { Account, Stage } from './stage.js';

const PASSWORD = 'wherefore art thou';

export class Scene {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly #captures: Captures = new Map();

  constructor(
    readonly play: Play,
    readonly key: string,
    readonly stage: Stage,
    transports: (role: Role) => PlayTransport,
  ) {
    this.actors = new Map(
      play.roles.map((role) => [role.name, new Actor(role, accountOf(role, key), transports(role), stage)]),
    );
  }

  actor(name: string): Actor {
    const actor = this.actors.get(name);
    if (!actor) throw new Error(`nobody is called ${name}`);
    return actor;
  }

  /** An account's client that is not part of the play. */
  extra(name: string): Actor {
    const { role, account, transport } = this.actor(name);
    return new Actor({ ...role, resource: undefined }, account, transport, this.stage);
  }

  /** The elements below a step, every word in them replaced. */
  elements({ xml }: Step): readonly Xml[] {
    const filled = xml.replaceAll(/\$\{([^}]+)\}/g, (_, word: string) => this.#word(word.trim()));
    return elements(filled);
  }

  /** Why an element is not what is expected, or undefined. */
  mismatch(expected: Xml, came: Xml): string | undefined {
    return mismatch(expected, came, this.#captures);
  }

  /** Resolves when all that was sent has had its effect, and everyone has heard of it. */
  async settle(): Promise<void> {
    const present = [...this.actors.values()].filter((each) => each.bound);
    for (const _ of [1, 2]) await Promise.all(present.map((each) => each.ping()));
  }

  #plainFor(name: string, what: string): string | undefined {
    const [, other] = /^PLAIN for (.+)$/.exec(what) ?? [];
    return other === undefined ? undefined : plain(this.actor(name), this.actor(other).bare);
  }

  #word(word: string): string {
    const captured = this.#captures.get(word);
    if (captured !== undefined) return captured;
    if (word === 'domain') return this.stage.domain;
    const [, name, what] = /^(.+)'s (.+)$/.exec(word) ?? [];
    const value = name === undefined ? undefined : (wordOf(this.actor(name), what) ?? this.#plainFor(name, what));
    if (value === undefined) throw new Error(`nothing is called ${word}`);
    return value;
  }
}

/** What PLAIN says (RFC 4616): on whose behalf, who, and the password. */
function plain({ account: { name, password } }: Actor, authzid = ''): string {
  return Buffer.from(`${authzid}\0${name}\0${password}`).toString('base64');
}

function wordOf(actor: Actor, what: string): string | undefined {
  const { name, password } = actor.account;
  switch (what) {
    case 'JID':
      return actor.bare;
    case 'full JID':
      return actor.full;
    case 'resource':
      return actor.full.slice(actor.bare.length + 1);
    case 'name':
      return name;
    case 'JID in capitals':
      return `${name.toUpperCase()}@${actor.stage.domain.toUpperCase()}`;
    case 'password':
      return password;
    case 'PLAIN':
      return plain(actor);
    case 'SCRAM':
      return Buffer.from(`n,,n=${name},r=fyko+d2lbbFgONRv9qkxdawL`).toString('base64');
    case 'HT':
      return Buffer.concat([Buffer.from(`${name}\0`), Buffer.alloc(32)]).toString('base64');
    case 'h':
      return String(actor.handled);
    default:
      return undefined;
  }
}

/** The account of a role in the play of this key: no other play has it. */
export function accountOf({ account, password = PASSWORD }: Role, key: string): Account {
  return { name: `${account}-${key}`, password };
}
