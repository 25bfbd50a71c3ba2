"""nbxmpp's modules for what an account publishes: avatar, bookmarks, devices of OMEMO, vCards; and nodes at a service."""

import sys
import hashlib

from nbxmpp.modules.user_avatar import Avatar
from nbxmpp.modules.vcard4 import VCard
from nbxmpp.protocol import JID
from nbxmpp.simplexml import Node
from nbxmpp.structs import BookmarkData
from nbxmpp_guest import Guest, asked, done, friends, refused, run

domain, password, port, room, service = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
IMAGE = bytes([137, 80, 78, 71]) + bytes([1]) * 500
DEVICES = "eu.siacs.conversations.axolotl.devicelist"
BOOKMARKS = "urn:xmpp:bookmarks:1"


def guest(name, resource="nbxmpp"):
    return Guest(f"{name}@{domain}/{resource}", password, port)


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    await friends(romeo, juliet)
    own = await asked(romeo.module("Discovery").disco_info, romeo.address.bare)
    assert own.supports_pep if hasattr(own, "supports_pep") else own.has_category("pubsub"), own
    assert own.supports("http://jabber.org/protocol/pubsub#publish-options"), own
    done("discovered")

    sha = hashlib.sha1(IMAGE).hexdigest()
    for public in (False, True):
        avatar = Avatar()
        avatar.add_image_source(IMAGE, "image/png", 64, 64)
        await asked(juliet.module("UserAvatar").set_avatar, avatar, public=public)
        properties = await romeo.event("urn:xmpp:avatar:metadata", lambda it: it.data is not None)
        assert properties.pubsub_event.data.avatar_shas == [sha], properties.pubsub_event
        data = await asked(romeo.module("UserAvatar").request_avatar_data, sha, juliet.address.bare)
        assert data.data == IMAGE, data
        metadata = await asked(romeo.module("UserAvatar").request_avatar_metadata, juliet.address.bare)
        assert (metadata.default, metadata.infos[0].height) == (sha, 64), metadata
    juliet.client.send_stanza(juliet.presence())
    await romeo.next("presence", lambda it: it.avatar_sha == sha)
    vcard = await asked(romeo.module("VCardTemp").request_vcard, juliet.address.bare)
    assert vcard.get_avatar()[0] == IMAGE, vcard
    done("avatar, for contacts and for all")

    await asked(juliet.module("OMEMO").set_devicelist, [31415, 27183])
    properties = await romeo.event(DEVICES)
    assert sorted(properties.pubsub_event.data) == [27183, 31415], properties.pubsub_event
    assert sorted(await asked(romeo.module("OMEMO").request_devicelist, juliet.address.bare)) == [27183, 31415]
    stranger = await guest("nurse").enter()
    assert sorted(await asked(stranger.module("OMEMO").request_devicelist, juliet.address.bare)) == [27183, 31415]
    done("devices")

    phone = await guest("juliet", "phone").enter()
    # What it is interested in is known from here on.
    await phone.event(DEVICES, lambda it: it.data is not None)
    module = juliet.module("NativeBookmarks")
    rooms = [JID.from_string(room), JID.from_string(f"second-{room}")]
    for jid in rooms:
        await asked(module.store_bookmarks, [BookmarkData(jid=jid, name="Cave", nick="Jule", autojoin=True, password="x")])
        properties = await phone.event(BOOKMARKS, lambda it: it.id == str(jid))
        assert properties.pubsub_event.data.nick == "Jule", properties.pubsub_event
    kept = await asked(phone.module("NativeBookmarks").request_bookmarks)
    assert {each.jid for each in kept} == set(rooms) and all(each.autojoin for each in kept), kept
    await asked(module.retract_bookmark, rooms[0])
    await phone.event(BOOKMARKS, lambda it: it.retracted)
    assert [each.jid for each in await asked(module.request_bookmarks)] == rooms[1:]
    for old in ("PEPBookmarks", "PrivateBookmarks"):
        await asked(juliet.module(old).store_bookmarks, [BookmarkData(jid=rooms[0], name="Old")])
        kept = await asked(juliet.module(old).request_bookmarks)
        assert [(each.jid, each.name) for each in kept] == [(rooms[0], "Old")], kept
    assert await refused(romeo.module("PubSub").request_items, BOOKMARKS, jid=juliet.address.bare) == "not-allowed"
    done("bookmarks")

    vcard = VCard()
    vcard.add_property("fn", value="Juliet Capulet")
    await asked(juliet.module("VCard4").set_vcard, vcard, public=True)
    kept = await asked(stranger.module("VCard4").request_vcard, juliet.address.bare)
    assert [each.value for each in kept.get_properties() if each.name == "fn"] == ["Juliet Capulet"], kept
    done("vCard of now")

    pubsub = juliet.module("PubSub")
    item = Node("entry", attrs={"xmlns": "urn:example:entry"})
    options = {"pubsub#persist_items": "true", "pubsub#access_model": "whitelist"}
    assert await refused(pubsub.publish, "diary", item, id_="one", jid=service) == "item-not-found"
    for access in ("whitelist", "open"):
        options["pubsub#access_model"] = access
        await asked(pubsub.publish, "diary", item, id_="one", options=options, force_node_options=True)
        form = (await asked(pubsub.get_node_configuration, "diary")).form
        assert form["pubsub#access_model"].value == access, form
    assert await asked(pubsub.get_access_model, "diary") == "open"
    await asked(pubsub.purge, "diary")
    assert not await asked(pubsub.request_items, "diary")
    await asked(pubsub.delete, "diary")
    assert await refused(pubsub.request_items, "diary") == "item-not-found"
    done("node of one's own")
    for each in (romeo, juliet, phone, stranger):
        await each.leave()


run(main())
