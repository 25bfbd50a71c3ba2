// A publish-subscribe service in memory with clients around it, and the words they use.

import { type PubsubOptions, pubsubOptions } from '../../src/config/modules.js';
import { message } from '../../src/modules/message.js';
import { presence } from '../../src/modules/presence.js';
import { pubsub } from '../../src/modules/pubsub/service.js';
import { roster } from '../../src/modules/roster.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { Driver } from '../../src/storage/store.js';
import { CoreClient, testCore } from './core.js';
import type { Xml } from './xml.js';

export const SERVICE = 'pubsub.example.test';
export const PUBSUB = 'http://jabber.org/protocol/pubsub';

const COMPONENT = {
  module: 'pubsub',
  multiple: false,
  queue: 0,
  queue_bytes: 1024,
  stanzas_per_second: 0,
  bytes_per_second: 0,
  attach: null,
};

export function serviceCore(limits: Partial<PubsubOptions> = {}, storage: Driver = new MemoryDriver()) {
  const component = { ...COMPONENT, pubsub: { ...pubsubOptions.default, ...limits } };
  const tested = testCore([roster, presence, message], { components: { [SERVICE]: component } }, storage, [pubsub]);
  return { ...tested, enter: (name: string, resource?: string) => new CoreClient(tested.core).enter(name, resource) };
}

/** Inside `pubsub`, to a service or an account. */
export class Asking {
  constructor(
    readonly client: CoreClient,
    readonly to: string | null = SERVICE,
  ) {}

  get(inside: string, ns = PUBSUB): Promise<Xml> {
    return this.client.ask('get', `<pubsub xmlns='${ns}'>${inside}</pubsub>`, this.to ?? undefined);
  }

  set(inside: string, ns = PUBSUB): Promise<Xml> {
    return this.client.ask('set', `<pubsub xmlns='${ns}'>${inside}</pubsub>`, this.to ?? undefined);
  }

  ownerGet(inside: string): Promise<Xml> {
    return this.get(inside, `${PUBSUB}#owner`);
  }

  ownerSet(inside: string): Promise<Xml> {
    return this.set(inside, `${PUBSUB}#owner`);
  }

  create(node: string, fields: Fields = {}): Promise<Xml> {
    return this.set(`<create node='${node}'/><configure>${form('node_config', fields)}</configure>`);
  }

  configure(node: string, fields: Fields): Promise<Xml> {
    return this.ownerSet(`<configure node='${node}'>${form('node_config', fields)}</configure>`);
  }

  publish(node: string, id: string | undefined, payload = '<e xmlns="urn:e"/>', options?: Fields): Promise<Xml> {
    const item = `<item${id === undefined ? '' : ` id='${id}'`}>${payload}</item>`;
    const said = options === undefined ? '' : `<publish-options>${form('publish-options', options)}</publish-options>`;
    return this.set(`<publish node='${node}'>${item}</publish>${said}`);
  }

  retract(node: string, id: string, notify?: string): Promise<Xml> {
    const said = notify === undefined ? '' : ` notify='${notify}'`;
    return this.set(`<retract node='${node}'${said}><item id='${id}'/></retract>`);
  }

  subscribe(node: string, jid = `${this.client.account}@example.test`): Promise<Xml> {
    return this.set(`<subscribe node='${node}' jid='${jid}'/>`);
  }

  unsubscribe(node: string, jid = `${this.client.account}@example.test`): Promise<Xml> {
    return this.set(`<unsubscribe node='${node}' jid='${jid}'/>`);
  }

  items(node: string, attrs = ''): Promise<Xml> {
    return this.get(`<items node='${node}'${attrs}/>`);
  }

  affiliate(node: string, name: string, affiliation: string): Promise<Xml> {
    const one = `<affiliation jid='${name}@example.test' affiliation='${affiliation}'/>`;
    return this.ownerSet(`<affiliations node='${node}'>${one}</affiliations>`);
  }
}

export type Fields = Readonly<Record<string, string>>;

export function form(type: string, fields: Fields): string {
  const all = Object.entries({ FORM_TYPE: `${PUBSUB}#${type}`, ...fields }).map(
    ([name, value]) => `<field var='${name === 'FORM_TYPE' ? name : `pubsub#${name}`}'><value>${value}</value></field>`,
  );
  return `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`;
}

/** The ids in an answer to `items`. */
export const idsOf = (answer: Xml): (string | undefined)[] =>
  answer.children[0].children[0].children.map((item) => item.attr('id'));

/** An error as `type condition application-condition(feature)`; its type alone for what is none. */
export function errorOf(answer: Xml): string {
  const error = answer.child('error');
  if (error === undefined) return String(answer.attr('type'));
  const [condition, ...rest] = error.children;
  const more = rest.filter(({ name }) => name !== 'text').map((each) => each.attr('feature') ?? each.name);
  return [error.attr('type'), condition.name, ...more].join(' ');
}

/** What the client has heard of items, once the server has nothing more to say to it. */
export async function heard({ client }: Asking): Promise<string[]> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
  return client.stanzas.filter((xml) => xml.includes(`${PUBSUB}#event`));
}
