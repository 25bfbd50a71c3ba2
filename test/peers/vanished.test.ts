// BOSH clients that vanish, as the server behind and the other user see it (XEP-0206 section 7, XEP-0198).

import { expect, it } from 'vitest';
import { Front, PEERS } from '../support/peers/edge.js';
import { describeWith } from '../support/peers/need.js';
import { authenticate, login } from '../support/peers/user.js';

// what each server logs once it keeps a stream that lost its connection
const ASLEEP = /going into hibernation|waiting \d+ seconds for stream resumption/i;

for (const { name, program, start } of PEERS)
  describeWith([program, 'openssl'], `a vanished BOSH client in front of ${name}`, () => {
    const at = new Front(start, { default_inactivity: 2 });

    it('206/7 a message it never fetched comes back as recipient-unavailable, a request as service-unavailable', async () => {
      const romeo = await login('websocket', at.edge, 'romeo');
      const juliet = await login('bosh', at.edge, 'juliet');
      juliet.carrier.vanish();
      romeo.say(juliet.jid, 'are you there?');
      romeo.send(
        `<iq xmlns="jabber:client" type="get" id="v1" to="${juliet.jid}"><query xmlns="jabber:iq:version"/></iq>`,
      );
      const iq = await romeo.element(
        (each) => each.name === 'iq' && each.attr('id') === 'v1',
        'the answer to the request',
      );
      expect(iq.attr('type')).toBe('error');
      expect(iq.child('error')?.children.map((each) => each.name)).toContain('service-unavailable');
      const message = await romeo.element((each) => each.name === 'message', 'the bounced message');
      expect([message.attr('type'), message.attr('from')]).toEqual(['error', juliet.jid]);
      expect(message.child('error')?.children.map((each) => each.name)).toContain('recipient-unavailable');
      await romeo.close();
    });

    it('a message to its account after the session ended is stored and comes with the next log-in', async () => {
      const romeo = await login('websocket', at.edge, 'romeo');
      const nurse = await login('bosh', at.edge, 'nurse');
      nurse.send(`<presence xmlns="jabber:client" to="${romeo.jid}"/>`);
      await romeo.element((each) => each.attr('from') === nurse.jid, 'presence');
      nurse.carrier.vanish();
      await romeo.element(
        (each) => each.attr('from') === nurse.jid && each.attr('type') === 'unavailable',
        'her leaving',
      );
      romeo.say(nurse.jid.split('/')[0], 'good night');
      await romeo.ping();
      const again = await login('bosh', at.edge, 'nurse');
      await again.message('good night');
      await Promise.all([romeo.close(), again.close()]);
    });

    it('with stream management nothing bounces: the stream resumes over WebSocket after the session ended', async () => {
      const romeo = await login('websocket', at.edge, 'romeo');
      const mercutio = await login('bosh', at.edge, 'mercutio');
      const previd = await mercutio.enable();
      mercutio.carrier.vanish();
      for (const text of ['one', 'two', 'three']) romeo.say(mercutio.jid, text);
      await romeo.ping();
      await at.peer.until(ASLEEP);
      const again = await authenticate('websocket', at.edge, 'mercutio');
      expect((await again.resume(previd, 0)).name).toBe('resumed');
      await again.ping();
      expect(again.texts).toEqual(['one', 'two', 'three']);
      await romeo.ping();
      expect(romeo.carrier.inbox.items.filter((each) => each.name === 'message')).toEqual([]);
      await Promise.all([romeo.close(), again.close()]);
    });
  });
