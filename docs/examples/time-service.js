// One of several clients that serve time.localhost together: docs/components.md. SERVICE is where the server is.
import { client, xml } from '@xmpp/client';

const { SERVICE = 'xmpp://127.0.0.1:5222', PASSWORD = 'secret' } = process.env;
const [name = 'one'] = process.argv.slice(2);
const COMPONENT = 'time.localhost';
const TIME = 'urn:xmpp:time';

const xmpp = client({ service: SERVICE, domain: 'localhost', username: 'time', password: PASSWORD, resource: name });

// The component may see who of us is there.
xmpp.on('stanza', (stanza) => {
  const { type, from } = stanza.attrs;
  if (stanza.is('presence') && type === 'subscribe' && from === COMPONENT)
    xmpp.send(xml('presence', { type: 'subscribed', to: COMPONENT }));
});

xmpp.iqCallee.get(TIME, 'time', ({ stanza }) => {
  console.log(`${name} was asked by ${stanza.attrs.from}`);
  const utc = new Date().toISOString().replace(/\.\d+/, '');
  return xml('time', { xmlns: TIME }, xml('tzo', {}, '+00:00'), xml('utc', {}, utc));
});

xmpp.on('error', console.error);
xmpp.on('online', () => xmpp.send(xml('presence')));
process.once('SIGTERM', () => xmpp.stop());
await xmpp.start();
