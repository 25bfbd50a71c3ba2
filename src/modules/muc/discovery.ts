// What the service and its rooms say of themselves (XEP-0045 section 6), and the list of rooms, page by page (XEP-0059).

import { randomUUID } from 'node:crypto';
import type { IqRequest } from '../../core/hooks.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { formXml } from '../data-form.js';
import { MAM } from '../mam/question.js';
import { badRequest, INFO, ITEMS, itemNotFound, MUC, OCCUPANT_ID, REGISTER, STANZA_ID } from './names.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';

const RSM = 'http://jabber.org/protocol/rsm';
export const UNIQUE = `${MUC}#unique`;
const SELF_PING = `${MUC}#self-ping-optimization`;
/** Rooms on one page, unless fewer are wanted. */
const PAGE = 1000;

/** Section 6.2. */
export function serviceInfo({ payload }: IqRequest, name: string | undefined): string {
  checkNode(payload.attrs.node);
  const features = [INFO, ITEMS, MUC, `${MUC}#stable_id`, UNIQUE, SELF_PING, OCCUPANT_ID, STANZA_ID, RSM];
  return infoXml(name, features);
}

/** XEP-0307: a name for a room that nobody else was or will be given. */
export const uniqueName = (): string => `<unique xmlns='${UNIQUE}'>${randomUUID()}</unique>`;

/** Section 6.3. */
export function roomItems({ payload }: IqRequest, rooms: Iterable<Room>): string {
  if (payload.attrs.node !== undefined) throw itemNotFound();
  const listed = [...rooms].filter(({ config, locked }) => config.listed && !locked);
  const sorted = listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  const wish = payload.getChild('set', RSM);
  const { page, first } = paged(sorted, wish);
  const set = wish === undefined && page.length === sorted.length ? '' : setXml(page, first, sorted.length);
  const items = page.map(({ address, config, name }) => itemXml(address, config.name || name));
  return `<query xmlns='${ITEMS}'>${items.join('')}${set}</query>`;
}

/** Section 7.10: others are refused, and not asked to try. */
function mayRegister(room: Room, from: JID): boolean {
  const affiliation = room.affiliation(from.bare.toString());
  return isAtLeast(affiliation, 'member') || (affiliation === 'none' && room.config.allowRegister);
}

/** Section 6.4. */
export function roomInfo(request: IqRequest, room: Room): string {
  const { node } = request.payload.attrs;
  if (node === 'x-roomuser-item') return reservedNick(request, room);
  checkNode(node);
  if (room.locked) throw itemNotFound();
  const { config } = room;
  const features = [
    ...[INFO, ITEMS, MUC, `${MUC}#stable_id`, SELF_PING, OCCUPANT_ID, STANZA_ID],
    ...(mayRegister(room, request.from) ? [REGISTER] : []),
    ...(room.archived ? [MAM, `${MAM}#extended`] : []),
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    config.listed ? 'muc_public' : 'muc_hidden',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.password === '' ? 'muc_unsecured' : 'muc_passwordprotected',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.nonAnonymous ? 'muc_nonanonymous' : 'muc_semianonymous',
  ];
  return infoXml(config.name || room.name, features, aboutForm(room, mayHear(room, request.from)));
}

/** Section 17.1.1: no namespace is taken out of what is said. */
function checkNode(node: string | undefined): void {
  if (node === `${MUC}#traffic`) throw new StanzaError('cancel', 'service-unavailable');
  if (node !== undefined) throw itemNotFound();
}

/** What the room is about is for those who may enter. */
function mayHear(room: Room, from: JID): boolean {
  const { membersOnly, password } = room.config;
  const affiliation = room.affiliation(from.bare.toString());
  if (affiliation === 'none' && (membersOnly || password !== '')) return room.occupantAt(from) !== undefined;
  return affiliation !== 'outcast';
}

