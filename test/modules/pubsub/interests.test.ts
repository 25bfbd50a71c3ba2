// What presence says of a client.

import { expect, test } from 'vitest';
import { capsOf } from '../../../src/modules/pubsub/interests.js';
import { Stanza } from '../../../src/xmpp/stanza.js';

const said = (attributes: string) =>
  capsOf(
    Stanza.from(
      `<presence xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' ${attributes}/></presence>`,
    ),
  );

test('a client has a hash, a node and a version', () => {
  expect(said("hash='sha-1' node='urn:n' ver='v'")).toEqual({ hash: 'sha-1', node: 'urn:n', ver: 'v' });
  expect(said("node='urn:n' ver='v'")).toEqual({ hash: undefined, node: 'urn:n', ver: 'v' });
  expect(said("hash='sha-1' node='urn:n'")).toBeUndefined();
});

test('what is too long to be remembered of very many is as if it had not been said', () => {
  const long = 'x'.repeat(400);
  expect(said(`hash='${long}' node='${long}' ver='v'`)).toBeDefined();
  expect(said(`hash='${long}' node='${long}' ver='${long}'`)).toBeUndefined();
});
