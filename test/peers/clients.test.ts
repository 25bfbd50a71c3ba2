// Clients as they are shipped, outside of a browser: @xmpp/client over WebSocket, libpurple over BOSH.

import { client, type XmppClient, xml } from '@xmpp/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { Inbox } from '../support/inbox.js';
import { type Edge, Front, PEERS } from '../support/peers/edge.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN, PASSWORD } from '../support/peers/peer.js';
import { buildPurple, type Purple, purpleInstalled } from '../support/peers/purple.js';
import { login } from '../support/peers/user.js';

for (const { name, program, start } of PEERS) {
  describeWith([program, 'openssl'], `clients in front of ${name}`, () => {
    const at = new Front(start);

    describe('@xmpp/client over WebSocket', () => {
      // it uses the global of browsers and newer Nodes; this one can also be cut
      beforeAll(() => void vi.stubGlobal('WebSocket', WebSocket));
      afterAll(() => void vi.unstubAllGlobals());

      // First: who stops without having acknowledged a message gets it from the server when he comes again.
      it('resumes by itself after its socket was cut, with what came meanwhile', async () => {
        const romeo = await login('bosh', at.edge, 'romeo');
        const { juliet, inbox } = xmppClient(at.edge);
        const enabled = new Promise<void>((resolve) => juliet.on('nonza', (nonza) => nonza.is('enabled') && resolve()));
        const jid = String(await juliet.start());
        await enabled;
        const resumed = new Promise((resolve) => juliet.streamManagement.on('resumed', resolve));
        juliet.reconnect.delay = 100;
        juliet.socket?.socket?.terminate?.();
        for (const text of ['one', 'two', 'three']) romeo.say(jid, text);
        await resumed;
        romeo.say(jid, 'four');
        await inbox.take((text) => text === 'four', 'the message after');
        expect(inbox.items).toEqual(['one', 'two', 'three']);
        await juliet.stop();
        await romeo.close();
      });

      it('logs in, chats and stops', async () => {
        const romeo = await login('bosh', at.edge, 'romeo');
        const { juliet, inbox } = xmppClient(at.edge);
        const jid = String(await juliet.start());
        expect(jid).toMatch(`juliet@${DOMAIN}/`);
        await juliet.send(xml('message', { to: romeo.jid, type: 'chat' }, xml('body', {}, 'O Romeo')));
        await romeo.message('O Romeo');
        romeo.say(jid, 'I take thee at thy word');
        await inbox.take((text) => text === 'I take thee at thy word', 'the message');
        await juliet.stop();
        await romeo.close();
      });
    });

    describe.skipIf(!purpleInstalled() && !process.env.CI)('libpurple over BOSH (needs gcc and libpurple-dev)', () => {
      let purple: Purple;

      beforeAll(() => {
        purple = buildPurple();
      });
      afterAll(() => purple?.remove());

      it('logs in, chats and signs off: features come in the session creation response', async () => {
        const romeo = await login('websocket', at.edge, 'romeo');
        const mercutio = purple.start(`mercutio@${DOMAIN}/purple`, at.edge.bosh);
        await mercutio.until(/SIGNED-ON/);
        mercutio.write(`say romeo@${DOMAIN} a plague on both your houses`);
        expect((await romeo.message('a plague on both your houses')).attr('from')).toBe(`mercutio@${DOMAIN}/purple`);
        for (const text of ['one', 'two', 'three']) romeo.say(`mercutio@${DOMAIN}/purple`, text);
        await mercutio.until(/MESSAGE romeo@\S+ one\n[\s\S]*MESSAGE romeo@\S+ two\n[\s\S]*MESSAGE romeo@\S+ three\n/);
        expect(mercutio.log.match(/MESSAGE/g)).toHaveLength(3);
        mercutio.write('quit');
        await mercutio.until(/SIGNED-OFF/);
        expect(await mercutio.exited).toBe(0);
        await romeo.close();
      });
    });
  });
}

function xmppClient(at: Edge): { juliet: XmppClient; inbox: Inbox<string> } {
  const inbox = new Inbox<string>();
  const juliet = client({ service: at.ws, domain: DOMAIN, username: 'juliet', password: PASSWORD });
  juliet.on('error', () => {});
  juliet.on('stanza', (stanza) => {
    const text = stanza.is('message') ? stanza.getChildText('body') : null;
    if (text) inbox.push(text);
  });
  juliet.on('online', () => void juliet.send(xml('presence')));
  return { juliet, inbox };
}
