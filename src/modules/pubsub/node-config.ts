// The configuration of a node (XEP-0060 section 8.2): what can be said of one, and what everybody may know of it.

import { StanzaError } from '../../xmpp/errors.js';
import { type Filled, type Field as FormField, formXml } from '../data-form.js';
import { type Field, type Fields, nameOf, readFields, shownFields, type Value } from './fields.js';
import { PUBSUB, refusal } from './names.js';

export type AccessModel = 'open' | 'presence' | 'roster' | 'authorize' | 'whitelist';
export const ACCESS_MODELS: readonly AccessModel[] = ['open', 'presence', 'roster', 'authorize', 'whitelist'];

export interface NodeConfig {
  readonly title: string;
  readonly description: string;
  readonly language: string;
  readonly contact: readonly string[];
  /** What payloads are about. They need not be of this namespace: social feeds (XEP-0472) say there what kind of feed it is. */
  readonly type: string;
  readonly node_type: 'leaf';
  readonly access_model: AccessModel;
  readonly roster_groups_allowed: readonly string[];
  readonly publish_model: 'publishers' | 'subscribers' | 'open';
  readonly persist_items: boolean;
  readonly max_items: number | 'max';
  readonly publish_node_full: 'discard-oldest' | 'retract-oldest' | 'reject';
  /** Seconds. */
  readonly item_expire: number | 'max';
  readonly itemreply: 'none' | 'publisher';
  readonly send_last_published_item: 'never' | 'on_sub' | 'on_sub_and_presence';
  readonly subscribe: boolean;
  readonly deliver_notifications: boolean;
  readonly deliver_payloads: boolean;
  readonly notification_type: 'headline' | 'normal';
  readonly notify_config: boolean;
  readonly notify_delete: boolean;
  readonly notify_retract: boolean;
  readonly notify_sub: boolean;
}

type Name = keyof NodeConfig;

/** What can be said where. */
export interface Rules {
  readonly fields: Fields<Name>;
  readonly maxItems: number;
}

const choice = (label: string, ...choices: string[]): Field => ({ kind: 'choice', label, choices });
const flag = (label: string): Field => ({ kind: 'flag', label });

const FIELDS: Fields<Name> = {
  title: { kind: 'text', label: 'A name for people' },
  description: { kind: 'text', label: 'What it is about' },
  language: { kind: 'text', label: 'Its language' },
  contact: { kind: 'texts', label: 'Whom to ask about it' },
  type: { kind: 'text', label: 'What payloads are about' },
  node_type: choice('What it is', 'leaf'),
  access_model: choice('Who may subscribe and read', ...ACCESS_MODELS),
  roster_groups_allowed: { kind: 'texts', label: 'Roster groups that may subscribe and read' },
  publish_model: choice('Who may publish', 'publishers', 'subscribers', 'open'),
  persist_items: flag('Keep items'),
  max_items: { kind: 'count', label: 'Most items that are kept; "max" is as many as possible' },
  publish_node_full: choice('What becomes of a full node', 'discard-oldest', 'retract-oldest', 'reject'),
  item_expire: { kind: 'count', label: 'Seconds after which items are gone; "max": never', most: 999_999_999 },
  itemreply: choice('Whom items are said to be from', 'none', 'publisher'),
  send_last_published_item: choice('When the last item is sent', 'never', 'on_sub', 'on_sub_and_presence'),
  subscribe: flag('Let others subscribe'),
  deliver_notifications: flag('Tell of items'),
  deliver_payloads: flag('Send payloads with notifications'),
  notification_type: choice('The type of notifications', 'headline', 'normal'),
  notify_config: flag('Tell when the configuration changes'),
  notify_delete: flag('Tell when the node is deleted'),
  notify_retract: flag('Tell when items are retracted'),
  notify_sub: flag('Tell owners who subscribes, and who does not any more'),
};

export const BASE: NodeConfig = Object.freeze({
  title: '',
  description: '',
  language: '',
  contact: [],
  type: '',
  node_type: 'leaf',
  access_model: 'open',
  roster_groups_allowed: [],
  publish_model: 'publishers',
  persist_items: true,
  max_items: 20,
  publish_node_full: 'discard-oldest',
  item_expire: 'max',
  itemreply: 'none',
  send_last_published_item: 'on_sub',
  subscribe: true,
  deliver_notifications: true,
  deliver_payloads: true,
  notification_type: 'headline',
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
  notify_sub: false,
});

