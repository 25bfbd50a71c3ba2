"""slixmpp's plugin for archives: pages in both directions, filters, what the archive says of itself, preferences."""

import sys
from datetime import datetime, timedelta, timezone

from slixmpp.xmlstream import ET
from slixmpp_guest import Guest, configure, done, run

domain, password, port, room = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
PLUGINS = ("xep_0004", "xep_0045", "xep_0059", "xep_0313", "xep_0359")
TEXTS = [f"line {n}" for n in range(25)]


def guest(name):
    return Guest(f"{name}@{domain}/slixmpp", password, port, PLUGINS, ["groupchat_message"])


def text(message):
    return message["mam_result"]["forwarded"]["stanza"]["body"]


async def texts(archive, **question):
    return [text(message) async for message in archive.iterate(**question)]


async def prefs(client, default=None):
    iq = client.make_iq_get() if default is None else client.make_iq_set()
    iq.append(slixmpp_prefs(default))
    answer = (await iq.send()).xml.find("{urn:xmpp:mam:2}prefs")
    return answer.attrib["default"]


def slixmpp_prefs(default):
    prefs = ET.Element("{urn:xmpp:mam:2}prefs", {} if default is None else {"default": default})
    if default is not None:
        for name in ("always", "never"):
            ET.SubElement(prefs, "{urn:xmpp:mam:2}%s" % name)
    return prefs


async def main():
    romeo, juliet, nurse = [await guest(name).enter() for name in ("romeo", "juliet", "nurse")]
    info = await romeo["xep_0030"].get_info(jid=romeo.boundjid.bare)
    features = set(info["disco_info"]["features"])
    assert {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0"} <= features, features
    done("discovered")

    for line in TEXTS:
        romeo.send_message(mto=juliet.boundjid.bare, mbody=line, mtype="chat")
    ids = [(await juliet.heard(line))["stanza_id"]["id"] for line in TEXTS]
    assert len(set(ids)) == len(TEXTS) and all(ids), ids
    nurse.send_message(mto=juliet.boundjid.bare, mbody="madam", mtype="chat")
    await juliet.heard("madam")
    done("talked")

    for client in (romeo, juliet):
        peer = juliet if client is romeo else romeo
        archive = client["xep_0313"]
        assert await texts(archive, with_jid=peer.boundjid.bare, rsm={"max": 7}) == TEXTS
        backwards = await texts(archive, with_jid=peer.boundjid.bare, rsm={"max": 7}, reverse=True)
        assert backwards == TEXTS[::-1], backwards
        assert await texts(archive, with_jid=peer.boundjid.bare, reverse=True, total=3) == TEXTS[:-4:-1]
    done("paged")

    archive = juliet["xep_0313"]
    assert await texts(archive) == [*TEXTS, "madam"]
    assert await texts(archive, with_jid=nurse.boundjid.bare) == ["madam"]
    assert await texts(archive, start=datetime.now(timezone.utc) + timedelta(hours=1)) == []
    assert await texts(archive, end=datetime.now(timezone.utc) - timedelta(hours=1)) == []
    page = await archive.retrieve(rsm={"max": 5, "before": ids[10]})
    results = page["mam"]["results"]
    assert [each["mam_result"]["id"] for each in results] == ids[5:10], results
    done("filtered")

    fields = (await archive.get_fields()).get_fields()
    assert {"FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"} <= set(fields), fields
    metadata = (await archive.get_archive_metadata())["mam_metadata"]
    assert metadata["start"]["id"] == ids[0], metadata
    assert metadata["end"]["timestamp"] >= metadata["start"]["timestamp"], metadata
    done("described")

    assert await prefs(juliet) == "always"
    assert await prefs(juliet, "never") == "never"
    romeo.send_message(mto=juliet.boundjid.bare, mbody="between us", mtype="chat")
    assert not (await juliet.heard("between us"))["stanza_id"]["id"]
    assert await prefs(juliet) == "never"
    assert await texts(archive, with_jid=romeo.boundjid.bare) == TEXTS
    assert await texts(romeo["xep_0313"], with_jid=juliet.boundjid.bare) == [*TEXTS, "between us"]
    done("preferred")

    for client in (romeo, nurse):
        await client["xep_0045"].join_muc_wait(room, client.boundjid.local, maxstanzas=0)
        if client is romeo:
            await configure(romeo, room, {"persistentroom": True, "enablearchiving": True})
    for line in TEXTS:
        nurse.send_message(mto=room, mbody=line, mtype="groupchat")
    ids = []
    for line in TEXTS:
        said = await romeo.next("groupchat_message", lambda message: message["body"] == line)
        assert said["stanza_id"]["by"] == room, said
        ids.append(said["stanza_id"]["id"])
    info = await romeo["xep_0030"].get_info(jid=room)
    assert "urn:xmpp:mam:2" in info["disco_info"]["features"], info
    found = [message async for message in romeo["xep_0313"].iterate(jid=room, rsm={"max": 7})]
    talk = [message for message in found if text(message)]
    assert [(each["mam_result"]["id"], text(each)) for each in talk] == list(zip(ids, TEXTS)), talk
    assert {each["mam_result"]["forwarded"]["stanza"]["from"] for each in talk} == {f"{room}/nurse"}, talk
    assert (await texts(nurse["xep_0313"], jid=room, reverse=True, total=2)) == TEXTS[:-3:-1]
    done("paged through what was said in a room")
    for each in (romeo, juliet, nurse):
        await each.leave()


run(main())
