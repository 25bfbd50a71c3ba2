import { expect, test } from 'vitest';
import type { Ending } from '../../src/stream/end.js';
import { WrappedClient } from '../../src/stream/wrapped-client.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';

const stanza = (id: string) => Stanza.from(`<message xmlns='jabber:client' id='${id}'/>`);

test('everything passes, but for what is overridden', () => {
  class Censor extends WrappedClient {
    override stanza(each: Stanza): boolean {
      return each.id === 'secret' || super.stanza(each);
    }
  }
  const client = new FakeClient();
  const heard: unknown[] = [];
  const recording = Object.assign(client, {
    open: (header: object) => heard.push(header),
    stanza: (each: Stanza) => heard.push(each.id) > 0,
    drain: () => heard.push('drain'),
    close: (ending: Ending) => heard.push(ending.how),
  });
  const censor = new Censor(recording);
  censor.open({ id: '1' });
  censor.stanza(stanza('secret'));
  censor.stanza(stanza('open'));
  censor.drain();
  censor.close({ how: 'lost' });
  expect(heard).toEqual([{ id: '1' }, 'open', 'drain', 'lost']);
  expect([censor.name, censor.transport, censor.remoteAddress, censor.remotePort, censor.secure, censor.route]).toEqual(
    [client.name, client.transport, client.remoteAddress, client.remotePort, client.secure, client.route],
  );
});
