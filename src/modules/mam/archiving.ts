// Which messages of which account go into its archive, and when: those that it sends as they are sent, those that it gets
// when nobody refuses them any more, before anybody has seen them. A message is not held up by that: its id is known at
// once, and only the acknowledgement to its sender waits until it is kept.

import type { Host } from '../../core/host.js';
import type { Routed } from '../../core/routed.js';
import { Turns } from '../../core/turns.js';
import type { Added } from '../../storage/store.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { Stanza } from '../../xmpp/stanza.js';
import { ROSTERS, type Roster } from '../rosters.js';
import { Identifying, identified, isIdentified, STANZA_ID } from '../stanza-id.js';
import { stanzaErrorOf } from '../store-error.js';
import { isArchivable } from './archivable.js';
import type { Archives } from './archives.js';
import { type AllPreferences, listed, type Policy, type Preferences } from './preferences.js';

/** A message whose receiver's preferences had to be read, and goes on. */
interface Passing {
  readonly routed: Routed;
  /** Undefined: there is no such account. */
  readonly preferences: Preferences | undefined;
  readonly roster: Roster | undefined;
}

export class Archiving {
  /** Users without an account who are here: nothing is kept for them. */
  readonly anonymous = new Set<string>();
  readonly #turns = new Turns();
  readonly #identifying = new Identifying();
  #passing: Passing | undefined;
  // What was added last for a sender, and when: its receiver may have the same. (An object of it would be one more a message.)
  #sent: Stanza | undefined;
  #sentAt = 0;
  #sentAs: Added | undefined;
  /** What is awaited in place of the last promise that was told, which may reject. */
  #kept: { readonly done: Promise<unknown>; readonly kept: Promise<void> } | undefined;
  /** Stanzas of senders beyond this server that bear an id of ours. */
  readonly #stamped = new WeakSet<Stanza>();

  constructor(
    readonly host: Host,
    readonly archives: Archives,
    readonly preferences: AllPreferences,
    public policy: Policy,
  ) {}

  // What its clients send.

  readonly sent = (routed: Routed): void => {
    const { session, to, stanza } = routed;
    if (session === undefined || session.anonymous || !isArchivable(routed)) return;
    const { local } = session.jid;
    const preferences = this.preferences.known(local);
    if (!this.#isWanted(preferences, to, this.#rosterAsked(preferences, local))) return;
    const at = Date.now();
    const added = this.archives.add(local, to.bare.toString(), at, stanza);
    this.#sent = stanza;
    this.#sentAt = at;
    this.#sentAs = added;
    routed.sentAs = added;
    // Whoever it is for has it; a storage that fails is logged where it fails.
    session.keeps(this.#settled(added.done));
  };

  // What comes for accounts.

  /** True: it waits for what the account wants. */
  readonly comes = (routed: Routed): boolean => {
    const { own, stanza, sentAs } = routed;
    if (own) {
      if (sentAs !== undefined) routed.stanza = identified(stanza, routed.to.bare.toString(), sentAs.id);
      return false;
    }
    if (!this.#isArchivable(routed) || !this.#isTaken(routed) || this.#again(routed)) return false;
    return this.#comes(routed);
  };

  /** Whether what nobody takes now is kept here (RFC 6121 section 8.5.2.2.1); who can read it later has not lost it. */
  isKept(routed: Routed): boolean {
    const { archived } = routed;
    if (archived === undefined) return false;
    // Its sender is held up.
    this.archives.hurry();
    routed.later(
      archived.catch((thrown) => {
        const error = stanzaErrorOf(thrown);
        this.host.refuse(
          routed,
          error instanceof StanzaError ? error : new StanzaError('wait', 'internal-server-error'),
        );
      }),
    );
    return true;
  }

  unfinished(): Promise<unknown>[] {
    const work = this.#turns.unfinished();
    return work === undefined ? this.archives.unfinished() : [work, ...this.archives.unfinished()];
  }

  /** RFC 6121 section 8.5.3.2.1: what is for one resource that is not there. */
  #isTaken({ to, type }: Routed): boolean {
    return to.isBare || type === 'chat' || this.host.sessions.find(to) !== undefined;
  }

  /** True: it was archived before, and looks for another way. Others cannot say so in our name. */
  #again(routed: Routed): boolean {
    const { stanza, from, to } = routed;
    if (stanza.isPlain || !stanza.raw.includes(STANZA_ID)) return false;
    const by = to.bare.toString();
    if (!isIdentified(stanza, by)) return false;
    if (this.#isLocal(from) || this.#stamped.has(stanza)) return true;
    const { tree } = stanza;
    for (const child of tree.getChildren('stanza-id', STANZA_ID)) if (child.attrs.by === by) tree.remove(child);
    routed.stanza = Stanza.from(tree);
    return false;
  }

  #isLocal({ domain }: JID): boolean {
    for (const each of this.host.domains) if (each === domain) return true;
    return false;
  }

  /** What its sender has is known to be worth it. */
  #isArchivable(routed: Routed): boolean {
    return this.#sent === routed.stanza || isArchivable(routed);
  }

