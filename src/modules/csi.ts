// Client state indication (XEP-0352): a client that nobody looks at is not told of presence and typing until somebody
// does, or something more important comes.

import type { C2s } from '../core/c2s.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Outbound, Session } from '../core/session.js';
import { StreamError } from '../xmpp/errors.js';
import type { Stanza } from '../xmpp/stanza.js';

const CSI = 'urn:xmpp:csi:0';
const FEATURE = `<csi xmlns='${CSI}'/>`;

/** Stanzas that are held back at most, and bytes of them. */
const MOST = 200;
const MOST_BYTES = 65_536;

const QUIET = new Part<Host['sessions']>('sessions that nobody looks at');

export const csi: Module = {
  name: 'csi',
  about: 'Holds presence and typing back from clients that nobody looks at.',
  specifications: [{ id: 'XEP-0352', name: 'Client State Indication', version: '1.0.0' }],
  needs: ['bind'],
  load(host) {
    const { hooks } = host;
    host.keep(QUIET, () => host.sessions, release);
    hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity !== undefined && stream.session === undefined) features.push(FEATURE);
    });
    hooks.nonza(CSI, ({ stream, stanza }) => {
      if (stanza.name === 'inactive') quiet(stream);
      else if (stanza.name === 'active') wake(stream);
      else throw new StreamError('unsupported-stanza-type');
    });
    hooks.on('inline-features', ({ features }) => void features.add(CSI));
    hooks.on('inline-bound', ({ session, asked }) => {
      if (asked.getChild('inactive', CSI) !== undefined) quiet({ session });
    });
  },
};

/** Nobody can tell any more that somebody looks again. */
function release(sessions: Host['sessions']): void {
  for (const session of sessions) if (session.filter instanceof Quiet) session.unfiltered();
}

function quiet({ session }: Pick<C2s, 'session'>): void {
  if (session !== undefined && !(session.filter instanceof Quiet)) session.filter = new Quiet(session);
}

function wake({ session }: C2s): void {
  const { filter } = session ?? {};
  if (session === undefined || !(filter instanceof Quiet)) return;
  session.filter = undefined;
  filter.release();
}

/** What waits: of each sender the last presence, of each the last typing notice. */
class Quiet implements Omit<Outbound, 'reached'> {
  #waiting = new Map<string, Stanza>();
  #bytes = 0;

  constructor(readonly session: Session) {}

  stanza(stanza: Stanza): boolean {
    const key = keyOf(stanza);
    if (key !== undefined && this.#waiting.size < MOST && this.#bytes + stanza.raw.length <= MOST_BYTES) {
      this.#bytes += stanza.raw.length - (this.#waiting.get(key)?.raw.length ?? 0);
      this.#waiting.delete(key);
      this.#waiting.set(key, stanza);
      return true;
    }
    this.release();
    return this.session.outbound.stanza(stanza);
  }

  undelivered(): readonly Stanza[] {
    return [...this.#waiting.values()];
  }

  /** In the order they came. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#bytes = 0;
    for (const stanza of waiting.values()) this.session.outbound.stanza(stanza);
  }
}

/** What a stanza replaces, and is replaced by; undefined: it is important. */
function keyOf(stanza: Stanza): string | undefined {
  const { kind, type, from } = stanza;
  if (kind === 'presence') return type === undefined || type === 'unavailable' ? `presence ${from}` : undefined;
  if (kind !== 'message' || type === 'groupchat' || type === 'error') return undefined;
  const children = stanza.tree.getChildElements();
  const idle = children.every((child) => child.getNS() === CHAT_STATES || child.is('thread'));
  return idle && children.length > 0 ? `typing ${from}` : undefined;
}

const CHAT_STATES = 'http://jabber.org/protocol/chatstates';
