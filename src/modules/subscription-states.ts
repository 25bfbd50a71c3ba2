// The subscription states of RFC 6121 appendix A, as pure tables: what becomes of a roster item, and of the stanza, when a
// subscription stanza goes out to a contact or comes in from one. Pre-approval (section 3.4) is part of it.

/** What is known of the subscriptions between an account and a contact. */
export interface SubscriptionState {
  /** The account gets the contact's presence. */
  readonly to: boolean;
  /** The contact gets the account's presence. */
  readonly from: boolean;
  /** The account asked, and the contact has not answered (pending out). */
  readonly ask: boolean;
  /** The contact asked, and the account has not answered (pending in). */
  readonly pending: boolean;
  /** What the contact will ask for is granted already. */
  readonly approved: boolean;
}

export const NO_SUBSCRIPTION: SubscriptionState = Object.freeze({
  to: false,
  from: false,
  ask: false,
  pending: false,
  approved: false,
});

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed';

const TYPES = new Set<string>(['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']);

export const isSubscriptionType = (type: string | undefined): type is SubscriptionType =>
  type !== undefined && TYPES.has(type);

/** `route`: the stanza goes on to the contact. */
export interface Outbound {
  readonly state: SubscriptionState;
  readonly route: boolean;
}

/** Appendix A.2: the account sends it. */
export function outbound(type: SubscriptionType, before: SubscriptionState): Outbound {
  const { to, from, pending } = before;
  switch (type) {
    case 'subscribe':
      return { state: to ? before : { ...before, ask: true }, route: true };
    case 'unsubscribe':
      return { state: { ...before, to: false, ask: false }, route: true };
    case 'subscribed':
      if (pending) return { state: { ...before, from: true, pending: false, approved: false }, route: true };
      return { state: from ? before : { ...before, approved: true }, route: false };
    case 'unsubscribed':
      return { state: { ...before, from: false, pending: false, approved: false }, route: from || pending };
  }
}

/** `deliver`: the account's clients get to see it. `approve`: it is answered with subscribed on the account's behalf. */
export interface Inbound {
  readonly state: SubscriptionState;
  readonly deliver: boolean;
  readonly approve: boolean;
}

/** Appendix A.3: the contact sends it. */
export function inbound(type: SubscriptionType, before: SubscriptionState): Inbound {
  const { to, from, ask, pending, approved } = before;
  const said = (state: SubscriptionState, deliver: boolean, approve = false): Inbound => ({ state, deliver, approve });
  switch (type) {
    case 'subscribe':
      if (from) return said(before, false, true);
      if (approved) return said({ ...before, from: true, pending: false, approved: false }, false, true);
      return said({ ...before, pending: true }, !pending);
    case 'unsubscribe':
      return said({ ...before, from: false, pending: false }, from || pending);
    case 'subscribed':
      return ask ? said({ ...before, to: true, ask: false }, true) : said(before, false);
    case 'unsubscribed':
      return said({ ...before, to: false, ask: false }, to || ask);
  }
}

/** The value of the attribute `subscription` (section 2.1.2.5). */
export function subscriptionOf({ to, from }: SubscriptionState): 'none' | 'to' | 'from' | 'both' {
  if (to) return from ? 'both' : 'to';
  return from ? 'from' : 'none';
}
