// What users are told before the server stops reaches them over every transport, ahead of the end of their streams.

import { expect, test } from 'vitest';
import { createServer, silentLog } from '../../src/index.js';
import { carrier } from '../support/peers/carrier.js';
import { DOMAIN, PASSWORD } from '../support/peers/peer.js';
import { TcpCarrier } from '../support/peers/tcp-carrier.js';
import { User } from '../support/peers/user.js';
import { bind, authenticate as prove } from '../support/sasl.js';
import { visitor } from '../support/visitor.js';

test('over BOSH, WebSocket and TCP clients hear the last word, then their streams end', async () => {
  const { module, host } = visitor();
  const server = createServer({
    host: '127.0.0.1',
    port: 0,
    c2s: { port: 0, direct_tls_port: null, require_tls: false },
    domains: { [DOMAIN]: { options: { announcements: { shutdown_notice: 'Back in a moment' } } } },
    modules: [module],
    log: silentLog,
  });
  await server.start();
  await (await host).accounts.create('romeo', PASSWORD);
  const { bosh, websocket: ws, xmpp = '' } = server.urls;
  const carriers = [
    await carrier('bosh', { bosh, ws }, DOMAIN),
    await carrier('websocket', { bosh, ws }, DOMAIN),
    await TcpCarrier.connect(Number(new URL(xmpp).port), DOMAIN),
  ];
  const users = carriers.map((each) => new User(each));
  for (const user of users) {
    user.carrier.open();
    await prove(user, { user: 'romeo', password: PASSWORD }, await user.features());
    await user.restart();
    user.jid = await bind(user);
    user.send('<presence xmlns="jabber:client"/>');
    await user.element((each) => each.name === 'presence' && each.attr('from') === user.jid, 'own presence');
  }
  const stopped = server.stop();
  for (const user of users) {
    const message = await user.element((each) => each.name === 'message', 'the last word');
    expect([message.attr('from'), message.child('body')?.text]).toEqual([DOMAIN, 'Back in a moment']);
  }
  await stopped;
  for (const user of users) user.carrier.vanish();
});
