// What the owner of a room can set (XEP-0045 section 10.2), as a value and as the form that it is changed with.

import type { Json } from '../../storage/store.js';
import { type Field, formXml, truth } from '../data-form.js';
import { MUC, notAcceptable } from './names.js';
import type { Role } from './privileges.js';

export const ROOM_CONFIG = `${MUC}#roomconfig`;

const AUDIENCES = ['anyone', 'participants', 'moderators', 'none'] as const;
/** Who may send private messages. */
export type Audience = (typeof AUDIENCES)[number];

export interface RoomConfig {
  readonly name: string;
  readonly description: string;
  readonly persistent: boolean;
  readonly listed: boolean;
  readonly moderated: boolean;
  readonly membersOnly: boolean;
  /** '' for none. */
  readonly password: string;
  /** Everybody sees real addresses. */
  readonly nonAnonymous: boolean;
  /** 0: as many as the service lets in. */
  readonly maxUsers: number;
  readonly changeSubject: boolean;
  /** Where only members enter: they may invite others, who become members. */
  readonly allowInvites: boolean;
  readonly allowPm: Audience;
  /** Who is in another role is not shown to the others. */
  readonly shownRoles: readonly Role[];
  /** Besides admins, and members where addresses are shown: who in these roles sees addresses may get lists of members. */
  readonly listRoles: readonly Role[];
  readonly allowRegister: boolean;
  /** Who asks to be registered waits for an admin. */
  readonly approveRegister: boolean;
  /** Where the room is persistent: what is said is archived. */
  readonly archived: boolean;
  /** XML's word for a language, or ''. */
  readonly language: string;
  readonly history: number;
  /** The URI of a node of publish-subscribe that belongs to the room, or ''. */
  readonly pubsub: string;
}

const SHOWN: readonly Role[] = Object.freeze(['moderator', 'participant', 'visitor'] as const);

/** What a new room is like. */
export const NEW_ROOM: RoomConfig = Object.freeze({
  name: '',
  description: '',
  persistent: false,
  listed: true,
  moderated: false,
  membersOnly: false,
  password: '',
  nonAnonymous: false,
  maxUsers: 0,
  changeSubject: false,
  allowInvites: false,
  allowPm: 'anyone',
  shownRoles: SHOWN,
  listRoles: Object.freeze([]),
  allowRegister: false,
  approveRegister: false,
  archived: false,
  language: '',
  history: 20,
  pubsub: '',
});

/** What was stored before; what a newer version knows besides has its default. */
export function readConfig(kept: Json | undefined): RoomConfig {
  return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? { ...NEW_ROOM, ...kept } : NEW_ROOM;
}

/** Lengths and counts that are not to be passed. */
export interface ConfigLimits {
  readonly textBytes: number;
  readonly history: number;
}

const field = (name: string) => `muc#roomconfig_${name}`;

const FLAGS = [
  ['persistentroom', 'persistent', 'The room stays when everybody has left'],
  ['publicroom', 'listed', 'The room is listed'],
  ['moderatedroom', 'moderated', 'Only those with voice may speak'],
  ['membersonly', 'membersOnly', 'Only members may enter'],
  ['changesubject', 'changeSubject', 'Participants may change the subject'],
  ['allowinvites', 'allowInvites', 'Members may invite others to become members'],
  ['allowregister', 'allowRegister', 'Everybody may register and become a member'],
  ['approveregister', 'approveRegister', 'An admin approves of each registration'],
  ['enablearchiving', 'archived', 'What is said is archived, when the room is persistent'],
] as const;

/** Full lists of accounts that are something to the room, by the names of their fields. */
export const LISTS = [
  [field('roomadmins'), 'admin', 'Admins'],
  [field('roomowners'), 'owner', 'Owners besides you'],
] as const;

