# slixmpp as a component (XEP-0114): discoverable, and echoes messages.
#   component.py DOMAIN SECRET PORT

import sys

from slixmpp.componentxmpp import ComponentXMPP

domain, secret, port = sys.argv[1:]
xmpp = ComponentXMPP(domain, secret, '127.0.0.1', int(port))
xmpp.register_plugin('xep_0030')
xmpp.register_plugin('xep_0199')
xmpp['xep_0030'].add_identity(category='automation', itype='echo', name='Echo')
xmpp.add_event_handler('session_start', lambda _: print('READY', flush=True))
xmpp.add_event_handler('message', lambda message: message.reply(message['body']).send())
xmpp.connect()
xmpp.process()
