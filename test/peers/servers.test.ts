// Our server in front of real XMPP servers, reached by a small client over both transports.

import { describe, expect, it } from 'vitest';
import type { Transport } from '../support/peers/carrier.js';
import { Front, PEERS } from '../support/peers/edge.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN } from '../support/peers/peer.js';
import { authenticate, login } from '../support/peers/user.js';

const TRANSPORTS: readonly Transport[] = ['bosh', 'websocket'];

for (const { name, program, start } of PEERS) {
  describeWith([program, 'openssl'], `in front of ${name}`, () => {
    const at = new Front(start);

    describe.each(TRANSPORTS)('over %s', (transport) => {
      it.each(['SCRAM-SHA-1', 'PLAIN'] as const)('a user logs in with %s', async (mechanism) => {
        const romeo = await login(transport, at.edge, 'romeo', { mechanism });
        expect(romeo.jid).toMatch(`romeo@${DOMAIN}/`);
        await romeo.ping();
        await romeo.close();
      });

      it('a wrong password is answered by the server behind, and a second attempt may follow', async () => {
        await expect(authenticate(transport, at.edge, 'nobody')).rejects.toThrow('failure');
        await (await login(transport, at.edge, 'romeo')).close();
      });

      it('the features shown to the client offer neither STARTTLS nor compression (0206 section 4, 7395 3.9)', async () => {
        const user = await login(transport, at.edge, 'nurse');
        await user.close();
        const names = user.offers.map((each) => each.children.map((feature) => feature.name));
        expect(names.map((each) => each.length > 0)).toEqual([true, true]);
        expect(names.flat()).not.toContain('starttls');
        expect(names.flat()).not.toContain('compression');
      });
    });

    it.each([
      ['bosh', 'websocket'],
      ['websocket', 'bosh'],
      ['bosh', 'bosh'],
    ] as const)('users chat from %s to %s and back, in order', async (left, right) => {
      const [romeo, juliet] = await Promise.all([login(left, at.edge, 'romeo'), login(right, at.edge, 'juliet')]);
      const lines = Array.from({ length: 20 }, (_, at) => `line ${at} — “ümlaut” &amp; 🌹`);
      for (const line of lines) romeo.say(juliet.jid, line);
      for (const line of lines) juliet.say(romeo.jid, line);
      const last = lines[lines.length - 1].replace('&amp;', '&');
      const all = lines.map((line) => line.replace('&amp;', '&'));
      for (const user of [romeo, juliet]) {
        const before = user.element((each) => each.textOf('body') === last, last);
        await before.then((message) => user.carrier.inbox.push(message));
        expect(user.texts).toEqual(all);
      }
      await Promise.all([romeo.close(), juliet.close()]);
    });

    it('a stream cut under a WebSocket resumes: what came meanwhile arrives once and in order (0198 section 5)', async () => {
      const romeo = await login('bosh', at.edge, 'romeo');
      const juliet = await login('websocket', at.edge, 'juliet');
      const previd = await juliet.enable();
      romeo.say(juliet.jid, 'before');
      await juliet.message('before');
      juliet.carrier.vanish();
      for (const text of ['one', 'two', 'three']) romeo.say(juliet.jid, text);
      await romeo.ping();
      const again = await authenticate('websocket', at.edge, 'juliet');
      expect((await again.resume(previd, 1)).name).toBe('resumed');
      await again.ping();
      expect(again.texts).toEqual(['one', 'two', 'three']);
      romeo.say(juliet.jid, 'after');
      await again.message('after');
      await Promise.all([romeo.close(), again.close()]);
    });

    it('a stream closed by <close/> is gone and does not resume (7395 section 3.6)', async () => {
      const juliet = await login('websocket', at.edge, 'juliet');
      const previd = await juliet.enable();
      await juliet.close();
      const again = await authenticate('websocket', at.edge, 'juliet');
      expect((await again.resume(previd, 0)).name).toBe('failed');
      await again.close();
    });
  });
}
