// What a room passes on between its occupants and others: invitations and declines (XEP-0045 section 7.8), and requests for
// voice (sections 7.13 and 8.6).

import type { ComponentHost } from '../../core/host.js';
import type { Routed } from '../../core/routed.js';
import type { Element } from '../../xmpp/element.js';
import { attribute } from '../../xmpp/escape.js';
import { JID } from '../../xmpp/jid.js';
import { DATA, formXml, truth } from '../data-form.js';
import { userXml } from './announcement.js';
import { submitted } from './forms.js';
import { invitationXml, textXml } from './invitation.js';
import { later } from './later.js';
import { badRequest, forbidden, itemNotFound, MUC, tooMany, USER } from './names.js';
import type { Occupant } from './occupant.js';
import type { MucOptions } from './options.js';
import { isAtLeast } from './privileges.js';
import { readReason } from './reason.js';
import { FORM as REGISTRATION, type Registration } from './registration.js';
import type { Room } from './room.js';
import type { Change, RoomStore } from './room-store.js';
import type { Speaking } from './speaking.js';

interface Invited {
  readonly to: JID;
  readonly reason: string | undefined;
  readonly more: string;
}

const REQUEST = `${MUC}#request`;
/** Invitations in one message. */
const MOST = 20;

export class Mediation {
  constructor(
    readonly host: ComponentHost,
    readonly options: MucOptions,
    readonly store: RoomStore,
    readonly speaking: Speaking,
    readonly registration: Registration,
  ) {}

  /** A message to the room that is not for all. False: it is none of these. */
  take(room: Room, routed: Routed): boolean {
    const { tree } = routed.stanza;
    const user = tree.getChild('x', USER);
    const invitations = user?.getChildren('invite', USER) ?? [];
    const decline = user?.getChild('decline', USER);
    const form = tree.getChild('x', DATA);
    const request = submitted(form, REQUEST);
    const registration = submitted(form, REGISTRATION);
    if (invitations.length > 0) this.#invite(room, routed, invitations);
    else if (decline !== undefined) this.#decline(room, routed, decline);
    else if (request !== undefined) this.#voice(room, routed, request);
    else if (registration !== undefined) this.registration.answer(room, routed, registration);
    else return false;
    return true;
  }

  #invite(room: Room, routed: Routed, invitations: readonly Element[]): void {
    const occupant = this.speaking.speaker(room, routed.from, invitations.length);
    if (invitations.length > MOST) throw tooMany(`at most ${MOST} invitations at once`);
    const isAdmin = isAtLeast(room.affiliation(occupant.bare), 'admin');
    const { membersOnly, allowInvites } = room.config;
    if (membersOnly && !allowInvites && !isAdmin) throw forbidden('only admins invite');
    const invited = invitations.map((each) => ({
      to: JID.parse(each.attrs.to ?? ''),
      reason: readReason(this.host, this.options, each, USER),
      more: continueXml(each),
    }));
    if (!membersOnly) return void this.#send(room, occupant, invited);
    later(
      this.host,
      routed,
      this.store.standings(room, () => this.#members(room, occupant, invited)),
    );
  }

  /** Who is invited may enter. */
  #members(room: Room, occupant: Occupant, invited: readonly Invited[]): Change {
    const members = invited.filter(({ to }) => room.affiliation(to.bare.toString()) === 'none');
    if (room.affiliations.size + members.length > this.options.max_affiliations) {
      this.host.limited('muc.max_affiliations');
      throw tooMany('the room knows too many users');
    }
    const standings = members.map(({ to }) => [to.bare.toString(), { affiliation: 'member' as const }] as const);
    return {
      standings,
      done: () => {
        for (const [bare] of standings) room.affiliate(bare, 'member');
        this.#send(room, occupant, invited);
      },
    };
  }

  #send(room: Room, { bare, jid }: Occupant, invited: readonly Invited[]): void {
    const from = room.config.nonAnonymous ? bare : jid.toString();
    for (const { to, reason, more } of invited) room.tell(to, invitationXml(room, { from, reason, more }));
  }

  /** To the one who invited, who has to be here: a room is not there to send messages to anybody. */
  #decline(room: Room, { from }: Routed, decline: Element): void {
    room.pace.take(this.host, from.bare.toString(), this.options);
    const to = JID.parse(decline.attrs.to ?? '');
    const inviter = to.bare.equals(room.jid)
      ? room.occupants.get(to.resource)
      : room.occupantsOf(to.bare.toString())[0];
    if (inviter === undefined) throw itemNotFound();
    const reason = textXml('reason', readReason(this.host, this.options, decline, USER));
    const inside = userXml(`<decline${attribute('from', from.bare.toString())}>${reason}</decline>`);
    for (const { jid } of inviter.visits.values()) room.tell(jid, inside);
  }

  #voice(room: Room, routed: Routed, said: Map<string, string>): void {
    const occupant = this.speaking.speaker(room, routed.from);
    const allowed = truth(said.get('muc#request_allow'));
    if (said.has('muc#request_allow') || said.has('muc#roomnick'))
      return void this.#answer(room, occupant, said, allowed);
    if (said.get('muc#role') !== 'participant') throw badRequest('voice is what can be requested');
    if (occupant.role !== 'visitor') throw badRequest('you have voice');
    for (const { visits } of room.moderators())
      for (const { jid } of visits.values()) room.tell(jid, voiceForm(occupant));
  }

  /** Section 8.6. */
  #answer(room: Room, moderator: Occupant, said: Map<string, string>, allowed: boolean | undefined): void {
    if (moderator.role !== 'moderator') throw forbidden();
    const occupant = room.occupants.get(said.get('muc#roomnick') ?? '');
    if (occupant === undefined) throw itemNotFound();
    if (allowed !== true || occupant.role !== 'visitor') return;
    occupant.role = 'participant';
    room.announce(occupant, { actor: moderator.nick });
  }
}

function voiceForm({ nick, shown }: Occupant): string {
  const fields = [
    {
      name: 'muc#role',
      type: 'list-single',
      label: 'Requested role',
      value: 'participant',
      options: [['participant', 'Participant']],
    },
    { name: 'muc#jid', type: 'jid-single', label: 'User', value: shown.address },
    { name: 'muc#roomnick', type: 'text-single', label: 'Nickname', value: nick },
    { name: 'muc#request_allow', type: 'boolean', label: 'Grant voice?', value: false },
  ] as const;
  return formXml('form', REQUEST, fields, { title: 'Voice request' });
}

/** Section 7.9: a one-to-one chat goes on here. */
function continueXml(invite: Element): string {
  const said = invite.getChild('continue', USER);
  return said === undefined ? '' : `<continue${attribute('thread', said.attrs.thread)}/>`;
}
