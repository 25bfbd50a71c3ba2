"""What the scripts of slixmpp share: guests at a server without TLS, and a line for each thing that worked."""

import asyncio
import logging
import sys
import traceback

import slixmpp

logging.basicConfig(level=logging.WARNING)


class Guest(slixmpp.ClientXMPP):
    """Keeps what came by kind of event, for whoever waits for it."""

    def __init__(self, jid, password, port, plugins, events=()):
        super().__init__(jid, password)
        self.port = port
        for plugin in ("xep_0030", "xep_0199", *plugins):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self["feature_mechanisms"].unencrypted_scram = True
        self.came = {}
        for event in ("session_start", "disconnected", "message", "presence_available", *events):
            queue = self.came[event] = asyncio.Queue()
            self.add_event_handler(event, queue.put_nowait)

    async def enter(self):
        self.connect(("127.0.0.1", self.port), disable_starttls=True, force_starttls=False)
        await self.next("session_start")
        await self.get_roster()
        self.send_presence()
        return self

    async def next(self, event, fits=lambda _: True):
        """The next event of this kind that fits; those before it are dropped."""
        while not fits(it := await self.came[event].get()):
            pass
        return it

    async def heard(self, body):
        return await self.next("message", lambda message: message["body"] == body)

    async def lost(self):
        await self.next("disconnected")

    async def leave(self):
        await self.disconnect()


async def told(line):
    """Resolves when this line came on standard input."""
    loop = asyncio.get_running_loop()
    while (await loop.run_in_executor(None, sys.stdin.readline)).strip() != line:
        pass


async def friends(one, two):
    """Both see the presence of the other from now on."""
    for each, other in ((one, two), (two, one)):
        each.send_presence_subscription(other.boundjid.bare)
        await each.next("presence_available", lambda presence: presence["from"].bare == other.boundjid.bare)


async def configure(owner, room, values):
    muc = owner["xep_0045"]
    form = await muc.get_room_config(room)
    form.set_values({**form.get_values(), **{f"muc#roomconfig_{name}": value for name, value in values.items()}})
    await muc.set_room_config(room, form)


def done(what):
    print("DONE", what, flush=True)


async def whole(main, seconds):
    """slixmpp leaves tasks behind, and they would complain."""
    await asyncio.wait_for(main, seconds)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def run(main, seconds=60):
    try:
        asyncio.get_event_loop().run_until_complete(whole(main, seconds))
        print("ALL DONE", flush=True)
    except BaseException:
        traceback.print_exc()
        print("FAILED", flush=True)
        sys.exit(1)
