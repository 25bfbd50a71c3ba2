# slixmpp as a client that serves behind a component: answers every urn:example:echo request with its text and its own name,
# but one with "hold" in it never. Lets the component see its presence.
#   service.py JID PASSWORD PORT COMPONENT

import asyncio
import sys

import slixmpp
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

jid, password, port, component = sys.argv[1:]
ECHO = 'urn:example:echo'
xmpp = slixmpp.ClientXMPP(jid, password)
xmpp.auto_authorize = None
name = jid.split('/')[1]


def subscribe(presence):
    if presence['from'] == component:
        xmpp.send_presence(pto=component, ptype='subscribed')


def asked(iq):
    if iq['type'] != 'get':
        return
    text = iq.xml[0].text
    if text.startswith('hold'):
        print('HELD', text, flush=True)
        return
    reply = iq.reply()
    echo = ET.SubElement(reply.xml, f'{{{ECHO}}}echo', {'by': name})
    echo.text = text
    reply.send()


def started(_):
    xmpp.send_presence()
    print('READY', flush=True)


xmpp.register_handler(Callback('echo', MatchXPath(f'{{jabber:client}}iq/{{{ECHO}}}echo'), asked))
xmpp.add_event_handler('presence_subscribe', subscribe)
xmpp.add_event_handler('session_start', started)
xmpp.connect(('127.0.0.1', int(port)), force_starttls=False, disable_starttls=True)
asyncio.get_event_loop().run_forever()
