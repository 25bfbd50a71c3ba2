"""slixmpp at a server that goes away in the middle of talks, and comes back: all is as it was, and what was acknowledged is there."""

import asyncio
import logging
import sys

from slixmpp.xmlstream import ET
from slixmpp.xmlstream.xmlstream import NotConnectedError
from slixmpp_guest import Guest, configure, done, friends, run, told

domain, password, port, room, service = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
PLUGINS = ("xep_0004", "xep_0045", "xep_0054", "xep_0059", "xep_0060", "xep_0191", "xep_0198", "xep_0313", "xep_0359")
EVENTS = ("groupchat_message", "groupchat_subject", "pubsub_publish")
NODE = "news"
OPTIONS = {
    "roomname": "Crypt",
    "roomdesc": "Where they meet",
    "persistentroom": True,
    "enablearchiving": True,
    "moderatedroom": True,
    "whois": "anyone",
    "maxusers": "20",
}


def guest(name):
    return Guest(f"{name}@{domain}/slixmpp", password, port, PLUGINS, EVENTS)


def news(text):
    element = ET.Element("{urn:example:news}news")
    element.text = text
    return element


class Talk:
    """Says one thing after the other, to somebody and to a room, and knows what was acknowledged."""

    def __init__(self, client, other):
        self.client = client
        self.targets = {"a": (other, "chat"), "b": (room, "groupchat")}
        self.acknowledged = {each: [] for each in self.targets}

        client.add_event_handler("stanza_acked", self.heard)

    def heard(self, stanza):
        if stanza.name == "message":
            self.acknowledged[stanza["body"][0]].append(stanza["body"])
            print("ACKNOWLEDGED", len(self.acknowledged["a"]), flush=True)

    async def go_on(self):
        number = 0
        while True:
            for kind, (to, mtype) in self.targets.items():
                self.client.send_message(mto=to, mbody=f"{kind} {number}", mtype=mtype)
            try:
                self.client["xep_0198"].request_ack()
            except NotConnectedError:
                return
            await self.client.next("groupchat_message", lambda message: message["body"] == f"b {number}")
            number += 1


async def texts(client, kind, **question):
    found = []
    async for message in client["xep_0313"].iterate(rsm={"max": 50}, **question):
        body = message["mam_result"]["forwarded"]["stanza"]["body"]
        if body.startswith(f"{kind} "):
            found.append((message["mam_result"]["id"], body))
    return found


def values(form):
    return {name: value for name, value in form.get_values().items()}


async def state(romeo, juliet):
    """All that is there beside messages."""
    muc, pubsub = romeo["xep_0045"], romeo["xep_0060"]
    info = (await juliet["xep_0030"].get_info(jid=room))["disco_info"]
    subscriptions = (await juliet["xep_0060"].get_subscriptions(service))["pubsub"]["subscriptions"]
    items = (await juliet["xep_0060"].get_items(service, NODE))["pubsub"]["items"]
    granted = (await pubsub.get_node_affiliations(service, NODE))["pubsub_owner"]["affiliations"]
    profile = (await juliet["xep_0060"].get_items(romeo.boundjid.bare, "urn:example:profile"))["pubsub"]["items"]
    return {
        "room": values(await muc.get_room_config(room)),
        "standing": {each: await muc.get_affiliation_list(room, each) for each in ("owner", "member", "outcast")},
        "features": sorted(info["features"]),
        "node": values((await pubsub.get_node_config(service, NODE))["pubsub_owner"]["configure"]["form"]),
        "subscriptions": [(each["node"], str(each["jid"]), each["subid"], each["subscription"]) for each in subscriptions],
        "affiliations": sorted((str(each["jid"]), each["affiliation"]) for each in granted),
        "items": [(each["id"], each["payload"].text) for each in items],
        "profile": [(each["id"], each["payload"].text) for each in profile],
        "blocked": sorted(map(str, (await juliet["xep_0191"].get_blocked())["blocklist"]["items"])),
        "roster": {name: (it["subscription"], it["name"]) for name, it in (await romeo.get_roster())["roster"]["items"].items()},
        "vcard": (await juliet["xep_0054"].get_vcard(romeo.boundjid.bare))["vcard_temp"]["FN"],
    }


