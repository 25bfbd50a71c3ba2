"""nbxmpp's modules for archives and blocking."""

import sys
from datetime import datetime, timedelta, timezone

from nbxmpp.protocol import JID
from nbxmpp_guest import Guest, asked, done, friends, run

domain, password, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
TEXTS = [f"line {n}" for n in range(25)]


def guest(name):
    return Guest(f"{name}@{domain}/nbxmpp", password, port)


async def pages(client, jid, **question):
    """All messages, page by page, with the count that is told."""
    found, after, count = [], None, None
    while True:
        query = f"q{after}"
        data = await asked(client.module("MAM").make_query, jid, queryid=query, after=after, max_=7, **question)
        count = data.rsm.count
        if data.rsm.last is not None:
            last = lambda it: it.mam is not None and it.mam.query_id == query
            while not found or found[-1].mam.id != data.rsm.last:
                found.append((await client.next("message", last))[1])
        if data.complete:
            return found, count
        after = data.rsm.last


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    await friends(romeo, juliet)
    info = await asked(romeo.module("Discovery").disco_info, domain)
    assert info.supports("urn:xmpp:blocking"), info
    own = await asked(romeo.module("Discovery").disco_info, romeo.address.bare)
    assert own.supports("urn:xmpp:mam:2") and own.has_category("account"), own
    done("discovered")

    for line in TEXTS:
        romeo.say(juliet.address.bare, line)
    ids = []
    for line in TEXTS:
        _, properties = await juliet.heard(line)
        assert str(properties.stanza_ids[0].by) == str(juliet.address.bare), properties.stanza_ids
        ids.append(properties.stanza_ids[0].id)
    for client in (romeo, juliet):
        found, count = await pages(client, client.address.bare)
        assert [it.body for it in found] == TEXTS, found
        assert count in (None, len(TEXTS)), count
        if client is juliet:
            assert [it.mam.id for it in found] == ids, found
    now = datetime.now(timezone.utc)
    found, _ = await pages(juliet, juliet.address.bare, start=now - timedelta(hours=1))
    assert len(found) == len(TEXTS), found
    found, _ = await pages(juliet, juliet.address.bare, end=now - timedelta(hours=1))
    assert found == [], found
    done("paged")

    mam = juliet.module("MAM")
    assert (await asked(mam.request_preferences)).default == "always"
    await asked(mam.set_preferences, "roster", [romeo.address.bare], [JID.from_string(f"nurse@{domain}")])
    preferences = await asked(mam.request_preferences)
    assert preferences.default == "roster", preferences
    assert preferences.always == [romeo.address.bare], preferences
    assert preferences.never == [JID.from_string(f"nurse@{domain}")], preferences
    done("preferred")

    blocking = juliet.module("Blocking")
    assert await asked(blocking.request_blocking_list) == set()
    await asked(blocking.block, [romeo.address.bare])
    await romeo.next("presence", lambda it: it.type.is_unavailable and it.jid == juliet.address)
    assert await asked(blocking.request_blocking_list) == {romeo.address.bare}
    romeo.say(juliet.address.bare, "do you hear me")
    _, properties = await romeo.next("message", lambda it: it.type.is_error)
    assert properties.error.condition == "service-unavailable", properties.error
    await asked(blocking.unblock, [romeo.address.bare])
    await romeo.next("presence", lambda it: it.type.is_available and it.jid == juliet.address)
    romeo.say(juliet.address.bare, "and now")
    await juliet.heard("and now")
    done("blocked and unblocked")
    for each in (romeo, juliet):
        await each.leave()


run(main())
