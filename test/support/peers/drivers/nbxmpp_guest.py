"""What the scripts of nbxmpp share: guests at a server without TLS, whose tasks are awaited, and a line for each thing that worked."""

import logging
import sys
import traceback

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib  # noqa: E402
from nbxmpp.client import Client  # noqa: E402
from nbxmpp.const import ConnectionProtocol, ConnectionType, Mode  # noqa: E402
from nbxmpp.protocol import JID, Message, Presence  # noqa: E402
from nbxmpp.structs import DiscoIdentity, StanzaHandler  # noqa: E402

logging.basicConfig(level=logging.WARNING)
loop = GLib.MainLoop()

IDENTITY = DiscoIdentity(category="client", type="pc", name="test")
FEATURES = [
    "http://jabber.org/protocol/disco#info",
    "urn:xmpp:avatar:metadata+notify",
    "eu.siacs.conversations.axolotl.devicelist+notify",
    "urn:xmpp:bookmarks:1+notify",
]


class Later:
    """What is to be awaited: it comes from the main loop."""

    def __init__(self):
        self.came = None
        self.waiting = None

    def resolve(self, value=None, error=None):
        self.came = (value, error)
        self.wake()

    def wake(self):
        if self.came is not None and self.waiting is not None:
            GLib.idle_add(self.waiting, *self.came)

    def __await__(self):
        return (yield self)


class Guest:
    def __init__(self, jid, password, port, features=FEATURES):
        self.address = JID.from_string(jid)
        self.came = {"message": [], "presence": []}
        self.wanted = {"message": None, "presence": None}
        self.online = Later()
        self.offline = Later()
        client = self.client = Client(log_context=self.address.localpart)
        client.set_domain(self.address.domain)
        client.set_username(self.address.localpart)
        client.set_resource(self.address.resource)
        client.set_password(password)
        client.set_mode(Mode.CLIENT)
        client.set_custom_host(f"127.0.0.1:{port}", ConnectionProtocol.TCP, ConnectionType.PLAIN)
        client.subscribe("connected", lambda *_: self.online.resolve())
        client.subscribe("connection-failed", lambda *_: self.online.resolve(error=Exception(client.get_error())))
        client.subscribe("disconnected", lambda *_: self.offline.resolve())
        for kind in self.came:
            client.register_handler(StanzaHandler(name=kind, callback=self.hear, priority=50))
        self.module("EntityCaps").set_caps([IDENTITY], features, "https://client.test")

    def module(self, name):
        return self.client.get_module(name)

    async def enter(self):
        self.client.connect()
        await self.online
        await asked(self.module("Roster").request_roster)
        self.client.send_stanza(self.presence())
        return self

    def presence(self, **attributes):
        presence = Presence(**attributes)
        caps = self.module("EntityCaps").caps
        presence.setTag("c", namespace="http://jabber.org/protocol/caps", attrs=caps._asdict())
        return presence

    def hear(self, _client, stanza, properties):
        kind = stanza.getName()
        if kind == "presence" and stanza.getType() == "subscribe":
            self.client.send_stanza(Presence(to=stanza.getFrom().bare, typ="subscribed"))
        self.came[kind].append((stanza, properties))
        self.look(kind)

    def look(self, kind):
        if self.wanted[kind] is None:
            return
        fits, later = self.wanted[kind]
        while self.came[kind]:
            stanza, properties = self.came[kind].pop(0)
            if fits(properties):
                self.wanted[kind] = None
                later.resolve((stanza, properties))
                return

    async def next(self, kind, fits):
        """The next stanza of this kind that fits, with what nbxmpp knows about it; those before it are dropped."""
        later = Later()
        self.wanted[kind] = (fits, later)
        self.look(kind)
        return await later

    async def event(self, node, fits=lambda _: True):
        """The next of publish-subscribe from this node."""
        about = lambda it: it.pubsub_event is not None and it.pubsub_event.node == node
        _, properties = await self.next("message", lambda it: about(it) and fits(it.pubsub_event))
        return properties

    def say(self, to, body, typ="chat"):
        self.client.send_stanza(Message(to=to, body=body, typ=typ))

    async def heard(self, body):
        return await self.next("message", lambda it: it.body == body and it.mam is None)

    async def leave(self):
        # It would still answer what comes meanwhile, and complain that it cannot.
        logging.getLogger("nbxmpp.connection").setLevel(logging.ERROR)
        self.client.disconnect()
        await self.offline


async def asked(method, *args, **kwargs):
    """The result of a task; raises its error."""
    later = Later()

    def finished(task):
        try:
            later.resolve(task.finish())
        except Exception as error:
            later.resolve(error=error)

    method(*args, callback=finished, **kwargs)
    return await later


async def refused(method, *args, **kwargs):
    try:
        answer = await asked(method, *args, **kwargs)
    except Exception as error:
        return error.condition
    raise AssertionError(answer)


async def friends(one, two):
    for each, other in ((one, two), (two, one)):
        each.client.send_stanza(Presence(to=other.address.bare, typ="subscribe"))
        await each.next("presence", lambda it: it.type.is_available and it.jid.bare == other.address.bare)


def done(what):
    print("DONE", what, flush=True)


def run(main, seconds=60):
    failed = False

    def end(error=None):
        nonlocal failed
        failed = error is not None
        if failed:
            traceback.print_exception(error)
        print("FAILED" if failed else "ALL DONE", flush=True)
        loop.quit()

    def step(value=None, error=None):
        try:
            later = main.throw(error) if error else main.send(value)
        except StopIteration:
            end()
        except BaseException as thrown:
            end(thrown)
        else:
            later.waiting = step
            later.wake()
        return False

    def expired():
        try:
            main.throw(TimeoutError())
        except BaseException as thrown:
            end(thrown)
        return False

    GLib.timeout_add_seconds(seconds, expired)
    GLib.idle_add(step)
    loop.run()
    sys.exit(1 if failed else 0)
