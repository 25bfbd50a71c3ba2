"""slixmpp's plugin for publish-subscribe at a service: nodes, items, subscribers, affiliations."""

import sys

from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET
from slixmpp_guest import Guest, done, run

domain, password, port, service = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
EVENTS = [f"pubsub_{each}" for each in ("publish", "retract", "purge", "delete", "config", "subscription")]
NODE = "sonnets"


def guest(name):
    return Guest(f"{name}@{domain}/slixmpp", password, port, ("xep_0004", "xep_0059", "xep_0060"), EVENTS)


def sonnet(text):
    element = ET.Element("{urn:example:sonnet}sonnet")
    element.text = text
    return element


def items(iq):
    return [(item["id"], item["payload"].text) for item in iq["pubsub"]["items"]]


async def refused(waiting):
    try:
        answer = await waiting
    except IqError as error:
        return error.condition
    raise AssertionError(answer)


async def main():
    romeo, juliet = [await guest(name).enter() for name in ("romeo", "juliet")]
    his, hers = romeo["xep_0060"], juliet["xep_0060"]
    info = (await romeo["xep_0030"].get_info(jid=service))["disco_info"]
    assert any(each[:2] == ("pubsub", "service") for each in info["identities"]), info
    assert "http://jabber.org/protocol/pubsub#publish" in info["features"], info
    assert any(each[0] == service for each in (await romeo["xep_0030"].get_items(jid=domain))["disco_items"]["items"])
    done("discovered")

    form = romeo["xep_0004"].make_form(ftype="submit")
    form.add_field(var="pubsub#title", value="Sonnets")
    form.add_field(var="pubsub#max_items", value="3")
    await his.create_node(service, NODE, config=form)
    assert await refused(his.create_node(service, NODE)) == "conflict"
    form = (await his.get_node_config(service, NODE))["pubsub_owner"]["configure"]["form"]
    assert form.get_values()["pubsub#title"] == "Sonnets", form
    assert form.get_values()["pubsub#max_items"] == "3", form
    form.set_values({**form.get_values(), "pubsub#title": "Love sonnets", "pubsub#notify_config": True})
    form["type"] = "submit"
    await his.set_node_config(service, NODE, form)
    nodes = (await juliet["xep_0030"].get_items(jid=service))["disco_items"]["items"]
    assert (service, NODE, "Love sonnets") in nodes, nodes
    defaults = (await his.get_node_config(service))["pubsub_owner"]["default"]["form"]
    assert "pubsub#access_model" in defaults.get_fields(), defaults
    done("created and configured")

    subscription = (await hers.subscribe(service, NODE))["pubsub"]["subscription"]
    assert subscription["subscription"] == "subscribed", subscription
    mine = (await hers.get_subscriptions(service))["pubsub"]["subscriptions"]
    assert [(each["node"], each["subscription"]) for each in mine] == [(NODE, "subscribed")], mine
    all_of_node = (await his.get_node_subscriptions(service, NODE))["pubsub_owner"]["subscriptions"]
    assert [each["jid"] for each in all_of_node] == [juliet.boundjid.bare], all_of_node
    done("subscribed")

    for number in range(1, 5):
        answer = await his.publish(service, NODE, id=f"s{number}", payload=sonnet(f"text {number}"))
        assert answer["pubsub"]["publish"]["item"]["id"] == f"s{number}", answer
        event = (await juliet.next("pubsub_publish"))["pubsub_event"]["items"]
        assert event["node"] == NODE and event["item"]["id"] == f"s{number}", event
        assert event["item"]["payload"].text == f"text {number}", event
    assert await refused(hers.publish(service, NODE, payload=sonnet("mine"))) == "forbidden"
    kept = items(await hers.get_items(service, NODE))
    assert kept == [("s4", "text 4"), ("s3", "text 3"), ("s2", "text 2")], kept
    assert items(await hers.get_items(service, NODE, max_items=1)) == [("s4", "text 4")]
    assert items(await hers.get_item(service, NODE, "s3")) == [("s3", "text 3")]
    made = (await his.publish(service, NODE, payload=sonnet("unnamed")))["pubsub"]["publish"]["item"]["id"]
    assert made and (await juliet.next("pubsub_publish"))["pubsub_event"]["items"]["item"]["id"] == made
    done("published")

    await his.retract(service, NODE, "s4", notify="true")
    event = (await juliet.next("pubsub_retract"))["pubsub_event"]["items"]
    assert event["retract"]["id"] == "s4", event
    assert await refused(his.retract(service, NODE, "s4")) == "item-not-found"
    done("retracted")

    form = romeo["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
    form.add_field(var="pubsub#title", value="Mine")
    await his.set_node_config(service, NODE, form)
    await juliet.next("pubsub_config")
    done("told of its configuration")

    await his.modify_affiliations(service, NODE, [(juliet.boundjid.bare, "publisher")])
    granted = (await his.get_node_affiliations(service, NODE))["pubsub_owner"]["affiliations"]
    assert {str(each["jid"]): each["affiliation"] for each in granted} == {
        romeo.boundjid.bare: "owner",
        juliet.boundjid.bare: "publisher",
    }, granted
    mine = (await hers.get_affiliations(service))["pubsub"]["affiliations"]
    assert [(each["node"], each["affiliation"]) for each in mine] == [(NODE, "publisher")], mine
    await hers.publish(service, NODE, id="hers", payload=sonnet("by her"))
    await juliet.next("pubsub_publish")
    done("affiliated")

    await his.purge(service, NODE)
    await juliet.next("pubsub_purge")
    assert items(await hers.get_items(service, NODE)) == []
    done("purged")
    await hers.unsubscribe(service, NODE)
    assert not list((await hers.get_subscriptions(service))["pubsub"]["subscriptions"])
    await hers.subscribe(service, NODE)
    await his.delete_node(service, NODE)
    assert (await juliet.next("pubsub_delete"))["pubsub_event"]["delete"]["node"] == NODE
    assert await refused(hers.get_items(service, NODE)) == "item-not-found"
    done("deleted")
    for each in (romeo, juliet):
        await each.leave()


run(main())
