# One of several clients that serve time.localhost together: docs/components.md. Needs slixmpp; SERVER is where the server is.
import os
import sys
from datetime import datetime, timezone
from slixmpp import ET, Callback, ClientXMPP, MatchXPath

COMPONENT, TIME = 'time.localhost', 'urn:xmpp:time'
name = sys.argv[1] if len(sys.argv) > 1 else 'two'
host, port = os.environ.get('SERVER', '127.0.0.1:5222').split(':')
xmpp = ClientXMPP(f'time@localhost/{name}', os.environ.get('PASSWORD', 'secret'))
xmpp.auto_authorize = None

def subscribe(presence):
    if presence['from'] == COMPONENT:  # it may see who of us is there
        xmpp.send_presence(pto=COMPONENT, ptype='subscribed')

def asked(iq):
    print(f'{name} was asked by {iq["from"]}', flush=True)
    reply = iq.reply()
    time = ET.SubElement(reply.xml, f'{{{TIME}}}time')
    ET.SubElement(time, f'{{{TIME}}}tzo').text = '+00:00'
    ET.SubElement(time, f'{{{TIME}}}utc').text = datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    reply.send()

xmpp.register_handler(Callback('time', MatchXPath(f'{{jabber:client}}iq/{{{TIME}}}time'), asked))
xmpp.add_event_handler('presence_subscribe', subscribe)
xmpp.add_event_handler('session_start', lambda _: xmpp.send_presence())
xmpp.connect((host, int(port)), force_starttls=False, disable_starttls=True)
xmpp.process()
