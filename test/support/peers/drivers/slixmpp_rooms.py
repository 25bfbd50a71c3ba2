"""slixmpp's plugin for rooms: passwords, invitations, subjects, history, voice, expulsion, and what is refused."""

import sys

from slixmpp.exceptions import IqError, PresenceError
from slixmpp_guest import Guest, configure, done, run

domain, password, port, room = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
EVENTS = ("message_error", "message_xform", "groupchat_message", "groupchat_subject", "groupchat_invite")
EVENTS += ("groupchat_message_error", "groupchat_presence", f"muc::{room}::got_online", f"muc::{room}::got_offline")


def guest(name):
    return Guest(f"{name}@{domain}/slixmpp", password, port, ("xep_0004", "xep_0045", "xep_0059"), EVENTS)


async def refused(waiting):
    try:
        answer = await waiting
    except (IqError, PresenceError) as error:
        return error.condition
    raise AssertionError(answer)


def fits(body):
    return lambda message: message["body"] == body


def nicks(occupants):
    return [each["muc"]["nick"] for each in occupants]


async def main():
    romeo, juliet, nurse = [await guest(name).enter() for name in ("romeo", "juliet", "nurse")]
    his, hers, of_nurse = [each["xep_0045"] for each in (romeo, juliet, nurse)]
    service = room.split("@")[1]
    items = (await romeo["xep_0030"].get_items(jid=domain))["disco_items"]["items"]
    assert service in [each[0] for each in items], items
    info = (await romeo["xep_0030"].get_info(jid=service))["disco_info"]
    assert any(each[:2] == ("conference", "text") for each in info["identities"]), info
    done("discovered")

    own, subject, occupants, history = await his.join_muc_wait(room, "Romeo")
    assert (subject["subject"], nicks(occupants), history) == ("", ["Romeo"], []), (subject, occupants, history)
    assert own["muc"]["status_codes"] >= {110, 201}, own
    await configure(romeo, room, {"roomname": "Orchard", "persistentroom": True, "changesubject": False, "whois": "anyone"})
    await configure(romeo, room, {"passwordprotectedroom": True, "roomsecret": "balcony", "moderatedroom": True})
    items = (await juliet["xep_0030"].get_items(jid=service))["disco_items"]["items"]
    assert (room, None, "Orchard") in items, items
    features = (await juliet["xep_0030"].get_info(jid=room))["disco_info"]["features"]
    expected = {"muc_persistent", "muc_passwordprotected", "muc_moderated", "muc_nonanonymous", "muc_open", "muc_public"}
    assert expected <= set(features), features
    done("made and configured")

    assert await refused(hers.join_muc_wait(room, "Juliet")) == "not-authorized"
    assert await refused(hers.join_muc_wait(room, "Juliet", password="window")) == "not-authorized"
    assert await refused(hers.join_muc_wait(room, "Romeo", password="balcony")) == "conflict"
    own, subject, occupants, _ = await hers.join_muc_wait(room, "Juliet", password="balcony")
    assert 100 in own["muc"]["status_codes"], own
    assert nicks(occupants) == ["Romeo", "Juliet"], occupants
    assert occupants[0]["muc"]["jid"] == romeo.boundjid, occupants
    assert (own["muc"]["role"], own["muc"]["affiliation"]) == ("visitor", "none"), own
    done("entered with the password")

    juliet.send_message(mto=room, mbody="may I?", mtype="groupchat")
    assert (await juliet.next("groupchat_message_error"))["error"]["condition"] == "forbidden"
    hers.request_voice(room, "participant")
    asked = await romeo.next("message_xform")
    answer = romeo.make_message(room)
    form = asked["form"]
    values = {**form.get_values(), "muc#request_allow": True}
    assert values["muc#roomnick"] == "Juliet", values
    form["type"] = "submit"
    form.set_values(values)
    answer.append(form)
    answer.send()
    voiced = lambda presence: presence["muc"]["nick"] == "Juliet" and presence["muc"]["role"] == "participant"
    await juliet.next("groupchat_presence", voiced)
    juliet.send_message(mto=room, mbody="I may", mtype="groupchat")
    for each in (romeo, juliet):
        assert (await each.next("groupchat_message", fits("I may")))["mucnick"] == "Juliet"
    done("asked for voice and got it")

    hers.set_subject(room, "Names")
    assert (await juliet.next("message_error", lambda it: not it["body"]))["error"]["condition"] == "forbidden"
    his.set_subject(room, "What's in a name?")
    for each in (romeo, juliet):
        await each.next("groupchat_subject", lambda message: message["subject"] == "What's in a name?")
    done("subject")

    his.invite(room, nurse.boundjid.bare, "come in")
    invitation = await nurse.next("groupchat_invite")
    assert invitation["from"] == room, invitation
    assert invitation["muc"]["invite"]["reason"] == "come in", invitation
    assert invitation.xml.find(".//{http://jabber.org/protocol/muc#user}password").text == "balcony", invitation
    _, subject, occupants, history = await of_nurse.join_muc_wait(room, "Nurse", password="balcony", maxstanzas=10)
    assert subject["subject"] == "What's in a name?", subject
    assert nicks(occupants) == ["Romeo", "Juliet", "Nurse"], occupants
    assert [each["body"] for each in history] == ["I may"], history
    assert history[0]["delay"]["stamp"], history
    done("invited, and entered to the history")

    juliet.send_message(mto=f"{room}/Nurse", mbody="psst", mtype="chat")
    assert (await nurse.heard("psst"))["from"] == f"{room}/Juliet"
    juliet.send_presence(pto=f"{room}/Capulet")
    renamed = await romeo.next("groupchat_presence", lambda it: 303 in it["muc"]["status_codes"])
    assert renamed.xml.find(".//{http://jabber.org/protocol/muc#user}item").attrib["nick"] == "Capulet", renamed
    await nurse.next(f"muc::{room}::got_online", lambda presence: presence["muc"]["nick"] == "Capulet")
    done("spoke in private and changed the nickname")

    assert await refused(hers.set_role(room, "Nurse", "none")) == "forbidden"
    await his.set_role(room, "Nurse", "none", reason="late")
    gone = await nurse.next("groupchat_presence", lambda it: 307 in it["muc"]["status_codes"])
    assert gone["type"] == "unavailable", gone
    await his.set_affiliation(room, "outcast", jid=nurse.boundjid.bare)
    assert await refused(of_nurse.join_muc_wait(room, "Nurse", password="balcony")) == "forbidden"
    assert nurse.boundjid.bare in await his.get_affiliation_list(room, "outcast")
    await his.set_affiliation(room, "none", jid=nurse.boundjid.bare)
    await his.set_affiliation(room, "member", jid=juliet.boundjid.bare)
    await configure(romeo, room, {"membersonly": True})
    assert await refused(of_nurse.join_muc_wait(room, "Nurse", password="balcony")) == "registration-required"
    done("put out and kept out")

    await his.destroy(room, reason="dawn", altroom=f"tomb@{service}")
    last = await juliet.next("groupchat_presence", lambda it: it["type"] == "unavailable" and destroyed(it) is not None)
    assert destroyed(last).attrib["jid"] == f"tomb@{service}", last
    assert await refused(romeo["xep_0030"].get_info(jid=room)) == "item-not-found"
    done("destroyed")
    for each in (romeo, juliet, nurse):
        await each.leave()



def destroyed(presence):
    return presence.xml.find(".//{http://jabber.org/protocol/muc#user}destroy")


run(main())
