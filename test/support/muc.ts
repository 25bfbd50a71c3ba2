// A core in memory with rooms, and what those who are in them say and hear.

import { mucOptions } from '../../src/config/modules.js';
import type { Module } from '../../src/core/module.js';
import type { ComponentOptions } from '../../src/core/options.js';
import { message } from '../../src/modules/message.js';
import { muc } from '../../src/modules/muc/muc.js';
import type { MucOptions } from '../../src/modules/muc/options.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import type { Driver } from '../../src/storage/store.js';
import { CoreClient, conditionOf, testCore } from './core.js';
import { parseXml, type Xml } from './xml.js';

export const SERVICE = 'rooms.example.test';
export const ROOM = `coven@${SERVICE}`;
export const MUC = 'http://jabber.org/protocol/muc';
export const USER = `${MUC}#user`;
export const ADMIN = `${MUC}#admin`;
export const OWNER = `${MUC}#owner`;

const COMPONENT: ComponentOptions = {
  module: 'muc',
  name: 'Rooms',
  multiple: false,
  queue: 0,
  queue_bytes: 10_000,
  stanzas_per_second: 0,
  bytes_per_second: 0,
  attach: null,
};

/** The domains of a house with rooms; `options` instead of the usual ones, `more` modules of its users. */
export function house(options: Partial<MucOptions> = {}, storage?: Driver, more: readonly Module[] = []) {
  const component = { ...COMPONENT, muc: { ...mucOptions.default, ...options } };
  const tested = testCore([roster, presence, message, ...more], { components: { [SERVICE]: component } }, storage, [
    muc,
  ]);
  const guest = (name: string, resource?: string) => new CoreClient(tested.core).enter(name, resource);
  return { ...tested, guest };
}

/** All that came up to the first stanza with this in it. */
export async function came(client: CoreClient, what: string): Promise<Xml[]> {
  const found = () => client.stanzas.findIndex((xml) => xml.includes(what));
  await client.when(() => found() >= 0);
  return client.stanzas.splice(0, found() + 1).map(parseXml);
}

/** The first stanza with this in it; it and all before are forgotten. */
export async function heard(client: CoreClient, what: string): Promise<Xml> {
  return parseXml(await client.hears(what));
}

/** Resolves when all that was said before has had its effect. */
export async function settled(client: CoreClient): Promise<Xml[]> {
  await client.ask('get', "<ping xmlns='urn:xmpp:ping'/>", SERVICE);
  await client.ask('get', "<query xmlns='http://jabber.org/protocol/disco#items'/>", SERVICE);
  return client.stanzas.splice(0).map(parseXml);
}

/** Says that it enters; `inside` of its `<x/>`. */
export function enters(client: CoreClient, nick: string, inside = '', room = ROOM): void {
  client.say(`<presence xmlns='jabber:client' to='${room}/${nick}'><x xmlns='${MUC}'>${inside}</x></presence>`);
}

/** Enters; resolves to all that it was sent. */
export function entered(client: CoreClient, nick: string, inside = '', room = ROOM): Promise<Xml[]> {
  enters(client, nick, inside, room);
  return came(client, '<subject');
}

/** The condition that it is refused with. */
export async function refused(client: CoreClient, nick: string, inside = '', room = ROOM): Promise<string | undefined> {
  enters(client, nick, inside, room);
  return conditionOf(await heard(client, "type='error'"));
}

/** Fields of a room's configuration, without their prefix. */
export async function configured(owner: CoreClient, fields: Record<string, string> = {}, room = ROOM): Promise<Xml> {
  const all = Object.entries(fields).map(
    ([name, value]) => `<field var='muc#roomconfig_${name}'><value>${value}</value></field>`,
  );
  const kind = `<field var='FORM_TYPE'><value>${MUC}#roomconfig</value></field>`;
  const form = `<x xmlns='jabber:x:data' type='submit'>${all.length > 0 ? kind : ''}${all.join('')}</x>`;
  return owner.ask('set', `<query xmlns='${OWNER}'>${form}</query>`, room);
}

/** A room that is ready, and its owner in it. */
export async function opened(
  owner: CoreClient,
  nick: string,
  fields: Record<string, string> = {},
  room = ROOM,
): Promise<void> {
  await entered(owner, nick, '', room);
  await configured(owner, fields, room);
  owner.stanzas.length = 0;
}

/** Asks for these changes; the condition of the error, undefined when there is none. */
export async function administers(client: CoreClient, ...items: string[]): Promise<string | undefined> {
  return conditionOf(await client.ask('set', `<query xmlns='${ADMIN}'>${items.join('')}</query>`, ROOM));
}

/** A list: what each item says, or the condition of the error. */
export async function listed(client: CoreClient, what: string): Promise<string | (string | undefined)[]> {
  const answer = await client.ask('get', `<query xmlns='${ADMIN}'><item ${what}/></query>`, ROOM);
  const items = answer.child('query')?.children.map((item) => item.attr('jid') ?? item.attr('nick'));
  return conditionOf(answer) ?? items ?? [];
}

export const says = (client: CoreClient, body: string, id = 'm', room = ROOM): boolean =>
  client.say(`<message xmlns='jabber:client' type='groupchat' to='${room}' id='${id}'><body>${body}</body></message>`);

const user = (stanza: Xml): Xml | undefined => stanza.child('x', USER);

/** Status codes, in their order. */
export const codes = (stanza: Xml): number[] =>
  (user(stanza)?.children ?? []).filter(({ name }) => name === 'status').map((each) => Number(each.attr('code')));

/** What the room says of somebody: `affiliation role`, and the address where it is told. */
export function standing(stanza: Xml): string {
  const item = user(stanza)?.child('item');
  return [item?.attr('affiliation'), item?.attr('role'), item?.attr('jid')].filter((each) => each).join(' ');
}

export const nickOf = (stanza: Xml): string | undefined => stanza.attr('from')?.split('/')[1];
