// Telling something to very many: so many a second, with everybody else's turns in between. What waits for a store is
// waited for. When the module goes for good, or the server stops, what is not told yet stays untold.

import { Breather } from '../../core/breather.js';
import type { Host } from '../../core/host.js';
import { Part } from '../../core/parts.js';
import { Routed } from '../../core/routed.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';

export interface TellingLimits {
  readonly per_second: number;
  readonly max_underway: number;
}

/** What is told. */
export interface Announcement {
  readonly text: string;
  readonly subject?: string;
}

/** Users who are told at once: with 1,000 the loop was held up for 130 to 360 ms (p99, a busy machine), with 50 for 50. */
const MOST_AT_ONCE = 50;
/** At slow rates fewer: so many parts of a second have some each. */
const SLICES = 20;

/** Does something for one user; what it returns is waited for and must not reject. */
export type Tell = (username: string) => Promise<unknown> | undefined;

export const TELLING = new Part<Telling>('announcements on their way');

export class Telling {
  readonly #underway = new Set<Promise<void>>();
  #over = false;

  constructor(
    readonly host: Host,
    public limits: TellingLimits,
  ) {}

  /** Throws StanzaError resource-constraint when too many are on their way. */
  begin(): void {
    if (this.#underway.size < this.limits.max_underway) return;
    this.host.limited('announcements.max_underway');
    throw new StanzaError('wait', 'resource-constraint', 'other announcements are still being sent');
  }

  /** To each of them; resolves when that is over. Never rejects. */
  toAll(usernames: AsyncIterable<string> | Iterable<string>, kind: string, tell: Tell): Promise<void> {
    const work = this.#toAll(usernames, kind, tell).then(() => void this.#underway.delete(work));
    this.#underway.add(work);
    return work;
  }

  /** What is on its way. */
  unfinished(): Promise<void>[] {
    return [...this.#underway];
  }

  async #toAll(usernames: AsyncIterable<string> | Iterable<string>, kind: string, tell: Tell): Promise<void> {
    try {
      const all = await listed(usernames);
      const told = await this.#each(all, tell);
      if (told < all.length) this.host.log.warn('announcement_cut_short', { kind, told, users: all.length });
      else this.host.log.info('announcement_sent', { kind, users: told });
    } catch (error) {
      this.host.log.error('announcement_failed', { kind, error });
    }
  }

  /** No more is said. */
  stop(): void {
    this.#over = true;
  }

  /** Resolves to how many were told. */
  async #each(usernames: readonly string[], tell: Tell): Promise<number> {
    const { per_second } = this.limits;
    const slice = Math.min(MOST_AT_ONCE, Math.ceil(per_second / SLICES));
    for (let at = 0; at < usernames.length; at += slice) {
      if (this.#over) return at;
      if (at > 0) await lapse((slice * 1000) / per_second);
      await Promise.all(usernames.slice(at, at + slice).map(tell));
    }
    return usernames.length;
  }
}

async function listed(usernames: AsyncIterable<string> | Iterable<string>): Promise<string[]> {
  const breather = new Breather();
  const all: string[] = [];
  for await (const username of usernames) {
    all.push(username);
    await breather.breathe();
  }
  return all;
}

/** Those who have a client that is there. */
export function online({ sessions }: Host): Set<string> {
  const usernames = new Set<string>();
  for (const { jid, presence } of sessions) if (presence !== undefined) usernames.add(jid.local);
  return usernames;
}

/**
 * In the name of the domain. Headlines are for whoever is there, and are kept nowhere; others are kept for who is away.
 * Resolves when it is where it was to go.
 */
export function send(host: Host, to: JID, { text, subject }: Announcement, type?: 'headline'): Promise<void> {
  const about = subject === undefined || subject === '' ? '' : `<subject>${escapeText(subject)}</subject>`;
  const addresses = `${attribute('from', host.domain)}${attribute('to', to.toString())}${attribute('type', type)}`;
  const xml = `<message xmlns='${NS.client}'${addresses}>${about}<body>${escapeText(text)}</body></message>`;
  const routed = new Routed(new Stanza(Buffer.from(xml), NS.client), 'message', type, host.jid, to);
  host.send(routed);
  return routed.arrived();
}

export const accountIn = ({ domain }: Host, username: string): JID => JID.of(username, domain);

/** Resolves after that. */
export function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
