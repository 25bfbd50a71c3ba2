"""slixmpp as a client of the tests: what it is told comes by lines on standard input, what it hears goes out by lines."""

import asyncio
import sys

import slixmpp

jid, password, port, ca = sys.argv[1:]


def say(*words):
    print(*words, flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        self.ca_certs = ca
        for plugin in ("xep_0030", "xep_0198", "xep_0199", "xep_0280"):
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", lambda m: say("MESSAGE", m["from"].bare, m["body"]))
        self.add_event_handler("presence_available", lambda p: say("AVAILABLE", p["from"].bare))
        self.add_event_handler("roster_update", self.update)
        self.add_event_handler("failed_auth", lambda _: say("FAILED"))

    async def start(self, _):
        await self.get_roster()
        self.send_presence()
        say("ONLINE", self.boundjid.full)

    def update(self, iq):
        for contact, item in iq["roster"]["items"].items():
            say("ROSTER", contact, item["subscription"])

    async def hear(self):
        reader = asyncio.StreamReader()
        await self.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().rstrip("\n"):
            word, _, rest = line.partition(" ")
            to, _, text = rest.partition(" ")
            if word == "say":
                self.send_message(mto=to, mbody=text, mtype="chat")
            elif word == "add":
                self.send_presence_subscription(to)
            elif word == "quit":
                await self.disconnect()
                say("OFFLINE")
                return


client = Client()
client.connect(("127.0.0.1", int(port)), force_starttls=True, disable_starttls=False)
client.loop.run_until_complete(client.hear())
