// The message of the day (XEP-0133 section 4.24): what each user is told once, now or when a client of theirs is there the
// next time. It is kept, and of each user which one they have seen: that is so when their client has it, as far as can be
// known. While it is on its way to one client no other gets it, unless that one ends before.

import type { Host } from '../../core/host.js';
import { Part } from '../../core/parts.js';
import type { Session } from '../../core/session.js';
import { Turns } from '../../core/turns.js';
import type { Json, KeyValueStore } from '../../storage/store.js';
import { Tokens } from '../../tokens.js';
import { type Announcement, send } from './telling.js';

/** No localpart has a slash. */
const CURRENT = '/motd';

/** As it is kept. */
interface Kept extends Announcement {
  readonly id: string;
}

interface Underway {
  readonly id: string;
  readonly session: Session;
}

export const MOTD = new Part<MessageOfTheDay>('message of the day');

export class MessageOfTheDay {
  readonly #turns = new Turns();
  readonly #tokens = new Tokens();
  /** Who is just getting it. */
  readonly #underway = new Map<string, Underway>();
  /** Sessions that need not be looked at again for a message. */
  readonly #settled = new WeakMap<Session, string>();
  #current: Kept | undefined;
  #read: Promise<void> | undefined;
  #isRead = false;

  constructor(
    readonly host: Host,
    readonly store: KeyValueStore,
  ) {}

  async current(): Promise<Announcement | undefined> {
    await this.#load();
    return this.#current;
  }

  /** For everybody, whatever they have seen. */
  async set(said: Announcement): Promise<void> {
    await this.#write({ ...said, id: this.#tokens.next() });
  }

  /** For those who have not seen the one before; false: there is none. */
  async edit(said: Announcement): Promise<boolean> {
    await this.#load();
    const there = this.#current;
    if (there === undefined) return false;
    await this.#write({ ...said, id: there.id });
    return true;
  }

  /** False: there was none. */
  async delete(): Promise<boolean> {
    await this.#load();
    if (this.#current === undefined) return false;
    await this.#write(undefined);
    return true;
  }

  /** A client is there; its user gets the message, unless they have it. */
  available(session: Session): Promise<unknown> | undefined {
    if (this.#isRead && (this.#current === undefined || this.#settled.get(session) === this.#current.id))
      return undefined;
    if (!takesMessages(session)) return undefined;
    return this.#turns
      .take(session.jid.local, () => this.#offer(session))
      .catch((error) => this.host.log.error('motd_failed', { error }));
  }

  /** The clients of a user. */
  toUser(username: string): Promise<unknown> {
    return Promise.all(this.host.sessions.of(username).map((session) => this.available(session)));
  }

  /** One that it was on its way to is gone: another gets it. */
  closed(session: Session): void {
    const { local } = session.jid;
    if (this.#underway.get(local)?.session !== session) return;
    this.#underway.delete(local);
    void this.toUser(local);
  }

  forget(username: string): Promise<void> {
    return this.#turns.take(username, () => this.store.set(username, undefined));
  }

  unfinished(): Promise<unknown>[] {
    return [this.#turns.unfinished() ?? []].flat();
  }

  async #offer(session: Session): Promise<void> {
    await this.#load();
    const kept = this.#current;
    const { local } = session.jid;
    if (kept === undefined || session.over || this.#underway.get(local)?.id === kept.id) return;
    if (this.#settled.get(session) === kept.id) return;
    const seen = session.anonymous ? undefined : await this.store.get(local);
    if (seen === kept.id) {
      this.#settled.set(session, kept.id);
      return;
    }
    if (session.over) return;
    const underway = { id: kept.id, session };
    this.#underway.set(local, underway);
    this.#settled.set(session, kept.id);
    await send(this.host, session.jid, kept, 'headline');
    session.reached(() => this.#arrived(underway));
  }

  #arrived(underway: Underway): void {
    const { id, session } = underway;
    const { local } = session.jid;
    if (session.over) return;
    const kept = session.anonymous
      ? Promise.resolve()
      : this.#turns
          .take(local, () => this.store.set(local, id))
          .catch((error) => this.host.log.error('motd_failed', { error }));
    void kept.finally(() => this.#underway.get(local) === underway && this.#underway.delete(local));
  }

  async #write(kept: Kept | undefined): Promise<void> {
    await this.#turns.take(CURRENT, async () => {
      await this.store.set(CURRENT, kept as unknown as Json | undefined);
      this.#current = kept;
      this.#isRead = true;
    });
  }

  /** Once; when it fails, who asks next tries again. */
  #load(): Promise<void> {
    if (this.#isRead) return Promise.resolve();
    this.#read ??= this.#turns
      .take(CURRENT, async () => {
        if (this.#isRead) return;
        this.#current = (await this.store.get(CURRENT)) as unknown as Kept | undefined;
        this.#isRead = true;
      })
      .finally(() => {
        this.#read = undefined;
      });
    return this.#read;
  }
}

const takesMessages = ({ over, presence, priority }: Session): boolean =>
  !over && presence !== undefined && priority >= 0;