async def prepare(romeo, juliet):
    await friends(romeo, juliet)
    await romeo["xep_0045"].join_muc_wait(room, "Romeo")
    await configure(romeo, room, OPTIONS)
    await romeo["xep_0045"].set_affiliation(room, "member", jid=juliet.boundjid.bare)
    await romeo["xep_0045"].set_affiliation(room, "outcast", jid=f"tybalt@{domain}")
    await juliet["xep_0045"].join_muc_wait(room, "Juliet")
    romeo["xep_0045"].set_subject(room, "Plans")
    await juliet.next("groupchat_subject", lambda message: message["subject"] == "Plans")
    form = romeo["xep_0004"].make_form(ftype="submit")
    form.add_field(var="pubsub#title", value="News")
    form.add_field(var="pubsub#max_items", value="5")
    await romeo["xep_0060"].create_node(service, NODE, config=form)
    await juliet["xep_0060"].subscribe(service, NODE)
    await romeo["xep_0060"].modify_affiliations(service, NODE, [(juliet.boundjid.bare, "publisher")])
    for number in range(7):
        await romeo["xep_0060"].publish(service, NODE, id=f"n{number}", payload=news(f"news {number}"))
    await romeo["xep_0060"].publish(None, "urn:example:profile", id="p", payload=news("here"))
    await juliet["xep_0191"].block(f"tybalt@{domain}")
    vcard = romeo["xep_0054"].make_vcard()
    vcard["FN"] = "Romeo Montague"
    await romeo["xep_0054"].publish_vcard(vcard=vcard)


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    await prepare(romeo, juliet)
    before = await state(romeo, juliet)
    # It complains when it is cut while it speaks.
    logging.disable(logging.ERROR)
    talk = Talk(romeo, juliet.boundjid.bare)
    talking = asyncio.ensure_future(talk.go_on())
    for each in (romeo, juliet):
        await each.lost()
    talking.cancel()
    print("LOST", flush=True)

    await told("back")
    for each in (romeo, juliet):
        await each.enter()
    logging.disable(logging.NOTSET)
    done("came back")
    _, subject, _, _ = await romeo["xep_0045"].join_muc_wait(room, "Romeo")
    _, _, occupants, history = await juliet["xep_0045"].join_muc_wait(room, "Juliet")
    assert subject["subject"] == "Plans", subject
    assert sorted(each["muc"]["nick"] for each in occupants) == ["Juliet", "Romeo"], occupants
    after = await state(romeo, juliet)
    assert after == before, "\n".join(f"{key}: {before[key]}\n{after[key]}" for key in before if before[key] != after[key])
    done("found all as it was")

    questions = [
        (romeo, "a", {"with_jid": juliet.boundjid.bare}),
        (juliet, "a", {"with_jid": romeo.boundjid.bare}),
        (juliet, "b", {"jid": room}),
    ]
    for client, kind, question in questions:
        found = await texts(client, kind, **question)
        bodies, ids = [body for _, body in found], [id for id, _ in found]
        assert bodies == [f"{kind} {n}" for n in range(len(bodies))], bodies
        assert len(set(ids)) == len(ids), ids
        missing = set(talk.acknowledged[kind]) - set(bodies)
        assert not missing, (client.boundjid, kind, sorted(missing))
        print("FOUND", kind, len(bodies), "of which were acknowledged", len(talk.acknowledged[kind]), flush=True)
    last = [body for _, body in await texts(juliet, "b", jid=room)]
    told_again = [message["body"] for message in history]
    assert told_again and told_again == last[-len(told_again) :], (told_again, last)
    done("found all that was acknowledged")

    await romeo["xep_0060"].publish(service, NODE, id="n7", payload=news("news 7"))
    event = await juliet.next("pubsub_publish", lambda it: it["pubsub_event"]["items"]["item"]["id"] == "n7")
    assert event["pubsub_event"]["items"]["item"]["payload"].text == "news 7", event
    juliet.send_message(mto=room, mbody="b again", mtype="groupchat")
    await romeo.next("groupchat_message", lambda message: message["body"] == "b again")
    assert [body for _, body in await texts(romeo, "b", jid=room)] == [*last, "b again"]
    done("went on")
    for each in (romeo, juliet):
        await each.leave()


run(main(), 100)
