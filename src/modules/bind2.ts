// Binding as part of a log-in (XEP-0386): a client gets a resource, and what it wants to be on from the beginning is on
// before anybody can send it anything. Messages that were kept for its account come as they do to others: nothing is
// taken to be read elsewhere.

import { randomBytes } from 'node:crypto';
import type { InlineBoundEvent } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Session } from '../core/session.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import type { JID } from '../xmpp/jid.js';
import { BIND, type Bind } from './bind.js';
import { type Authentication, BIND2, BIND2_NS, type Bind2, type Said } from './sasl2.js';

/** Longest tag that becomes part of a resource, in bytes. */
const LONGEST_TAG = 256;

const AGENTS = new Part<WeakMap<Session, string>>('ids of clients');

export const bind2: Module = {
  name: 'bind2',
  about: 'Gives clients their address, and what they want with it, as they log in.',
  specifications: [{ id: 'XEP-0386', name: 'Bind 2', version: '1.1.0' }],
  needs: ['sasl2', 'bind'],
  load(host) {
    host.provide(
      BIND2,
      new Binding(
        host,
        host.use(BIND),
        host.keep(AGENTS, () => new WeakMap()),
      ),
    );
  },
};

class Binding implements Bind2 {
  readonly #host: Host;
  readonly #bind: Bind;
  /** By which clients are known again. */
  readonly #agents: WeakMap<Session, string>;

  constructor(host: Host, bind: Bind, agents: WeakMap<Session, string>) {
    this.#host = host;
    this.#bind = bind;
    this.#agents = agents;
  }

  get feature(): string {
    const features = new Set<string>();
    this.#host.tell('inline-features', { features });
    const list = [...features].map((name) => `<feature var='${name}'/>`).join('');
    return `<bind xmlns='${BIND2_NS}'><inline>${list}</inline></bind>`;
  }

  async bind({ stream, agent }: Authentication, asked: Element, said: Said): Promise<boolean> {
    if (stream.identity === undefined) return false;
    const resource = resourceFor(stream.identity.jid, asked.getChildText('tag', BIND2_NS) ?? '');
    try {
      const told = await this.#told(stream.identity.jid.local);
      const session = await this.#bind(stream, resource, (bound) => this.#welcome(bound, asked, told, said));
      if (agent !== undefined) this.#succeed(session, agent);
      return true;
    } catch (error) {
      if (error instanceof StanzaError) return false;
      throw error;
    }
  }

  /** What can be read is told; what cannot, is asked for later. */
  async #told(username: string): Promise<string[]> {
    const answers: Promise<string>[] = [];
    this.#host.tell('inline-binding', { username, answers });
    const read = await Promise.allSettled(answers);
    return read.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  #welcome(session: Session, asked: Element, told: readonly string[], said: Said): void {
    const event: InlineBoundEvent = { session, asked, answers: [...told], afterwards: [] };
    this.#host.tell('inline-bound', event);
    said(session, `<bound xmlns='${BIND2_NS}'>${event.answers.join('')}</bound>`);
    for (const act of event.afterwards) act();
  }

  /** Section 3.2: what the same client had before is over. */
  #succeed(session: Session, agent: string): void {
    this.#agents.set(session, agent);
    const error = new StreamError('conflict', 'the same client has come again');
    for (const other of this.#host.sessions.of(session.jid.local)) {
      if (other !== session && this.#agents.get(other) === agent) other.end(error);
    }
  }
}

/** Section 3.2.1. A tag that cannot be part of a resource is left out. */
function resourceFor(account: JID, tag: string): string {
  const random = randomBytes(9).toString('base64url');
  if (tag === '' || Buffer.byteLength(tag) > LONGEST_TAG) return random;
  try {
    return account.withResource(`${tag}/${random}`).resource;
  } catch {
    return random;
  }
}
