// The clients that serve behind one address, as their presence told, and who of them is asked next: of those with the
// highest priority, one by the policy. Clients with a negative priority are not asked.

import { randomInt } from 'node:crypto';
import type { ClientProxyOptions } from '../config/modules.js';
import { rendezvous } from '../core/rendezvous.js';
import type { JID } from '../xmpp/jid.js';

/** A client that serves. */
export class Serving {
  readonly address: string;
  /** Requests that it was sent and has not answered. */
  pending = 0;

  constructor(
    readonly jid: JID,
    public priority: number,
  ) {
    this.address = jid.toString();
  }
}

export class ClientPool {
  readonly #clients = new Map<string, Serving>();
  /** Those that are asked while all goes well. */
  #first: readonly Serving[] = [];
  #turn = 0;

  constructor(
    readonly policy: ClientProxyOptions['policy'],
    readonly most: number,
  ) {}

  /** Those that may be asked. */
  get size(): number {
    let size = 0;
    for (const { priority } of this.#clients.values()) if (priority >= 0) size++;
    return size;
  }

  /** It is there. False: there are too many. */
  seen(jid: JID, priority: number): boolean {
    const known = this.#clients.get(jid.resource);
    if (known === undefined && this.#clients.size >= this.most) return false;
    if (known === undefined) this.#clients.set(jid.resource, new Serving(jid, priority));
    else known.priority = priority;
    this.#first = this.#highest([]);
    return true;
  }

  /** It is not there any more; who it was. */
  gone(resource: string): Serving | undefined {
    const client = this.#clients.get(resource);
    this.#clients.delete(resource);
    this.#first = this.#highest([]);
    return client;
  }

  /** Nobody is known to be there; who was. */
  clear(): Serving[] {
    const all = [...this.#clients.values()];
    this.#clients.clear();
    this.#first = [];
    return all;
  }

  has(client: Serving): boolean {
    return this.#clients.get(client.jid.resource) === client;
  }

  find(resource: string): Serving | undefined {
    return this.#clients.get(resource);
  }

  /** Who is asked by this user, but for some. */
  choose(user: string, except: readonly Serving[] = NONE): Serving | undefined {
    const from = except.length === 0 ? this.#first : this.#highest(except);
    if (from.length <= 1) return from[0];
    switch (this.policy) {
      case 'random':
        return from[randomInt(from.length)];
      case 'sticky':
        return rendezvous(from, ({ address }) => address, user);
      case 'round_robin':
        return from[this.#turn++ % from.length];
      default:
        return this.#idlest(from);
    }
  }

  /** Who is equally idle is asked in turns. */
  #idlest(from: readonly Serving[]): Serving {
    const start = this.#turn++ % from.length;
    let chosen = from[start];
    for (let i = 1; i < from.length; i++) {
      const other = from[(start + i) % from.length];
      if (other.pending < chosen.pending) chosen = other;
    }
    return chosen;
  }

  #highest(except: readonly Serving[]): Serving[] {
    const all = [...this.#clients.values()].filter((each) => each.priority >= 0 && !except.includes(each));
    const highest = Math.max(...all.map(({ priority }) => priority));
    return all.filter(({ priority }) => priority === highest);
  }
}

const NONE: readonly Serving[] = [];
