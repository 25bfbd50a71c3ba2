// What each account wants to be archived (XEP-0441), kept in the store `mam_preferences`. Those of accounts that have
// sessions are at hand; others are read when something comes for them, and the last ones are remembered.

import { Turns } from '../../core/turns.js';
import type { Json, KeyValueStore } from '../../storage/store.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import { JID } from '../../xmpp/jid.js';
import { MAM } from './question.js';

const POLICIES = ['always', 'roster', 'never'] as const;
export type Policy = (typeof POLICIES)[number];

/** Addresses are prepared. */
export interface Preferences {
  /** For whom no list names; undefined: the account has not said. */
  readonly default: Policy | undefined;
  readonly always: readonly string[];
  readonly never: readonly string[];
}

const UNSAID: Preferences = Object.freeze({ default: undefined, always: [], never: [] });

/** What is to be done with a message that is exchanged with somebody (section 2.3); undefined: nothing is said. */
export function listed({ always, never }: Preferences, peer: JID): 'always' | 'never' | undefined {
  if (always.length === 0 && never.length === 0) return undefined;
  const [full, bare] = [peer.toString(), peer.bare.toString()];
  if (never.includes(full)) return 'never';
  if (always.includes(full)) return 'always';
  if (never.includes(bare)) return 'never';
  return always.includes(bare) ? 'always' : undefined;
}

/** Of a `prefs` element. Throws StanzaError bad-request. */
export function readPreferences(prefs: Element): Preferences {
  const policy = POLICIES.find((each) => each === prefs.attrs.default);
  if (policy === undefined) throw new StanzaError('modify', 'bad-request', 'a default: always, roster or never');
  const list = (name: string) => prefs.getChild(name, MAM)?.getChildren('jid', MAM).map(readAddress) ?? [];
  return { default: policy, always: [...new Set(list('always'))], never: [...new Set(list('never'))] };
}

function readAddress(element: Element): string {
  try {
    return JID.parse(element.getText().trim()).toString();
  } catch {
    throw new StanzaError('modify', 'bad-request', 'a list has something that is no address');
  }
}

export function preferencesXml(preferences: Preferences, fallback: Policy): string {
  const list = (name: 'always' | 'never') => {
    const jids = preferences[name].map((jid) => `<jid>${escapeText(jid)}</jid>`);
    return `<${name}>${jids.join('')}</${name}>`;
  };
  const policy = attribute('default', preferences.default ?? fallback);
  return `<prefs xmlns='${MAM}'${policy}>${list('always')}${list('never')}</prefs>`;
}

/** Preferences of accounts that have no sessions are remembered for the next message, so many. */
const SPARE = 10_000;

export class AllPreferences {
  readonly #store: KeyValueStore;
  readonly #used = new Map<string, Preferences>();
  readonly #spare = new Map<string, Preferences>();
  readonly #turns = new Turns();

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** Undefined: they have to be read first. */
  known(username: string): Preferences | undefined {
    return this.#used.get(username) ?? this.#spare.get(username);
  }

  /** Reads them, if they are not there. */
  load(username: string): Promise<Preferences> {
    return this.#turns.take(username, async () => {
      const known = this.known(username);
      if (known !== undefined) return known;
      const kept = await this.#store.get(username);
      const preferences = kept === undefined ? UNSAID : (kept as unknown as Preferences);
      this.#remember(username, preferences);
      return preferences;
    });
  }

  /** The account has sessions: what was read stays. */
  use(username: string): void {
    const preferences = this.#spare.get(username);
    if (preferences === undefined) return;
    this.#spare.delete(username);
    this.#used.set(username, preferences);
  }

  /** It has none any more. */
  release(username: string): void {
    const preferences = this.#used.get(username);
    if (preferences === undefined) return;
    this.#used.delete(username);
    this.#remember(username, preferences);
  }

  /** The next who is interested in them has to look whether there is such an account. */
  forget(username: string): void {
    this.#used.delete(username);
    this.#spare.delete(username);
  }

  set(username: string, preferences: Preferences): Promise<void> {
    return this.#turns.take(username, async () => {
      await this.#store.set(username, { ...preferences } as Json);
      const place = this.#used.has(username) ? this.#used : this.#spare;
      place.set(username, preferences);
    });
  }

  /** The account is no more. */
  remove(username: string): Promise<void> {
    return this.#turns.take(username, async () => {
      this.forget(username);
      await this.#store.set(username, undefined);
    });
  }

  #remember(username: string, preferences: Preferences): void {
    this.#spare.set(username, preferences);
    for (const oldest of this.#spare.keys()) {
      if (this.#spare.size <= SPARE) return;
      this.#spare.delete(oldest);
    }
  }
}
