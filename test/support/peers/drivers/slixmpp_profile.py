"""slixmpp's plugins for what an account publishes: avatar both ways, tune, nickname, bookmarks old and new."""

import hashlib
import sys

from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET
from slixmpp_guest import Guest, done, friends, run

domain, password, port, room = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
PLUGINS = ("xep_0004", "xep_0045", "xep_0048", "xep_0049", "xep_0054", "xep_0060", "xep_0084", "xep_0115", "xep_0118")
PLUGINS += ("xep_0153", "xep_0163", "xep_0172", "xep_0223")
EVENTS = ("avatar_metadata_publish", "user_tune_publish", "user_nick_publish", "vcard_avatar_update", "pubsub_publish")
BOOKMARKS = "urn:xmpp:bookmarks:1"
IMAGES = [bytes([137, 80, 78, 71]) + bytes([n]) * 500 for n in (1, 2)]


def guest(name, resource="slixmpp"):
    return Guest(f"{name}@{domain}/{resource}", password, port, PLUGINS, EVENTS)


def sha1(data):
    return hashlib.sha1(data).hexdigest()


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    await friends(romeo, juliet)
    info = (await romeo["xep_0030"].get_info(jid=romeo.boundjid.bare))["disco_info"]
    assert any(each[:2] == ("pubsub", "pep") for each in info["identities"]), info
    assert "urn:xmpp:pep-vcard-conversion:0" in info["features"], info
    done("discovered")

    image, photo = IMAGES
    await juliet["xep_0084"].publish_avatar(image)
    await juliet["xep_0084"].publish_avatar_metadata({"id": sha1(image), "type": "image/png", "bytes": len(image)})
    event = await romeo.next("avatar_metadata_publish")
    assert event["from"] == juliet.boundjid.bare, event
    told = event["pubsub_event"]["items"]["item"]["avatar_metadata"]["info"]
    assert (told["id"], told["bytes"]) == (sha1(image), len(image)), told
    data = (await romeo["xep_0084"].retrieve_avatar(juliet.boundjid.bare, told["id"]))["pubsub"]["items"]
    assert data["item"]["avatar_data"]["value"] == image
    done("avatar published, told of and retrieved")

    # A client that comes later is told too, and one that never asked is not.
    late = await guest("romeo", "late").enter()
    event = await late.next("avatar_metadata_publish", lambda it: it["from"] == juliet.boundjid.bare)
    assert event["pubsub_event"]["items"]["item"]["id"] == sha1(image), event
    await late.leave()
    done("avatar told to who comes later")

    await romeo["xep_0153"].set_avatar(avatar=photo, mtype="image/png")
    changed = lambda it: it["pubsub_event"]["items"]["item"]["avatar_metadata"]["info"]["id"] == sha1(photo)
    await juliet.next("avatar_metadata_publish", changed)
    data = await juliet["xep_0084"].retrieve_avatar(romeo.boundjid.bare, sha1(photo))
    assert data["pubsub"]["items"]["item"]["avatar_data"]["value"] == photo
    await juliet.next("vcard_avatar_update", lambda it: it["vcard_temp_update"]["photo"] == sha1(photo))
    vcard = (await juliet["xep_0054"].get_vcard(romeo.boundjid.bare))["vcard_temp"]
    assert (vcard["PHOTO"]["TYPE"], vcard["PHOTO"]["BINVAL"]) == ("image/png", photo), vcard
    done("photo of a vCard published")

    open_data = juliet["xep_0004"].make_form(ftype="submit")
    open_data.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    open_data.add_field(var="pubsub#access_model", value="open")
    try:
        await juliet["xep_0084"].publish_avatar(photo, options=open_data)
        raise AssertionError("options that do not hold were taken")
    except IqError as error:
        assert error.condition == "conflict", error
    node = "urn:xmpp:avatar:data"
    form = (await juliet["xep_0060"].get_node_config(None, node))["pubsub_owner"]["configure"]["form"]
    form.set_values({**form.get_values(), "pubsub#access_model": "open"})
    form["type"] = "submit"
    await juliet["xep_0060"].set_node_config(None, node, form)
    await juliet["xep_0084"].publish_avatar(photo, options=open_data)
    await juliet["xep_0084"].publish_avatar_metadata({"id": sha1(photo), "type": "image/png", "bytes": len(photo)})
    await romeo.next("avatar_metadata_publish", lambda it: it["from"] == juliet.boundjid.bare and changed(it))
    vcard = None
    while vcard is None or vcard["PHOTO"]["BINVAL"] != photo:
        vcard = (await romeo["xep_0054"].get_vcard(juliet.boundjid.bare))["vcard_temp"]
    done("avatar that is open to all put into the vCard")

    await juliet["xep_0118"].publish_tune(artist="Yes", title="Heart of the Sunrise")
    tune = (await romeo.next("user_tune_publish"))["pubsub_event"]["items"]["item"]["tune"]
    assert tune["title"] == "Heart of the Sunrise", tune
    await juliet["xep_0172"].publish_nick("Jule")
    nick = (await romeo.next("user_nick_publish"))["pubsub_event"]["items"]["item"]["nick"]
    assert nick["nick"] == "Jule", nick
    done("tune and nickname")

    bookmarks = romeo["xep_0048"].stanza.Bookmarks()
    bookmarks.add_conference(room, "Romeo", name="Orchard", autojoin=True)
    await romeo["xep_0048"].set_bookmarks(bookmarks)
    kept = (await romeo["xep_0048"].get_bookmarks())["private"]["bookmarks"]["conferences"]
    assert [(each["jid"], each["nick"]) for each in kept] == [(room, "Romeo")], kept
    await romeo["xep_0048"].set_bookmarks(bookmarks, method="xep_0223")
    kept = (await romeo["xep_0048"].get_bookmarks(method="xep_0223"))["pubsub"]["items"]["item"]["bookmarks"]
    assert [(each["jid"], each["nick"]) for each in kept["conferences"]] == [(room, "Romeo")], kept
    try:
        await juliet["xep_0060"].get_items(romeo.boundjid.bare, "storage:bookmarks")
        raise AssertionError("others see the bookmarks")
    except IqError as error:
        assert error.condition == "not-allowed", error
    done("bookmarks of old")

    options = romeo["xep_0004"].make_form(ftype="submit")
    options.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in (
        ("persist_items", "true"),
        ("max_items", "max"),
        ("send_last_published_item", "never"),
        ("access_model", "whitelist"),
    ):
        options.add_field(var=f"pubsub#{name}", value=value)
    other = guest("romeo", "other")
    other["xep_0163"].add_interest(BOOKMARKS)
    await other.enter()
    # What it is interested in is known from here on.
    await other.next("avatar_metadata_publish")
    rooms = [room, f"second-{room}"]
    for each in rooms:
        conference = ET.Element("{%s}conference" % BOOKMARKS, {"name": each, "autojoin": "true"})
        await romeo["xep_0060"].publish(None, BOOKMARKS, id=each, payload=conference, options=options)
        await other.next("pubsub_publish", lambda it: it["pubsub_event"]["items"]["item"]["id"] == each)
    items = (await other["xep_0060"].get_items(None, BOOKMARKS))["pubsub"]["items"]
    assert [each["id"] for each in items] == rooms[::-1], items
    await romeo["xep_0060"].retract(None, BOOKMARKS, rooms[0], notify="true")
    items = (await other["xep_0060"].get_items(None, BOOKMARKS))["pubsub"]["items"]
    assert [each["id"] for each in items] == rooms[1:], items
    done("bookmarks of now")
    for each in (romeo, juliet, other):
        await each.leave()


run(main())
