"""nbxmpp's module for rooms, and what it reads in a room's archive."""

import sys

from nbxmpp.const import InviteType, StatusCode
from nbxmpp.modules.dataforms import extend_form
from nbxmpp.protocol import JID
from nbxmpp_guest import Guest, asked, done, refused, run

domain, password, port, address = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
room = JID.from_string(address)
MUC = "http://jabber.org/protocol/muc"


def guest(name):
    return Guest(f"{name}@{domain}/nbxmpp", password, port)


def inside(nick):
    return room.new_with(resource=nick)


async def enter(client, nick, secret=None):
    presence = client.presence(to=inside(nick))
    x = presence.setTag("x", namespace=MUC)
    x.setTag("history", {"maxstanzas": "0"})
    if secret is not None:
        x.setTagData("password", secret)
    client.client.send_stanza(presence)
    _, properties = await client.next("presence", lambda it: it.is_muc_self_presence or (it.from_muc and it.type.is_error))
    if properties.type.is_error:
        return properties.error.condition
    await client.next("message", lambda it: it.muc_subject is not None)
    return properties


async def configure(client, values):
    muc = client.module("MUC")
    form = extend_form((await asked(muc.request_config, room)).form)
    for name, value in values.items():
        form[f"muc#roomconfig_{name}"].value = value
    form.type_ = "submit"
    await asked(muc.set_config, room, form)


async def main():
    romeo, juliet, nurse = [await guest(name).enter() for name in ("romeo", "juliet", "nurse")]
    his = romeo.module("MUC")
    own = await enter(romeo, "Romeo")
    assert StatusCode.CREATED in own.muc_status_codes and own.occupant_id, own
    await configure(romeo, {"roomname": "Orchard", "persistentroom": True, "moderatedroom": True, "enablearchiving": True})
    info = (await asked(his.request_info, room, request_vcard=False)).info
    assert (info.muc_name, info.muc_is_persistent, info.muc_is_moderated) == ("Orchard", True, True), info
    assert info.has_mam_2 and info.supports("urn:xmpp:occupant-id:0"), info
    done("made and configured")

    await configure(romeo, {"passwordprotectedroom": True, "roomsecret": "balcony"})
    assert await enter(juliet, "Juliet") == "not-authorized"
    assert await enter(juliet, "Romeo", "balcony") == "conflict"
    own = await enter(juliet, "Juliet", "balcony")
    assert own.muc_user.role.is_visitor and StatusCode.CONFIG_ROOM_LOGGING in own.muc_status_codes, own
    done("entered")

    juliet.module("MUC").request_voice(room)
    _, properties = await romeo.next("message", lambda it: it.voice_request is not None)
    assert properties.voice_request.nick == "Juliet", properties.voice_request
    his.approve_voice_request(room, properties.voice_request)
    await juliet.next("presence", lambda it: it.muc_nickname == "Juliet" and it.muc_user.role.is_participant)
    his.set_subject(room, "Names")
    _, properties = await juliet.next("message", lambda it: it.muc_subject is not None)
    assert (properties.muc_subject.text, properties.muc_subject.author) == ("Names", "Romeo"), properties
    done("voice and subject")

    his.invite(room, nurse.address.bare, None, "come")
    _, properties = await nurse.next("message", lambda it: it.muc_invite is not None)
    invitation = properties.muc_invite
    assert (invitation.muc, invitation.from_, invitation.reason) == (room, inside("Romeo"), "come"), invitation
    assert (invitation.password, invitation.type) == ("balcony", InviteType.MEDIATED), invitation
    nurse.module("MUC").decline(room, invitation.from_, "anon")
    _, properties = await romeo.next("message", lambda it: it.muc_decline is not None)
    assert properties.muc_decline.reason == "anon", properties.muc_decline
    done("invited and declined")

    ids = []
    for number in range(12):
        juliet.say(room, f"line {number}", "groupchat")
        _, properties = await romeo.heard(f"line {number}")
        assert properties.muc_nickname == "Juliet" and properties.occupant_id, properties
        ids += [each.id for each in properties.stanza_ids if each.by == room]
    found, after = [], None
    while True:
        data = await asked(romeo.module("MAM").make_query, room, queryid=f"q{after}", after=after, max_=5)
        while not found or found[-1].mam.id != data.rsm.last:
            found.append((await romeo.next("message", lambda it: it.mam is not None))[1])
        if data.complete:
            break
        after = data.rsm.last
    talk = [it for it in found if it.body]
    assert [it.mam.id for it in talk] == ids, (found, ids)
    assert {(it.mam.archive, it.muc_nickname) for it in talk} == {(room, "Juliet")}, talk
    done("talked, and found it in the archive")

    await asked(his.set_affiliation, room, {nurse.address.bare: {"affiliation": "outcast", "reason": "late"}})
    outcasts = (await asked(his.get_affiliation, room, "outcast")).users
    assert list(outcasts) == [nurse.address.bare], outcasts
    assert await enter(nurse, "Nurse", "balcony") == "forbidden"
    await asked(his.set_role, room, "Juliet", "none", "go")
    _, properties = await juliet.next("presence", lambda it: it.type.is_unavailable and it.from_muc)
    assert StatusCode.REMOVED_KICKED in properties.muc_status_codes, properties
    assert (properties.muc_user.reason, properties.muc_user.actor) == ("go", "Romeo"), properties
    assert await refused(juliet.module("MUC").request_config, room) == "forbidden"
    await asked(his.destroy, room, "dawn")
    _, properties = await romeo.next("presence", lambda it: it.is_muc_destroyed)
    done("banned, put out, destroyed")
    for each in (romeo, juliet, nurse):
        await each.leave()


run(main())
