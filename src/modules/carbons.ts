// Message carbons (XEP-0280): the other resources of an account, where they want that, get copies of what one of them sends
// and receives. As long as none does, a message costs one look.

import { DONE } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { attribute } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { type Direction, isEligible } from './carbons-rules.js';
import { mostAvailable } from './message.js';
import { identified } from './stanza-id.js';

const CARBONS_NS = 'urn:xmpp:carbons:2';
const FORWARD = 'urn:xmpp:forward:0';

/** Messages of an account that are remembered, so that errors that answer them can be told. */
const REMEMBERED = 100;

/** Which resources want copies. */
export interface Carbons {
  enable(session: Session): void;
  disable(session: Session): void;
}
export const CARBONS = new Part<Carbons>('carbons');

const COPIES = new Part<Copies>('copies');

export const carbons: Module = {
  name: 'carbons',
  about: 'Shows each resource of an account what the others send and receive.',
  specifications: [
    { id: 'XEP-0280', name: 'Message Carbons', version: '1.0.1' },
    { id: 'XEP-0297', name: 'Stanza Forwarding', version: '1.0' },
  ],
  needs: ['message'],
  load(host) {
    const { hooks } = host;
    const copies = host.keep(COPIES, () => new Copies(host));
    host.provide(CARBONS, copies);
    for (const what of ['enable', 'disable'] as const) {
      hooks.iq('set', 'own', CARBONS_NS, what, ({ session }) => {
        if (session === undefined) return undefined;
        copies[what](session);
        return DONE;
      });
    }
    hooks.on('inline-features', ({ features }) => void features.add(CARBONS_NS));
    hooks.on('inline-bound', ({ session, asked }) => {
      if (asked.getChild('enable', CARBONS_NS) !== undefined) copies.enable(session);
    });
    hooks.on('session-closed', ({ session }) => copies.disable(session));
    // Behind all that may refuse a message or change it, in front of its delivery.
    for (const to of ['full', 'bare', 'host'] as const)
      hooks.on(`pre-message/${to}`, (routed) => copies.sent(routed), -100);
    for (const to of ['full', 'bare'] as const) hooks.on(`message/${to}`, (routed) => copies.received(routed), 10);
    for (const where of ['disco/host', 'disco/account'] as const) {
      hooks.on(where, ({ features }) => void features.add(CARBONS_NS));
    }
  },
};

/** An account of which somebody wants copies. */
interface Account {
  readonly sessions: readonly Session[];
  /** Eligible messages that it sent. */
  readonly sent: Set<string>;
}

class Copies implements Carbons {
  readonly #accounts = new Map<string, Account>();

  constructor(readonly host: Host) {}

  enable(session: Session): void {
    const { local } = session.jid;
    const { sessions, sent } = this.#accounts.get(local) ?? { sessions: [], sent: new Set() };
    if (!session.over && !sessions.includes(session))
      this.#accounts.set(local, { sessions: [...sessions, session], sent });
  }

  disable(session: Session): void {
    const { local } = session.jid;
    const account = this.#accounts.get(local);
    const left = account?.sessions.filter((each) => each !== session) ?? [];
    if (account !== undefined && left.length > 0) this.#accounts.set(local, { ...account, sessions: left });
    else this.#accounts.delete(local);
  }

  /** Section 8: a client of ours sends this. */
  sent(routed: Routed): void {
    const { session, own, to, stanza } = routed;
    if (session === undefined) return;
    const account = this.#accounts.get(session.jid.local);
    if (account === undefined || isPassing(routed)) return;
    // Who gets the message itself needs no copy.
    const reached = (own ? this.#reached(to, 'chat') : undefined) ?? [];
    const others = account.sessions.filter((each) => each !== session && !reached.includes(each));
    if (others.length === 0 || !isEligible(stanza, 'sent')) return;
    this.#remember(account, keyOf(to, stanza));
    copy(others, 'sent', identified(stanza, session.bareAddress, routed.sentAs?.id));
  }

  /** Section 7: this is for an account of ours. What it sends itself was copied when it was sent. */
  received(routed: Routed): void {
    const { own, from, to, type, stanza } = routed;
    const account = this.#accounts.get(to.local);
    if (account === undefined || own || isPassing(routed)) return;
    const reached = this.#reached(to, type);
    if (reached === undefined) return;
    const others = account.sessions.filter((each) => !reached.includes(each));
    if (others.length === 0) return;
    const isAnswer = type === 'error' && account.sent.has(keyOf(from, stanza));
    if (isAnswer || isEligible(stanza, 'received')) copy(others, 'received', stanza);
  }

  /** Whom it is delivered to (RFC 6121 section 8.5); undefined: it is refused, or nothing is left of it. */
  #reached(to: JID, type: string | undefined): readonly Session[] | undefined {
    const session = to.isBare ? undefined : this.host.sessions.find(to);
    if (session !== undefined) return [session];
    if (type === 'error' || (!to.isBare && type !== 'chat')) return undefined;
    return mostAvailable(this.host.sessions.of(to.local));
  }

  #remember({ sent }: Account, key: string): void {
    sent.add(key);
    if (sent.size <= REMEMBERED) return;
    for (const oldest of sent) {
      sent.delete(oldest);
      return;
    }
  }
}

/** Of a type that is never copied. */
const isPassing = ({ type }: Routed): boolean => type === 'groupchat' || type === 'headline';

const keyOf = (peer: JID, { id }: Stanza): string => `${peer.bare} ${id}`;

function copy(sessions: readonly Session[], direction: Direction, { raw, type }: Stanza): void {
  const inside = `<${direction} xmlns='${CARBONS_NS}'><forwarded xmlns='${FORWARD}'>`;
  const tail = Buffer.from(`</forwarded></${direction}></message>`);
  for (const session of sessions) {
    const addresses = attribute('from', session.bareAddress) + attribute('to', session.address);
    const head = `<message xmlns='${NS.client}'${addresses}${attribute('type', type)}>${inside}`;
    session.send(new Stanza(Buffer.concat([Buffer.from(head), raw, tail]), NS.client));
  }
}
