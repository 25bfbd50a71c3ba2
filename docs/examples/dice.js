// A module of one's own: dice for the clients of a domain that this server serves by itself. Run it, log in to
// `dice.example` anonymously with any client, and send
//
//   <iq type='set' id='1' to='dice.example'><throw xmlns='urn:example:dice'/></iq>
//
//   node docs/examples/dice.js

import { randomInt } from 'node:crypto';
import { createServer, Element, Stanza, StanzaError } from 'bosh-server';

const DICE = 'urn:example:dice';

/** Dice with so many sides; an account may throw them so often in a minute. */
const dice = ({ sides = 6, perMinute = 10 } = {}) => ({
  name: 'dice',
  about: 'Throws dice, and keeps the best throw of each account.',
  specifications: [],
  needs: ['bind'],

  load(host) {
    const best = host.open('dice', 'keyvalue');
    const throws = new Map();
    const minute = setInterval(() => throws.clear(), 60_000);

    host.hooks.iq('set', 'host', DICE, 'throw', async ({ from }) => {
      if (from.domain !== host.domain) throw new StanzaError('auth', 'forbidden');
      const count = (throws.get(from.local) ?? 0) + 1;
      if (count > perMinute) {
        host.limited('dice');
        throw new StanzaError('wait', 'policy-violation', 'the dice need a rest');
      }
      throws.set(from.local, count);
      const eyes = randomInt(1, sides + 1);
      const most = await best.update(from.local, (before = 0) => Math.max(before, eyes));
      return new Element('thrown', { xmlns: DICE, eyes: String(eyes), best: String(most) });
    });

    host.hooks.on('session-available', ({ session, initial }) => {
      const greeting = Stanza.from(`<message xmlns='jabber:client' type='headline'><body>Throw!</body></message>`);
      if (initial) session.send(greeting.with({ from: host.domain, to: session.address }));
    });
    host.hooks.on('disco/host', ({ features }) => void features.add(DICE));
    host.hooks.on('account-deleted', ({ username, waits }) => void waits.push(best.set(username, undefined)));

    return () => clearInterval(minute);
  },
});

const server = createServer({
  port: Number(process.env.PORT ?? 5280),
  host: '127.0.0.1',
  domains: { 'dice.example': { auth: { anonymous: true } } },
  modules: [dice({ sides: 20, perMinute: 3 })],
});
server.on('module-error', (domain, module, error) => console.error(domain, module, error));
await server.start();
console.log(`BOSH ${server.urls.bosh}  WebSocket ${server.urls.websocket}  domain dice.example`);
process.once('SIGTERM', () => server.stop());