/** Where nodes have these access models, and so many items. */
export function rulesOf(accessModels: readonly AccessModel[], maxItems: number): Rules {
  const fields = {
    ...FIELDS,
    access_model: { ...FIELDS.access_model, choices: accessModels },
    max_items: { ...FIELDS.max_items, most: maxItems },
  };
  return { fields, maxItems };
}

/** The configuration with what was filled in; unknown fields say nothing. Throws StanzaError not-acceptable. */
export function configured(before: NodeConfig, said: Filled, { fields }: Rules): NodeConfig {
  const changes = readFields(fields, said, unacceptable);
  return { ...before, ...(Object.fromEntries(changes) as Partial<NodeConfig>) };
}

function unacceptable(name: Name): StanzaError {
  return name === 'access_model'
    ? refusal('modify', 'not-acceptable', 'unsupported-access-model')
    : new StanzaError('modify', 'not-acceptable', `pubsub#${name} cannot be so`);
}

/** Section 7.1.5: whether the node is as the publisher wants it; a field that is unknown is not met. */
export function isMet(config: NodeConfig, said: Filled, rules: Rules): boolean {
  if (hasUnknown(said, rules)) return false;
  const wanted = wantedIn(said, rules);
  if (wanted === undefined) return false;
  return [...wanted].every(([name, value]) => same(config[name], value, name === 'max_items' ? rules.maxItems : 'max'));
}

/** Fields of publish-options that no node could meet. */
export function hasUnknown(said: Filled, { fields }: Rules): boolean {
  return [...said.keys()].some((field) => field !== 'FORM_TYPE' && nameOf(fields, field) === undefined);
}

/** Undefined: it cannot be so. */
function wantedIn(said: Filled, { fields }: Rules): Map<Name, Value> | undefined {
  try {
    return readFields(fields, said, unacceptable);
  } catch {
    return undefined;
  }
}

function same(is: Value, said: Value, max: number | 'max'): boolean {
  const plain = (value: Value) => (value === 'max' ? max : value);
  return JSON.stringify(plain(is)) === JSON.stringify(plain(said));
}

/** How many items such a node keeps. */
export const mostItems = ({ max_items }: NodeConfig, { maxItems }: Rules): number =>
  max_items === 'max' ? maxItems : Math.min(max_items, maxItems);

/** Its form, to be filled in or to be looked at. */
export function configForm(config: NodeConfig, { fields }: Rules, type: 'form' | 'result' = 'form'): string {
  return formXml(type, `${PUBSUB}#node_config`, shownFields(fields, { ...config }, type));
}

/** What is known of a node besides its configuration. */
export interface Facts {
  readonly subscribers: number;
  readonly owners: readonly string[];
  readonly publishers: readonly string[];
  readonly creator: string | undefined;
  /** Milliseconds since 1970; undefined: it is older than the record of it. */
  readonly created: number | undefined;
}

const TOLD = [
  'title',
  'description',
  'language',
  'contact',
  'type',
  'access_model',
  'publish_model',
  'max_items',
] as const;

/** Section 5.4: what everybody may know of it. */
export function metadataForm(config: NodeConfig, facts: Facts): string {
  const told = Object.fromEntries(TOLD.map((name) => [name, FIELDS[name]])) as Fields<(typeof TOLD)[number]>;
  const more: FormField[] = [
    { name: 'pubsub#num_subscribers', type: 'text-single', value: facts.subscribers },
    { name: 'pubsub#owner', type: 'jid-multi', value: facts.owners },
    { name: 'pubsub#publisher', type: 'jid-multi', value: facts.publishers },
  ];
  const { creator, created } = facts;
  if (creator !== undefined) more.push({ name: 'pubsub#creator', type: 'jid-single', value: creator });
  if (created !== undefined) {
    more.push({ name: 'pubsub#creation_date', type: 'text-single', value: new Date(created).toISOString() });
  }
  return formXml('result', `${PUBSUB}#meta-data`, [...shownFields(told, config, 'result'), ...more]);
}
