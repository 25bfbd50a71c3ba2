"""nbxmpp (Gajim's library) as a client of the tests: told and telling by lines."""

import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import Gio, GLib  # noqa: E402
from nbxmpp.client import Client  # noqa: E402
from nbxmpp.const import ConnectionProtocol, ConnectionType, Mode  # noqa: E402
from nbxmpp.protocol import JID, Iq, Message, Presence  # noqa: E402
from nbxmpp.structs import StanzaHandler  # noqa: E402

jid, password, port, ca = sys.argv[1:]
address = JID.from_string(jid)
loop = GLib.MainLoop()


def say(*words):
    print(*words, flush=True)


def connected(client, *_):
    client.get_module("Roster").request_roster(callback=rostered)


def rostered(task):
    task.finish()
    client.send_stanza(Presence())
    say("ONLINE", client.get_bound_jid())


def message(_client, stanza, properties):
    if properties.body:
        say("MESSAGE", properties.jid.bare, properties.body)


def presence(_client, stanza, properties):
    kind = stanza.getType()
    if kind == "subscribe":
        client.send_stanza(Presence(to=stanza.getFrom().bare, typ="subscribed"))
        client.send_stanza(Presence(to=stanza.getFrom().bare, typ="subscribe"))
    elif kind is None:
        say("AVAILABLE", stanza.getFrom().bare)


def push(_client, stanza, properties):
    for item in stanza.getTag("query").getTags("item"):
        say("ROSTER", item.getAttr("jid"), item.getAttr("subscription"))


heard = b""


def hear(fd, _condition):
    global heard
    read = os.read(fd, 65536)
    *lines, heard = (heard + (read or b"quit\n")).split(b"\n")
    for line in lines:
        obey(line.decode())
    return bool(read)


def obey(line):
    word, _, rest = line.partition(" ")
    to, _, text = rest.partition(" ")
    if word == "say":
        client.send_stanza(Message(to=to, body=text, typ="chat"))
    elif word == "add":
        client.send_stanza(Presence(to=to, typ="subscribe"))
    elif word == "quit":
        client.disconnect()


def disconnected(*_):
    say("OFFLINE")
    loop.quit()


client = Client(log_context="test")
client.set_domain(address.domain)
client.set_username(address.localpart)
client.set_resource(address.resource)
client.set_password(password)
client.set_mode(Mode.CLIENT)
client.set_custom_host(f"127.0.0.1:{port}", ConnectionProtocol.TCP, ConnectionType.START_TLS)
with open(ca, encoding="utf-8") as file:
    client.set_accepted_certificates([])
client.set_ignore_tls_errors(True)
client.subscribe("connected", connected)
client.subscribe("resume-failed", connected)
client.subscribe("connection-failed", lambda *_: (say("FAILED", client.get_error()), loop.quit()))
client.subscribe("disconnected", disconnected)
client.register_handler(StanzaHandler(name="message", callback=message))
client.register_handler(StanzaHandler(name="presence", callback=presence))
client.register_handler(StanzaHandler(name="iq", typ="set", ns="jabber:iq:roster", callback=push, priority=1))
GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, hear)
client.connect()
loop.run()
