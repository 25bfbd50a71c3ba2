// Subscriptions between accounts and their contacts (RFC 6121 section 3): what the state tables say is done here, to the
// roster and to whoever has to hear of it. What presence follows from it is told to whoever owns presence.

import type { Host } from '../core/host.js';
import { Routed } from '../core/routed.js';
import type { Session } from '../core/session.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import type { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import type { RosterPush } from './roster.js';
import { type Decision, type Roster, type RosterChange, type RosterItem, type Rosters, STRANGER } from './rosters.js';
import { stanzaErrorOf } from './store-error.js';
import { inbound, outbound, type SubscriptionType, subscriptionOf } from './subscription-states.js';

/** What follows from a subscription that begins or ends. */
export interface PresenceOf {
  /** The contact gets the presence of the account's available resources. */
  show(username: string, contact: JID): void;
  /** The contact gets to see them leave. */
  hide(username: string, contact: JID): void;
}

export class Subscriptions {
  constructor(
    readonly host: Host,
    readonly rosters: Rosters,
    readonly push: RosterPush,
    readonly presence: PresenceOf,
    /** Of requests that wait for an answer. */
    readonly most: { readonly requests: number; readonly bytes: number },
  ) {}

  /** A client of ours sends one. Settled when it is written and on its way: for an account of ours, when it arrived there. */
  sends(routed: Routed, type: SubscriptionType): Promise<void> {
    const [account, contact] = [routed.from.bare, routed.to.bare];
    const work = () => this.#send(routed, type, account, contact);
    return this.rosters.between(account.toString(), contact.toString(), work);
  }