function aboutForm({ config, occupants, subject }: Room, isOpen: boolean): string {
  const topic = isOpen ? (subject?.stanza.tree.getChildText('subject') ?? undefined) : undefined;

  return formXml('result', `${MUC}#roominfo`, [
    { name: 'muc#roominfo_description', type: 'text-single', value: config.description },
    { name: 'muc#roominfo_occupants', type: 'text-single', value: occupants.size },
    ...(topic === undefined ? [] : [{ name: 'muc#roominfo_subject', type: 'text-single' as const, value: topic }]),
    ...(config.language === ''
      ? []
      : [{ name: 'muc#roominfo_lang', type: 'text-single' as const, value: config.language }]),
    { name: 'muc#roominfo_subjectmod', type: 'boolean', value: config.changeSubject },
    { name: 'muc#roomconfig_changesubject', type: 'boolean', value: config.changeSubject },
    { name: 'muc#maxhistoryfetch', type: 'text-single', value: config.history },
    { name: 'muc#roomconfig_allowinvites', type: 'boolean', value: config.allowInvites },
    { name: 'muc#roomconfig_allowpm', type: 'list-single', value: config.allowPm },
    ...(config.pubsub === ''
      ? []
      : [{ name: 'muc#roomconfig_pubsub', type: 'text-single' as const, value: config.pubsub }]),
  ]);
}

/** Section 7.12. */
function reservedNick({ from }: IqRequest, room: Room): string {
  const nick = room.nicks.get(from.bare.toString());
  const identity = nick === undefined ? '' : `<identity category='conference' type='text'${attribute('name', nick)}/>`;
  return `<query xmlns='${INFO}' node='x-roomuser-item'>${identity}</query>`;
}

/** Section 6.5: who is in a room is the business of those who are. */
export function occupantItems({ from, payload }: IqRequest, room: Room): string {
  if (payload.attrs.node !== undefined) throw itemNotFound();
  const self = room.occupantAt(from);
  const here = self === undefined ? [] : [...room.occupants.values()].filter((each) => each.seen || each === self);
  return `<query xmlns='${ITEMS}'>${here.map(({ jid }) => itemXml(jid.toString())).join('')}</query>`;
}

function paged(all: readonly Room[], wish: Element | undefined): { page: Room[]; first: number } {
  const max = wish?.getChildText('max', RSM) ?? undefined;
  if (max !== undefined && !/^\d{1,9}$/.test(max)) throw badRequest('max is a number');
  const count = Math.min(Number(max ?? PAGE), PAGE);
  const after = wish?.getChildText('after', RSM) ?? '';
  const before = wish?.getChildText('before', RSM) ?? undefined;
  if (wish?.getChild('index', RSM) !== undefined) throw new StanzaError('cancel', 'feature-not-implemented');
  if (before !== undefined) {
    const at = before === '' ? all.length : all.findIndex(({ name }) => name >= before);
    const end = at < 0 ? all.length : at;
    const first = Math.max(0, end - count);
    return { page: all.slice(first, end), first };
  }
  const at = after === '' ? 0 : all.findIndex(({ name }) => name > after);
  const first = at < 0 ? all.length : at;
  return { page: all.slice(first, first + count), first };
}

function setXml(page: readonly Room[], first: number, count: number): string {
  const ends =
    page.length === 0
      ? ''
      : `<first index='${first}'>${escapeText(page[0].name)}</first><last>${escapeText(page[page.length - 1].name)}</last>`;
  return `<set xmlns='${RSM}'>${ends}<count>${count}</count></set>`;
}

const itemXml = (jid: string, name?: string): string => `<item${attribute('jid', jid)}${attribute('name', name)}/>`;

function infoXml(name: string | undefined, features: readonly string[], more = ''): string {
  const identity = `<identity category='conference' type='text'${attribute('name', name)}/>`;
  const all = features.map((each) => `<feature${attribute('var', each)}/>`);
  return `<query xmlns='${INFO}'>${identity}${all.join('')}${more}</query>`;
}
