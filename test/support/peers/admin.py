"""slixmpp's plugins for ad-hoc commands and service administration, as an admin of the domain uses them; a line for each thing that worked."""

import asyncio
import sys
import traceback

import slixmpp

domain, port = sys.argv[1:]
ADMIN = "http://jabber.org/protocol/admin"


class Person(slixmpp.ClientXMPP):
    def __init__(self, name, password="secret"):
        super().__init__(f"{name}@{domain}/slixmpp", password)
        for plugin in ("xep_0030", "xep_0004", "xep_0050", "xep_0133"):
            self.register_plugin(plugin)
        loop = asyncio.get_event_loop()
        self.online, self.refused, self.gone = loop.create_future(), loop.create_future(), loop.create_future()
        self.said = asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.online.done() or self.online.set_result(True))
        self.add_event_handler("failed_auth", lambda e: self.refused.done() or self.refused.set_result(e["condition"]))
        self.add_event_handler("disconnected", lambda _: self.gone.done() or self.gone.set_result(True))
        self.add_event_handler("message", self.said.put_nowait)
        self.enable_starttls = False
        self.enable_plaintext = True
        self["feature_mechanisms"].unencrypted_plain = True

    def go(self):
        self.connect(("127.0.0.1", int(port)), disable_starttls=True, force_starttls=False)
        return self

    async def enter(self):
        await self.go().online
        self.send_presence()
        return self

    async def tell(self, name, **fields):
        """Runs a command of XEP-0133, with its form filled in; the last answer."""
        done = asyncio.get_event_loop().create_future()

        def next_stage(iq, session):
            command = iq["command"]
            if command["status"] == "completed":
                done.set_result(command)
                return
            form = command["form"]
            asked = form.get_fields()
            for field, value in fields.items():
                assert field in asked, (field, list(asked))
            form["type"] = "submit"
            form.set_values(fields)
            session["payload"] = form
            session["next"] = next_stage
            self["xep_0050"].complete_command(session)

        def failed(iq, session):
            done.set_exception(RuntimeError(iq["error"]["condition"]))

        getattr(self["xep_0133"], name)(session={"next": next_stage, "error": failed})
        return await done


def done(what):
    print("DONE", what, flush=True)


async def main():
    bard = await Person("bard").enter()
    romeo = await Person("romeo").enter()
    done("online")
    commands = await bard["xep_0133"].get_commands()
    nodes = {node for _, node, _ in commands["disco_items"]["items"]}
    assert {f"{ADMIN}#add-user", f"{ADMIN}#announce", f"{ADMIN}#set-motd"} <= nodes, nodes
    assert not (await romeo["xep_0133"].get_commands())["disco_items"]["items"]
    done("listed")
    new = {"accountjid": f"juliet@{domain}", "password": "rose", "password-verify": "rose"}
    await bard.tell("add_user", **new)
    juliet = await Person("juliet", "rose").enter()
    done("added")
    try:
        await bard.tell("add_user", **new)
        raise AssertionError("added twice")
    except RuntimeError as error:
        assert str(error) == "conflict", error
    try:
        await romeo.tell("add_user", **new)
        raise AssertionError("romeo is no admin")
    except RuntimeError as error:
        assert str(error) == "forbidden", error
    done("refused")
    counted = await bard.tell("get_registered_users_num")
    assert counted["form"].get_fields()["registeredusersnum"]["value"] == "3", counted
    listed = await bard.tell("get_online_users_list", max_items="25")
    online = listed["form"].get_fields()["onlineuserjids"].get_value()
    assert sorted(online) == [f"{name}@{domain}" for name in ("bard", "juliet", "romeo")], online
    done("counted")
    await bard.tell("announce", announcement=["Attention!", "We go down."])
    for each in (romeo, juliet):
        message = await each.said.get()
        assert (message["type"], message["body"]) == ("headline", "Attention!\nWe go down."), message
    done("announced")
    await bard.tell("set_motd", motd="Good morrow")
    for each in (romeo, juliet):
        assert (await each.said.get())["body"] == "Good morrow"
    done("motd")
    await bard.tell("change_user_password", accountjid=f"juliet@{domain}", password="thorn")
    await bard.tell("end_user_session", accountjids=[f"juliet@{domain}"])
    await juliet.gone
    assert await Person("juliet", "rose").go().refused == "not-authorized"
    done("changed")
    await bard.tell("disable_user", accountjids=[f"juliet@{domain}"])
    assert await Person("juliet", "thorn").go().refused == "account-disabled"
    await bard.tell("reenable_user", accountjids=[f"juliet@{domain}"])
    await Person("juliet", "thorn").enter()
    done("disabled")
    await bard.tell("delete_user", accountjids=[f"juliet@{domain}"])
    assert await Person("juliet", "thorn").go().refused == "not-authorized"
    done("deleted")


try:
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 60))
except Exception:
    traceback.print_exc()
    print("FAILED", flush=True)