  #comes(routed: Routed): boolean {
    const { local } = routed.to;
    const passing = this.#passing;
    if (passing?.routed === routed) {
      if (passing.preferences !== undefined) this.#archive(routed, passing.preferences, passing.roster);
      return false;
    }
    if (this.anonymous.size > 0 && this.anonymous.has(local)) return false;
    const preferences = this.preferences.known(local);
    const roster = this.#rosterAsked(preferences, local);
    if (preferences === undefined || this.#turns.busy(local) || this.#needsRoster(preferences, roster)) {
      routed.later(this.#turns.take(local, () => this.#look(routed)));
      return true;
    }
    this.#archive(routed, preferences, roster);
    return false;
  }

  #archive(routed: Routed, preferences: Preferences, roster: Roster | undefined): void {
    const { from, to, stanza } = routed;
    if (!this.#isWanted(preferences, from, roster)) return;
    const by = to.bare.toString();
    const isSame = this.#sent === stanza;
    const at = isSame ? this.#sentAt : Date.now();
    const added = this.archives.add(to.local, from.bare.toString(), at, stanza, isSame ? this.#sentAs : undefined);
    const { done } = added;
    routed.session?.keeps(this.#settled(done));
    routed.stanza = this.#identifying.identified(stanza, by, added.idBytes);
    routed.archived = done;
    if (routed.session === undefined && !this.#isLocal(from)) this.#stamped.add(routed.stanza);
  }

  /** Resolves when it is kept, or could not be. */
  #settled(done: Promise<unknown>): Promise<void> {
    if (this.#kept?.done === done) return this.#kept.kept;
    const kept = done.then(
      () => {},
      () => {},
    );
    this.#kept = { done, kept };
    return kept;
  }

  /** Reads what is not at hand, and goes on. */
  async #look(routed: Routed): Promise<void> {
    const { local } = routed.to;
    const [preferences, roster] = await Promise.all([this.#read(local), this.#readRoster(local)]).catch(() => []);
    this.#passing = { routed, preferences, roster };
    this.host.send(routed);
    this.#passing = undefined;
  }

  async #read(username: string): Promise<Preferences | undefined> {
    return (
      this.preferences.known(username) ??
      ((await this.host.accounts.exists(username)) ? this.#load(username) : undefined)
    );
  }

  #load(username: string): Promise<Preferences> {
    return this.preferences.load(username);
  }

  async #readRoster(username: string): Promise<Roster | undefined> {
    return this.#rosters?.load(username);
  }

  get #rosters() {
    return this.host.find(ROSTERS);
  }

  #needsRoster(preferences: Preferences, roster: Roster | undefined): boolean {
    return this.#asksRoster(preferences) && roster === undefined && this.#rosters !== undefined;
  }

  /** The one that says what is wanted, where it does and is at hand. */
  #rosterAsked(preferences: Preferences | undefined, username: string): Roster | undefined {
    return this.#asksRoster(preferences) ? this.#rosters?.get(username) : undefined;
  }

  #asksRoster(preferences: Preferences | undefined): boolean {
    return (preferences?.default ?? this.policy) === 'roster';
  }

  #isWanted(preferences: Preferences | undefined, peer: JID, roster: Roster | undefined): boolean {
    const said = preferences && listed(preferences, peer);
    const policy = said ?? preferences?.default ?? this.policy;
    return policy === 'roster' ? roster?.items.get(peer.bare.toString())?.listed === true : policy === 'always';
  }
}
