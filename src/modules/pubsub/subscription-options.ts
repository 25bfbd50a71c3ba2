// What a subscriber can say of his subscription (XEP-0060 sections 6.3 and 12.18): whether he hears of items now, until when,
// and in which states of his presence, where that is known.

import { type Filled, formXml } from '../data-form.js';
import { type Field, type Fields, readFields, shownFields } from './fields.js';
import { badRequest, PUBSUB } from './names.js';

export const SHOWS = ['online', 'chat', 'away', 'xa', 'dnd'] as const;
export type Show = (typeof SHOWS)[number];

export interface SubscriptionOptions {
  readonly deliver: boolean;
  /** When it ends, in milliseconds since 1970; undefined: it does not. */
  readonly expire: number | undefined;
  readonly include_body: boolean;
  readonly 'show-values': readonly Show[];
}

type Name = keyof SubscriptionOptions;

export const DEFAULTS: SubscriptionOptions = Object.freeze({
  deliver: true,
  expire: undefined,
  include_body: false,
  'show-values': SHOWS,
});

const FIELDS: Fields<Name> = {
  deliver: { kind: 'flag', label: 'Tell of items' },
  expire: { kind: 'time', label: 'When the subscription ends; empty: it does not' },
  include_body: { kind: 'flag', label: 'Send text for people with items' },
  'show-values': { kind: 'choices', label: 'Tell when a client is', choices: SHOWS },
};

/** What can be said where. */
export interface OptionRules {
  /** Presence of subscribers is known. */
  readonly presence: boolean;
  /** Payloads are understood. */
  readonly bodies: boolean;
}

/** Throws StanzaError invalid-options. */
export function withOptions(before: SubscriptionOptions, said: Filled, rules: OptionRules): SubscriptionOptions {
  const changes = readFields(offered(rules), said, () => badRequest('invalid-options'));
  const after = { ...before, ...(Object.fromEntries(changes) as Partial<SubscriptionOptions>) };
  if (changes.has('expire') && after.expire !== undefined && after.expire <= Date.now()) {
    throw badRequest('invalid-options');
  }
  return after;
}

export function optionsForm(
  options: SubscriptionOptions,
  rules: OptionRules,
  type: 'form' | 'result' = 'form',
): string {
  return formXml(type, `${PUBSUB}#subscribe_options`, shownFields(offered(rules), { ...options }, type));
}

function offered({ presence, bodies }: OptionRules): Fields<Name> {
  const unknown = [...(presence ? [] : ['show-values']), ...(bodies ? [] : ['include_body'])];
  const fields: [string, Field][] = Object.entries(FIELDS).filter(([name]) => !unknown.includes(name));
  return Object.fromEntries(fields) as unknown as Fields<Name>;
}
