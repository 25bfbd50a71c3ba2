// The configuration of a node (XEP-0060 section 8.2): its fields, how they are read from a form and written into one.

import { StanzaError } from '../../xmpp/errors.js';
import { type Filled, type FormField, formXml } from './form.js';
import { PUBSUB, refusal } from './names.js';

export type AccessModel = 'open' | 'presence' | 'roster' | 'authorize' | 'whitelist';
export const ACCESS_MODELS: readonly AccessModel[] = ['open', 'presence', 'roster', 'authorize', 'whitelist'];

export interface NodeConfig {
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly access_model: AccessModel;
  readonly roster_groups_allowed: readonly string[];
  readonly publish_model: 'publishers' | 'subscribers' | 'open';
  readonly persist_items: boolean;
  readonly max_items: number | 'max';
  readonly send_last_published_item: 'never' | 'on_sub' | 'on_sub_and_presence';
  readonly subscribe: boolean;
  readonly deliver_notifications: boolean;
  readonly deliver_payloads: boolean;
  readonly notify_config: boolean;
  readonly notify_delete: boolean;
  readonly notify_retract: boolean;
}

type Name = keyof NodeConfig;

/** What can be said where. */
export interface Rules {
  readonly accessModels: readonly AccessModel[];
  readonly maxItems: number;
}

interface Field {
  readonly kind: 'text' | 'texts' | 'flag' | 'choice' | 'items';
  readonly label: string;
  readonly choices?: readonly string[];
}

const FIELDS: Readonly<Record<Name, Field>> = {
  title: { kind: 'text', label: 'A name for people' },
  description: { kind: 'text', label: 'What it is about' },
  type: { kind: 'text', label: 'The namespace of payloads' },
  access_model: { kind: 'choice', label: 'Who may subscribe and read', choices: ACCESS_MODELS },
  roster_groups_allowed: { kind: 'texts', label: 'Roster groups that may subscribe and read' },
  publish_model: { kind: 'choice', label: 'Who may publish', choices: ['publishers', 'subscribers', 'open'] },
  persist_items: { kind: 'flag', label: 'Keep items' },
  max_items: { kind: 'items', label: 'Most items that are kept; "max" is as many as possible' },
  send_last_published_item: {
    kind: 'choice',
    label: 'When the last item is sent',
    choices: ['never', 'on_sub', 'on_sub_and_presence'],
  },
  subscribe: { kind: 'flag', label: 'Let others subscribe' },
  deliver_notifications: { kind: 'flag', label: 'Tell of items' },
  deliver_payloads: { kind: 'flag', label: 'Send payloads with notifications' },
  notify_config: { kind: 'flag', label: 'Tell when the configuration changes' },
  notify_delete: { kind: 'flag', label: 'Tell when the node is deleted' },
  notify_retract: { kind: 'flag', label: 'Tell when items are retracted' },
};

const NAMES = Object.keys(FIELDS) as Name[];
const LONGEST = 1024;

export const BASE: NodeConfig = Object.freeze({
  title: '',
  description: '',
  type: '',
  access_model: 'open',
  roster_groups_allowed: [],
  publish_model: 'publishers',
  persist_items: true,
  max_items: 20,
  send_last_published_item: 'on_sub',
  subscribe: true,
  deliver_notifications: true,
  deliver_payloads: true,
  notify_config: false,
  notify_delete: true,
  notify_retract: true,
});

/** The configuration with what was filled in; unknown fields say nothing. Throws StanzaError not-acceptable. */
export function configured(before: NodeConfig, said: Filled, rules: Rules): NodeConfig {
  const changes = NAMES.flatMap((name) => {
    const values = said.get(`pubsub#${name}`);
    return values === undefined ? [] : [[name, readValue(name, values, rules)] as const];
  });
  return { ...before, ...(Object.fromEntries(changes) as Partial<NodeConfig>) };
}

