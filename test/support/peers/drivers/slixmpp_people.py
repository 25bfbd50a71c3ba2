"""slixmpp's plugins for who hears what: blocked addresses, copies for the other clients of an account."""

import sys

from slixmpp.exceptions import IqError
from slixmpp_guest import Guest, done, friends, run

domain, password, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
EVENTS = ("blocked", "unblocked", "carbon_received", "carbon_sent", "presence_unavailable", "message_error")


def guest(name, resource="slixmpp"):
    return Guest(f"{name}@{domain}/{resource}", password, port, ("xep_0191", "xep_0280", "xep_0297"), EVENTS)


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    await friends(romeo, juliet)
    phone = await guest("juliet", "phone").enter()
    info = (await juliet["xep_0030"].get_info(jid=domain))["disco_info"]
    assert {"urn:xmpp:blocking", "urn:xmpp:carbons:2"} <= set(info["features"]), info
    done("discovered")

    for each in (juliet, phone):
        await each["xep_0280"].enable()
    juliet.send_message(mto=romeo.boundjid.bare, mbody="from one", mtype="chat")
    sent = (await phone.next("carbon_sent"))["carbon_sent"]
    assert (sent["to"], sent["body"]) == (romeo.boundjid.bare, "from one"), sent
    asked = await romeo.heard("from one")
    romeo.send_message(mto=asked["from"], mbody="to one", mtype="chat")
    received = (await phone.next("carbon_received"))["carbon_received"]
    assert (received["from"], received["body"]) == (romeo.boundjid, "to one"), received
    await phone["xep_0280"].disable()
    done("copies")

    for each in (juliet, phone):
        assert not (await each["xep_0191"].get_blocked())["blocklist"]["items"]
    await juliet["xep_0191"].block(romeo.boundjid.bare)
    assert romeo.boundjid.bare in (await phone.next("blocked"))["block"]["items"]
    await romeo.next("presence_unavailable", lambda it: it["from"] == juliet.boundjid)
    assert romeo.boundjid.bare in (await juliet["xep_0191"].get_blocked())["blocklist"]["items"]
    romeo.send_message(mto=juliet.boundjid.bare, mbody="do you hear me", mtype="chat")
    assert (await romeo.next("message_error"))["error"]["condition"] == "service-unavailable"
    juliet.send_message(mto=romeo.boundjid.bare, mbody="by mistake", mtype="chat")
    assert (await juliet.next("message_error"))["error"]["condition"] == "not-acceptable"
    try:
        await romeo["xep_0199"].send_ping(juliet.boundjid)
        raise AssertionError("a blocked one was answered")
    except IqError as error:
        assert error.condition == "service-unavailable", error
    done("blocked")

    await phone["xep_0191"].unblock(romeo.boundjid.bare)
    await juliet.next("unblocked")
    await romeo.next("presence_available", lambda it: it["from"] == juliet.boundjid)
    romeo.send_message(mto=juliet.boundjid.bare, mbody="and now", mtype="chat")
    await juliet.heard("and now")
    done("unblocked")
    for each in (romeo, juliet, phone):
        await each.leave()


run(main())
