// Messages (RFC 6121 sections 5 and 8.5): which of an account's resources get one, and what becomes of it when none
// does. What only a server may say is taken out of what clients send.

import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import type { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';
import { Stanza } from '../xmpp/stanza.js';
import { DELAY } from './delay.js';
import { STANZA_ID } from './stanza-id.js';
import { undelivered } from './undelivered.js';

const unavailable = () => new StanzaError('cancel', 'service-unavailable');

export const message: Module = {
  name: 'message',
  about: 'Delivers messages to the resources of an account.',
  specifications: [{ id: 'RFC 6121', name: 'XMPP IM, sections 5 and 8.5' }],
  load(host) {
    const delivery = new Delivery(host);
    host.hooks.on('message/full', (routed) => delivery.full(routed));
    host.hooks.on('message/bare', (routed) => delivery.bare(routed));
    host.hooks.on('message/host', ({ type }) => type === 'error' || type === 'headline');
    host.hooks.on('undelivered', undelivered(host));
    for (const to of ['full', 'bare', 'host'] as const) host.hooks.on(`pre-message/${to}`, own(host), 100);
  },
};

/** The highest priority that is not negative, of all that have it (section 8.5.2.1.1). */
export function mostAvailable(sessions: readonly Session[]): Session[] {
  let most: Session[] = [];
  let highest = 0;
  for (const session of sessions) {
    if (session.presence === undefined || session.priority < highest) continue;
    if (session.priority > highest || most.length === 0) most = [];
    highest = session.priority;
    most.push(session);
  }
  return most;
}

class Delivery {
  constructor(readonly host: Host) {}

  /** Section 8.5.3. */
  full(routed: Routed): boolean {
    const session = this.host.sessions.find(routed.to);
    if (session === undefined) return this.#elsewhere(routed);
    session.send(routed.stanza);
    return true;
  }

  /** Section 8.5.3.2.1. */
  #elsewhere(routed: Routed): boolean {
    const { type } = routed;
    if (type === 'chat') return this.bare(routed);
    if (type === 'headline' || type === 'error') return true;
    throw unavailable();
  }

  /** Section 8.5.2. */
  bare(routed: Routed): boolean {
    const { type, to, stanza } = routed;
    if (type === 'groupchat') throw unavailable();
    if (type === 'error') return true;
    const sessions = this.host.sessions.of(to.local);
    const chosen = type === 'headline' ? sessions.filter(takesMessages) : mostAvailable(sessions);
    for (const session of chosen) session.send(stanza);
    if (chosen.length > 0 || type === 'headline') return true;
    if (!this.host.run('message/offline', routed)) throw unavailable();
    return true;
  }
}

const takesMessages = ({ presence, priority }: Session): boolean => presence !== undefined && priority >= 0;

/** Takes out delays and ids that this server would have written (XEP-0203 section 4, XEP-0359 section 4). */
function own(host: Host) {
  return (routed: Routed): void => {
    if (routed.stanza.isPlain) return;
    const { raw } = routed.stanza;
    // With a reference in it a namespace looks otherwise.
    if (!raw.includes(DELAY) && !raw.includes(STANZA_ID) && !raw.includes('&#')) return;
    const { tree } = routed.stanza;
    const forged = tree.getChildElements().filter((child) => isOurs(host, writerOf(child)));
    if (forged.length === 0) return;
    for (const child of forged) tree.remove(child);
    routed.stanza = Stanza.from(tree);
  };
}

/** Who says to have written it. */
function writerOf(child: Element): string | undefined {
  const ns = child.getNS();
  return ns === DELAY ? child.attrs.from : ns === STANZA_ID ? child.attrs.by : undefined;
}

/** However it is written: whoever reads it may prepare it. */
function isOurs({ domains }: Host, address: string | undefined): boolean {
  if (address === undefined) return false;
  try {
    const { domain } = JID.parse(address);
    for (const each of domains) if (each === domain) return true;
  } catch {
    // No address is nobody's.
  }
  return false;
}
