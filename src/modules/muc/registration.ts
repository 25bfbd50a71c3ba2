// Registration with a room (XEP-0045 section 7.10): a nickname is reserved, and who is nobody yet becomes a member where the
// owner lets everybody.

import { DONE, type IqAnswer, type IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import { escapeText } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { DATA, formXml, submitted } from './forms.js';
import { badRequest, conflict, forbidden, MUC, notAcceptable, notAllowed, REGISTER, tooMany } from './names.js';
import type { MucOptions } from './options.js';
import { isAtLeast } from './privileges.js';
import type { Room } from './room.js';
import type { RoomStore } from './room-store.js';

const FORM = `${MUC}#register`;
const NICK = 'muc#register_roomnick';

export class Registration {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
  ) {}

  get(room: Room, { from }: IqRequest): IqAnswer {
    this.#check(room, from);
    const nick = room.nicks.get(from.bare.toString());
    const known = nick === undefined ? '' : `<registered/><username>${escapeText(nick)}</username>`;
    const fields = [{ name: NICK, type: 'text-single', label: 'Nickname', value: nick ?? '' }] as const;
    return `<query xmlns='${REGISTER}'>${known}${formXml('form', FORM, fields, 'Registration')}</query>`;
  }

  async set(room: Room, { from, payload }: IqRequest): Promise<IqAnswer> {
    const bare = from.bare.toString();
    if (payload.getChild('remove', REGISTER) !== undefined) return this.#unregister(room, bare);
    this.#check(room, from);
    const said = submitted(payload.getChild('x', DATA), FORM);
    if (said === undefined) throw badRequest('no registration');
    const nick = this.#nick(room, bare, said.get(NICK) ?? '');
    const now = room.affiliation(bare);
    if (now === 'none' && room.affiliations.size >= this.options.max_affiliations) {
      this.host.limited('muc.max_affiliations');
      throw tooMany('the room knows too many users');
    }
    const affiliation = now === 'none' ? 'member' : now;
    await this.store.standings(room, [[bare, { affiliation, nick }]]);
    room.nicks.set(bare, nick);
    if (now === 'none') room.affiliate(bare, affiliation);
    return DONE;
  }

  async #unregister(room: Room, bare: string): Promise<IqAnswer> {
    const now = room.affiliation(bare);
    if (!isAtLeast(now, 'member')) throw forbidden('you are not registered');
    const affiliation = now === 'member' ? 'none' : now;
    await this.store.standings(room, [[bare, { affiliation }]]);
    room.nicks.delete(bare);
    if (affiliation !== now) room.affiliate(bare, affiliation);
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
