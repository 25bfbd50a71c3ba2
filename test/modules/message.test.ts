// What only a server may say, said by clients.

import { expect, test } from 'vitest';
import { message } from '../../src/modules/message.js';
import { CoreClient, DOMAIN, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const DELAY = 'urn:xmpp:delay';
const SID = 'urn:xmpp:sid:0';
const id = (by: string, ns = SID) => `<stanza-id xmlns='${ns}' by='${by}' id='forged'/>`;
const delay = (from: string, ns = DELAY) => `<delay xmlns='${ns}' from='${from}' stamp='2002-09-10T23:08:25Z'/>`;

/** What is left of a message with this in it. */
async function sent(payload: string): Promise<string[]> {
  const { core } = testCore([message], { domains: { 'example.test': DOMAIN, 'bücher.test': DOMAIN } });
  const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
  romeo.say(`<message xmlns='jabber:client' to='juliet@example.test/test'><body>hi</body>${payload}</message>`);
  return parseXml(await juliet.hears('<body>')).children.map(({ name }) => name);
}

test.each([
  ['of the domain', 'example.test'],
  ['of the receiver', 'juliet@example.test'],
  ['of a resource', 'juliet@example.test/test'],
  ['of the domain in other letters', 'EXAMPLE.Test'],
  ['of the receiver in other letters', 'Juliet@example.TEST'],
  ['of the domain with a dot', 'example.test.'],
  ['of another domain of ours', 'juliet@bücher.test'],
  ['of another domain of ours as it is on the wire', 'xn--bcher-kva.test'],
  ['written in references', '&#x65;xample.test'],
])('XEP-0359 4, XEP-0203 4: ids and delays %s are taken out, as many as there are', async (_, by) => {
  expect(await sent(id(by) + delay(by) + id(by) + delay(by))).toEqual(['body']);
});

test('also where their namespaces are written in references, or by prefix', async () => {
  const by = 'example.test';
  expect(await sent(id(by, 'urn:xmpp:sid&#58;0') + delay(by, 'urn:xmpp:dela&#x79;'))).toEqual(['body']);
  const prefixed = `<s:stanza-id xmlns:s='urn:xmpp:&#115;id:0' s:a='' by='${by}' id='forged'/>`;
  expect(await sent(prefixed)).toEqual(['body']);
});

test.each(['elsewhere.test', 'room@chat.elsewhere.test', 'no address@', ''])(
  'those of others stay: they are for their receiver to judge (%s)',
  async (by) => {
    expect(await sent(id(by) + delay(by))).toEqual(['body', 'stanza-id', 'delay']);
  },
);