/** Section 7.1.5: whether the node is as the publisher wants it; a field that is unknown is not met. */
export function isMet(config: NodeConfig, said: Filled, rules: Rules): boolean {
  for (const [field, values] of said) {
    if (field === 'FORM_TYPE') continue;
    const name = nameOf(field);
    if (name === undefined || !same(config[name], wanted(name, values, rules), rules)) return false;
  }
  return true;
}

/** Fields of publish-options that no node could meet. */
export function hasUnknown(said: Filled): boolean {
  return [...said.keys()].some((field) => field !== 'FORM_TYPE' && nameOf(field) === undefined);
}

/** The value as it would be; undefined when it cannot be. */
function wanted(name: Name, values: readonly string[], rules: Rules): NodeConfig[Name] | undefined {
  try {
    return readValue(name, values, rules);
  } catch {
    return undefined;
  }
}

function same(is: NodeConfig[Name], said: NodeConfig[Name] | undefined, { maxItems }: Rules): boolean {
  const plain = (value: NodeConfig[Name] | undefined) => (value === 'max' ? maxItems : value);
  return JSON.stringify(plain(is)) === JSON.stringify(plain(said));
}

const nameOf = (field: string): Name | undefined => NAMES.find((name) => `pubsub#${name}` === field);

function readValue(name: Name, values: readonly string[], rules: Rules): NodeConfig[Name] {
  const { kind, choices = [] } = FIELDS[name];
  const [value = ''] = values;
  if (kind === 'flag') return flagOf(name, value);
  if (kind === 'items') return itemsOf(value, rules);
  if (kind === 'choice') {
    if (name === 'access_model' && !(rules.accessModels as readonly string[]).includes(value)) {
      throw refusal('modify', 'not-acceptable', 'unsupported-access-model');
    }
    if (!choices.includes(value)) throw unacceptable(name);
    return value as NodeConfig[Name];
  }
  if (values.join('').length > LONGEST) throw unacceptable(name);
  return kind === 'text' ? values.join('\n') : values;
}

function flagOf(name: Name, value: string): boolean {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw unacceptable(name);
}

function itemsOf(value: string, { maxItems }: Rules): number | 'max' {
  if (value === 'max') return value;
  const most = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (most < 1 || most > maxItems) throw unacceptable('max_items');
  return most;
}

const unacceptable = (name: string) => new StanzaError('modify', 'not-acceptable', `pubsub#${name} cannot be so`);

/** How many items such a node keeps. */
export const mostItems = ({ max_items }: NodeConfig, { maxItems }: Rules): number =>
  max_items === 'max' ? maxItems : Math.min(max_items, maxItems);

/** Its form, to be filled in or to be looked at. */
export function configForm(config: NodeConfig, rules: Rules, type: 'form' | 'result' = 'form'): string {
  return formXml(
    type,
    `${PUBSUB}#node_config`,
    NAMES.map((name) => fieldOf(name, config, rules, type)),
  );
}

/** Section 5.4: what everybody may know of it. */
export function metadataForm(config: NodeConfig, subscribers: number): string {
  const shown = (['title', 'description', 'type', 'access_model', 'publish_model'] as const).map((name) => ({
    name: `pubsub#${name}`,
    type: TYPES[FIELDS[name].kind],
    values: [String(config[name])],
  }));
  const count: FormField = { name: 'pubsub#num_subscribers', type: 'text-single', values: [String(subscribers)] };
  return formXml('result', `${PUBSUB}#meta-data`, [...shown, count]);
}

const TYPES = {
  text: 'text-single',
  texts: 'text-multi',
  flag: 'boolean',
  choice: 'list-single',
  items: 'text-single',
} as const;

function fieldOf(name: Name, config: NodeConfig, rules: Rules, type: 'form' | 'result'): FormField {
  const { kind, label, choices } = FIELDS[name];
  const value = config[name];
  const values = Array.isArray(value) ? value : [typeof value === 'boolean' ? (value ? '1' : '0') : String(value)];
  const options = name === 'access_model' ? rules.accessModels : choices;
  return { name: `pubsub#${name}`, type: TYPES[kind], label, values, options: type === 'form' ? options : undefined };
}