/** Section 10.1.3. `lists`: who owns it and who its admins are can be said as well. */
export function configForm(config: RoomConfig, room: string, lists: boolean): string {
  const fields: Field[] = [
    { name: field('roomname'), type: 'text-single', label: 'Name', value: config.name },
    { name: field('roomdesc'), type: 'text-single', label: 'Description', value: config.description },
    { name: field('lang'), type: 'text-single', label: 'Language, as in xml:lang', value: config.language },
    ...FLAGS.map(([name, key, label]) => ({
      name: field(name),
      type: 'boolean' as const,
      label,
      value: config[key],
    })),
    {
      name: field('passwordprotectedroom'),
      type: 'boolean',
      label: 'A password is needed',
      value: config.password !== '',
    },
    { name: field('roomsecret'), type: 'text-private', label: 'The password', value: config.password },
    {
      name: field('whois'),
      type: 'list-single',
      label: 'Who sees real addresses',
      value: config.nonAnonymous ? 'anyone' : 'moderators',
      options: [
        ['moderators', 'Moderators'],
        ['anyone', 'Everybody'],
      ],
    },
    {
      name: field('allowpm'),
      type: 'list-single',
      label: 'Who may send private messages',
      value: config.allowPm,
      options: AUDIENCES.map((each) => [each, each] as const),
    },
    {
      name: field('presencebroadcast'),
      type: 'list-multi',
      label: 'Roles in which occupants are shown to the others',
      value: config.shownRoles,
      options: SHOWN.map((each) => [each, each]),
    },
    {
      name: field('getmemberlist'),
      type: 'list-multi',
      label: 'Roles in which occupants may get the list of members, as far as they see addresses',
      value: config.listRoles,
      options: SHOWN.map((each) => [each, each]),
    },
    {
      name: field('maxusers'),
      type: 'text-single',
      label: 'Most occupants; 0 for no limit of its own',
      value: config.maxUsers,
    },
    {
      name: field('historylength'),
      type: 'text-single',
      label: 'Messages that who enters is shown',
      value: config.history,
    },
    {
      name: field('pubsub'),
      type: 'text-single',
      label: 'URI of a node that belongs to the room',
      value: config.pubsub,
    },
    ...(lists ? LISTS : []).map(([name, , label]) => ({ name, type: 'jid-multi' as const, label })),
  ];
  return formXml('form', ROOM_CONFIG, fields, { title: `Configuration of ${room}` });
}

/** Section 10.2: fields that are not there are left as they are. Throws StanzaError not-acceptable. */
export function changedConfig(config: RoomConfig, said: Map<string, string>, limits: ConfigLimits): RoomConfig {
  const get = (name: string) => said.get(field(name));
  const flags = FLAGS.map(([name, key]) => [key, flag(get(name), config[key])] as const);
  return {
    ...config,
    ...Object.fromEntries(flags),
    name: text(get('roomname'), config.name, limits.textBytes),
    description: text(get('roomdesc'), config.description, limits.textBytes),
    language: language(get('lang'), config.language),
    password: password(config.password, get('passwordprotectedroom'), get('roomsecret'), limits.textBytes),
    nonAnonymous:
      chosen(get('whois'), ['anyone', 'moderators'], config.nonAnonymous ? 'anyone' : 'moderators') === 'anyone',
    allowPm: chosen(get('allowpm'), AUDIENCES, config.allowPm),
    shownRoles: roles(get('presencebroadcast'), config.shownRoles),
    listRoles: roles(get('getmemberlist'), config.listRoles),
    pubsub: text(get('pubsub'), config.pubsub, limits.textBytes),
    maxUsers: number(get('maxusers'), config.maxUsers, Number.MAX_SAFE_INTEGER),
    history: number(get('historylength'), config.history, limits.history),
  };
}

function flag(said: string | undefined, now: boolean): boolean {
  if (said === undefined) return now;
  const value = truth(said.trim());
  if (value === undefined) throw notAcceptable(`${said.slice(0, 20)} is neither 1 nor 0`);
  return value;
}

function text(said: string | undefined, now: string, most: number): string {
  if (said !== undefined && Buffer.byteLength(said) > most) throw notAcceptable(`a text has at most ${most} bytes`);
  return said ?? now;
}

function language(said: string | undefined, now: string): string {
  if (said !== undefined && !/^([A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8})?$/.test(said))
    throw notAcceptable('no language');
  return said ?? now;
}

function chosen<T extends string>(said: string | undefined, values: readonly T[], now: T): T {
  if (said === undefined) return now;
  const value = values.find((each) => each === said);
  if (value === undefined) throw notAcceptable(`none of ${values.join(', ')}`);
  return value;
}

function roles(said: string | undefined, now: readonly Role[]): readonly Role[] {
  if (said === undefined) return now;
  const wanted = said.split('\n').filter((each) => each !== '');
  for (const each of wanted) chosen(each, SHOWN, 'visitor');
  return SHOWN.filter((each) => wanted.includes(each));
}

/** More than the most is the most. */
function number(said: string | undefined, now: number, most: number): number {
  if (said === undefined) return now;
  const trimmed = said.trim();
  if (trimmed === '' || trimmed === 'none') return 0;
  if (!/^\d{1,9}$/.test(trimmed)) throw notAcceptable('not a number');
  return Math.min(Number(trimmed), most);
}

/** Section 10.1.3: a room that is protected has a password that is not empty. */
function password(now: string, wanted: string | undefined, secret: string | undefined, most: number): string {
  const isWanted = flag(wanted, now !== '' || (secret ?? '') !== '');
  if (!isWanted) return '';
  const said = text(secret, now, most);
  if (said === '') throw notAcceptable('no password was given');
  return said;
}
