// Registration with a room (XEP-0045 section 7.10): a nickname is reserved, and who is nobody yet becomes a member where the
// owner lets everybody, at once or when an admin approves of it (section 9.9).

import { DONE, type IqAnswer, type IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import type { Routed } from '../../core/routed.js';
import { escapeText } from '../../xmpp/escape.js';
import { JID } from '../../xmpp/jid.js';
import { DATA, formXml, truth } from '../data-form.js';
import { submitted } from './forms.js';
import { standingXml } from './invitation.js';
import { later } from './later.js';
import {
  badRequest,
  conflict,
  forbidden,
  itemNotFound,
  MUC,
  notAcceptable,
  notAllowed,
  REGISTER,
  tooMany,
} from './names.js';
import type { MucOptions } from './options.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';
import type { Change, RoomStore } from './room-store.js';

export const FORM = `${MUC}#register`;
const NICK = 'muc#register_roomnick';
/** What an admin answers besides: whom it is about, and whether he may. */
const JID_FIELD = 'muc#register_jid';
const ALLOW = 'muc#register_allow';
/** Owners who are written to when no admin is in the room. */
const MOST_OWNERS = 20;

export class Registration {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {}

  get(room: Room, { from }: IqRequest): IqAnswer {
    this.#check(room, from);
    const nick = room.nicks.get(from.bare.toString());
    const wanted = nick ?? room.requests.get(from.bare.toString()) ?? '';
    const known = nick === undefined ? '' : `<registered/><username>${escapeText(nick)}</username>`;
    const fields = [{ name: NICK, type: 'text-single', label: 'Nickname', value: wanted }] as const;
    return `<query xmlns='${REGISTER}'>${known}${formXml('form', FORM, fields, { title: 'Registration' })}</query>`;
  }

  async set(room: Room, { from, payload }: IqRequest): Promise<IqAnswer> {
    const bare = from.bare.toString();
    room.pace.take(this.host, bare, this.options);
    if (payload.getChild('remove', REGISTER) !== undefined) return this.#unregister(room, bare);
    this.#check(room, from);
    const said = submitted(payload.getChild('x', DATA), FORM);
    if (said === undefined) throw badRequest('no registration');
    const nick = this.#nick(room, bare, said.get(NICK) ?? '');
    if (room.affiliation(bare) === 'none' && room.config.approveRegister) await this.#request(room, bare, nick);
    else await this.#register(room, bare, nick);
    return DONE;
  }

  /** Section 9.9: an admin's answer to a request. */
  answer(room: Room, routed: Routed, said: ReadonlyMap<string, string>): void {
    if (!isAtLeast(room.affiliation(routed.from.bare.toString()), 'admin')) throw forbidden();
    room.pace.take(this.host, routed.from.bare.toString(), this.options);
    const allowed = truth(said.get(ALLOW));
    if (allowed === undefined) throw badRequest('is it allowed?');
    const bare = requester(room, said);
    const nick = bare === undefined ? undefined : room.requests.get(bare);
    if (bare === undefined || nick === undefined) throw itemNotFound('nobody waits for this');
    if (allowed && room.isTaken(nick, bare)) throw conflict('somebody else has this nickname');
    later(this.host, routed, allowed ? this.#approve(room, bare, nick) : this.#forget(room, bare));
  }

  /** What admins are asked (section 9.9). */
  *questions(room: Room): Iterable<string> {
    for (const [bare, nick] of room.requests) yield approvalForm(bare, nick);
  }

  async #approve(room: Room, bare: string, nick: string): Promise<void> {
    await this.#register(room, bare, nick, true);
    if (room.occupantsOf(bare).length === 0) room.tell(this.host.addresses.read(bare), standingXml('member'));
  }

  /** `approved`: an admin has answered his request. */
  #register(room: Room, bare: string, nick: string, approved = false): Promise<void> {
    return this.store.standings(room, () => {
      if (approved && room.requests.get(bare) !== nick) throw itemNotFound('nobody waits for this');
      return this.#member(room, bare, nick);
    });
  }

  #member(room: Room, bare: string, nick: string): Change {
    const now = room.affiliation(bare);
    if (now === 'outcast') throw forbidden();
    if (room.isTaken(nick, bare)) throw conflict('somebody else has this nickname');
    if (now === 'none' && room.affiliations.size >= this.options.max_affiliations) {
      this.host.limited('muc.max_affiliations');
      throw tooMany('the room knows too many users');
    }
    const affiliation = now === 'none' ? 'member' : now;
    return {
      standings: [[bare, { affiliation, nick }]],
      done: () => {
        room.nicks.set(bare, nick);
        if (now === 'none') room.affiliate(bare, affiliation);
      },
    };
  }

  async #request(room: Room, bare: string, nick: string): Promise<void> {
    const before = room.requests.get(bare);
    if (before === nick) return;
    if (before === undefined && room.requests.size >= this.options.max_registrations) {
      this.host.limited('muc.max_registrations');
      throw tooMany('too many wait for an answer');
    }
    await this.store.request(room, bare, nick);
    room.requests.set(bare, nick);
    const form = approvalForm(bare, nick);
    for (const to of this.#admins(room)) room.tell(to, form);
  }

  /** Those who are here, else the accounts of owners. */
  #admins(room: Room): JID[] {
    const here = [...room.occupants.values()].filter((each) => isAtLeast(room.affiliation(each.bare), 'admin'));
    if (here.length > 0) return here.flatMap(({ visits }) => [...visits.values()].map(({ jid }) => jid));
    const owners = [...room.affiliations].filter(([, each]) => each === 'owner').slice(0, MOST_OWNERS);
    return owners.map(([bare]) => this.host.addresses.read(bare));
  }

  async #forget(room: Room, bare: string): Promise<void> {
    await this.store.request(room, bare, undefined);
    room.requests.delete(bare);
  }

  async #unregister(room: Room, bare: string): Promise<IqAnswer> {
    const now = room.affiliation(bare);
    if (room.requests.has(bare)) await this.#forget(room, bare);
    else if (!isAtLeast(now, 'member')) throw forbidden('you are not registered');
    if (!isAtLeast(now, 'member')) return DONE;
    await this.store.standings(room, () => {
      const before = room.affiliation(bare);
      const affiliation = before === 'member' ? 'none' : before;
      return {
        standings: [[bare, { affiliation }]],
        done: () => {
          room.nicks.delete(bare);
          if (affiliation !== before) room.affiliate(bare, affiliation);
        },
      };
    });
    return DONE;
  }

  #check(room: Room, from: JID): void {
    const affiliation = room.affiliation(from.bare.toString());
    if (affiliation === 'outcast') throw forbidden();
    if (affiliation === 'none' && !room.config.allowRegister) throw notAllowed('ask the owner of the room');
  }

  #nick(room: Room, bare: string, said: string): string {
    if (said === '') throw notAcceptable('no nickname');
    const nick = room.jid.withResource(said).resource;
    if (Buffer.byteLength(nick) > this.options.max_nick_bytes) throw notAcceptable('the nickname is too long');
    if (room.isTaken(nick, bare)) throw conflict('somebody else has this nickname');
    return nick;
  }
}

/** Whose request an answer is about: by his address, or by the nickname that he wants. */
function requester(room: Room, said: ReadonlyMap<string, string>): string | undefined {
  const jid = said.get(JID_FIELD);
  if (jid !== undefined && jid !== '') return JID.parse(jid).bare.toString();
  const nick = said.get(NICK);
  return [...room.requests].find(([, each]) => each === nick)?.[0];
}

function approvalForm(bare: string, nick: string): string {
  const fields = [
    { name: JID_FIELD, type: 'jid-single', label: 'User', value: bare },
    { name: NICK, type: 'text-single', label: 'Nickname', value: nick },
    { name: ALLOW, type: 'boolean', label: 'Allow this user to register?', value: false },
  ] as const;
  return formXml('form', FORM, fields, { title: 'Registration request' });
}
