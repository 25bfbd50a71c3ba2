# One of several clients that serve time.localhost together: docs/components.md. Needs slixmpp.
import os
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

COMPONENT = 'time.localhost'
name = sys.argv[1] if len(sys.argv) > 1 else 'two'
host, port = os.environ.get('SERVER', '127.0.0.1:5222').split(':')


class TimeService(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f'time@localhost/{name}', os.environ.get('PASSWORD', 'secret'))
        self.auto_authorize = None
        self.register_plugin('xep_0202')  # answers with the time
        self.add_event_handler('session_start', lambda _: self.send_presence())
        self.add_event_handler('presence_subscribe', self.subscribed)

    def subscribed(self, presence):
        if presence['from'] == COMPONENT:  # it may see who of us is there
            self.send_presence(pto=COMPONENT, ptype='subscribed')


service = TimeService()
service.register_handler(Callback(
    'asked', StanzaPath('iq@type=get/entity_time'), lambda iq: print(f'{name} was asked by {iq["from"]}', flush=True)))
service.connect((host, int(port)), force_starttls=False, disable_starttls=True)
service.process()