  async #send(routed: Routed, type: SubscriptionType, account: JID, contact: JID): Promise<void> {
    const jid = contact.toString();
    const roster = await this.rosters.load(account.local);
    const stanza = routed.stanza.with({ from: account.toString(), to: contact.toString() });
    const onward = new Routed(stanza, 'presence', type, account, contact, routed.session);
    let route = false;
    const decide = (): Decision => {
      const before = roster.get(jid);
      const { state, ...rest } = outbound(type, before);
      route = rest.route;
      const listed = before.listed || type === 'subscribe' || state.approved || state.from;
      if (listed && !before.listed) this.push.makeRoom(roster);
      return decided(jid, before, { ...before, ...state, listed });
    };
    await roster.change(decide, (changes) => {
      this.#show(roster, changes);
      if (!route) return;
      this.host.send(onward);
      this.#follow(type, account, contact, changes);
    });
    await onward.arrived();
  }

  #follow(type: SubscriptionType, account: JID, contact: JID, changes: readonly RosterChange[]): void {
    const ended = changes.some(({ before, after }) => before?.from && !after?.from);
    if (type === 'subscribed') this.presence.show(account.local, contact);
    else if (ended) this.presence.hide(account.local, contact);
  }

  /** One came for an account of ours. */
  async receives(routed: Routed, type: SubscriptionType): Promise<void> {
    const { from, to } = routed;
    const [account, contact] = [to.bare, from.bare];
    if (!(await this.#isThere(account.local))) return;
    const roster = await this.rosters.load(account.local);
    const jid = contact.toString();
    let outcome = { deliver: false, approve: false, began: false, ended: false };
    const stanza = routed.stanza.with({ from: jid, to: account.toString() });
    const decide = (): Decision => {
      const before = roster.get(jid);
      const { state, deliver, approve } = inbound(type, before);
      outcome = { deliver, approve, began: state.from && !before.from, ended: before.from && !state.from };
      if (state.pending && !before.pending) this.#limitRequests(roster, before, stanza);
      const request = state.pending ? (before.request ?? stanza.raw.toString()) : undefined;
      return decided(jid, before, { ...before, ...state, request });
    };
    await roster.change(decide, (changes) => {
      if (outcome.deliver) this.#deliver(stanza, type, account.local);
      this.#show(roster, changes);
      if (outcome.approve) routed.later(this.#say('subscribed', account, contact));
      if (outcome.began) this.presence.show(account.local, contact);
      if (outcome.ended) this.presence.hide(account.local, contact);
    });
  }

  /** Section 2.5.2: a contact was taken off the roster. Settled when that is known to an account of ours. */
  async removed(username: string, jid: string, { to, ask, from, pending }: RosterItem): Promise<void> {
    const account = this.host.addresses.read(`${username}@${this.host.domain}`);
    const contact = this.host.addresses.read(jid);
    const said = [
      to || ask ? this.#say('unsubscribe', account, contact) : undefined,
      from || pending ? this.#say('unsubscribed', account, contact) : undefined,
    ];
    if (from) this.presence.hide(username, contact);
    await Promise.all(said);
  }

  /** Section 3.1.3: what came while nobody was there. */
  remind(session: Session): void {
    const roster = this.rosters.get(session.jid.local);
    for (const { request } of roster?.items.values() ?? []) {
      if (request !== undefined) session.send(new Stanza(Buffer.from(request), NS.client));
    }
  }

  /** A request is for all available resources, an answer for all that have the roster. */
  #deliver(stanza: Stanza, type: SubscriptionType, username: string): void {
    const available = this.host.sessions.of(username).filter(({ presence }) => presence !== undefined);
    for (const session of type === 'subscribe' ? available : this.push.interested(username)) session.send(stanza);
  }

  /** To clients, of what they can see of it. */
  #show(roster: Roster, changes: readonly RosterChange[]): void {
    this.push(
      roster,
      changes.filter(({ before, after }) => seen(before) !== seen(after)),
    );
  }

  /** Resolves when it is there. */
  #say(type: SubscriptionType, from: JID, to: JID): Promise<void> {
    const addresses = attribute('from', from.toString()) + attribute('to', to.toString());
    const stanza = new Stanza(Buffer.from(`<presence xmlns='${NS.client}' type='${type}'${addresses}/>`), NS.client);
    const routed = new Routed(stanza, 'presence', type, from, to);
    this.host.send(routed);
    return routed.arrived();
  }

  async #isThere(username: string): Promise<boolean> {
    return this.host.sessions.of(username).length > 0 || this.host.accounts.exists(username);
  }

  /** All of them come at once when a client does. */
  #limitRequests(roster: Roster, { listed: known }: RosterItem, { raw }: Stanza): void {
    if (raw.length > this.most.bytes) {
      this.host.limited('presence.max_request_bytes');
      throw new StanzaError('modify', 'not-acceptable', `a request has at most ${this.most.bytes} bytes`);
    }
    if (known) return;
    let requests = 0;
    for (const { listed, pending } of roster.items.values()) if (!listed && pending) requests++;
    if (requests < this.most.requests) return;
    this.host.limited('presence.max_requests');
    throw new StanzaError('wait', 'resource-constraint', 'too many requests wait for an answer');
  }
}

/** One item with its new state; it is forgotten when nothing is left of it. */
function decided(jid: string, before: RosterItem, after: RosterItem): Decision {
  const request = after.pending ? after.request : undefined;
  const isNothing = !after.listed && !after.to && !after.from && !after.ask && !after.pending && !after.approved;
  if (isNothing) return before === STRANGER ? NOTHING : new Map([[jid, undefined]]);
  const same =
    seen(before) === seen(after) &&
    before.pending === after.pending &&
    before.request === request &&
    before !== STRANGER;
  return same ? NOTHING : new Map([[jid, { ...after, request }]]);
}

const NOTHING: Decision = new Map();

/** What clients see of its state. */
const seen = (item: RosterItem | undefined): string =>
  item?.listed ? `${subscriptionOf(item)} ${item.ask} ${item.approved}` : '';

/** Tells the sender of a subscription what became of it, when that is an error. */
export function refusing(host: Host, routed: Routed): (error: unknown) => void {
  return (thrown) => {
    const error = stanzaErrorOf(thrown);
    if (!(error instanceof StanzaError)) host.log.error('subscription_failed', { error });
    host.refuse(routed, error instanceof StanzaError ? error : new StanzaError('cancel', 'internal-server-error'));
  };
}
