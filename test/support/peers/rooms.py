"""slixmpp's plugin for rooms at a service: enters, talks, configures, administers; a line for each thing that worked."""

import asyncio
import sys
import traceback

import slixmpp

domain, port, room = sys.argv[1:]


class Guest(slixmpp.ClientXMPP):
    def __init__(self, name):
        super().__init__(f"{name}@{domain}/slixmpp", "secret")
        for plugin in ("xep_0030", "xep_0004", "xep_0045", "xep_0199"):
            self.register_plugin(plugin)
        self.online = asyncio.get_event_loop().create_future()
        self.said = asyncio.Queue()
        self.add_event_handler("session_start", lambda _: self.online.set_result(True))
        self.add_event_handler("groupchat_message", lambda m: self.said.put_nowait(m))
        self.enable_starttls = False
        self.enable_plaintext = True
        self["feature_mechanisms"].unencrypted_plain = True

    @property
    def muc(self):
        return self["xep_0045"]


def done(what):
    print("DONE", what, flush=True)


async def main():
    one, two = Guest("romeo"), Guest("juliet")
    for each in (one, two):
        each.connect(("127.0.0.1", int(port)), disable_starttls=True, force_starttls=False)
        await each.online
    done("online")
    await one.muc.join_muc_wait(room, "first", maxstanzas=0)
    form = await one.muc.get_room_config(room)
    form.set_values({"FORM_TYPE": "http://jabber.org/protocol/muc#roomconfig", "muc#roomconfig_roomname": "Cave"})
    await one.muc.set_room_config(room, form)
    done("configured")
    await two.muc.join_muc_wait(room, "second", maxstanzas=0)
    done("entered")
    two.send_message(mto=room, mbody="hist", mtype="groupchat")
    for each in (one, two):
        while (message := await each.said.get())["body"] != "hist":
            pass
        assert message["mucnick"] == "second", message
    done("heard")
    await one.muc.set_affiliation(room, "member", jid=two.boundjid.bare)
    assert two.boundjid.bare in await one.muc.get_affiliation_list(room, "member")
    done("affiliated")
    await one.muc.set_role(room, "second", "moderator")
    assert "second" in await one.muc.get_roles_list(room, "moderator")
    done("moderator")
    info = await one["xep_0030"].get_info(jid=room)
    assert ("conference", "text", None, "Cave") in info["disco_info"]["identities"], info
    done("described")
    await one.muc.destroy(room, reason="over")
    done("destroyed")
    for each in (one, two):
        await each.disconnect()


try:
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 30))
except Exception:
    traceback.print_exc()
    print("FAILED", flush=True)
