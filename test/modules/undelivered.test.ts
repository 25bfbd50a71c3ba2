// What was on its way to a client that is gone, with clients that have no transport and say what they had not got.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { message } from '../../src/modules/message.js';
import { offline } from '../../src/modules/offline.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import type { ArchiveStore } from '../../src/storage/store.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const JULIET = 'juliet@example.test';
const chat = (text: string, to = JULIET, type = 'chat') =>
  `<message xmlns='jabber:client' to='${to}' type='${type}' id='${text}'><body>${text}</body></message>`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2002, 8, 10, 23, 8, 25) }));
afterEach(() => void vi.useRealTimers());

/** Romeo is there; Juliet has an account. */
async function stage() {
  const { core } = testCore([roster, presence, message, offline]);
  const host = core.hosts.get('example.test');
  await host?.accounts.create('juliet', 'secret');
  const romeo = await new CoreClient(core).enter('romeo');
  const store = host?.deps.storage.open('example.test', 'offline', 'archive') as ArchiveStore;
  const juliet = (resource?: string) => new CoreClient(core).enter('juliet', resource);
  /** Resolves when so many messages are kept. */
  const kept = async (count: number) => {
    while ((await store.size('juliet')) !== count) await new Promise(setImmediate);
  };
  return { romeo, juliet, kept };
}

const bodies = ({ stanzas }: CoreClient) =>
  stanzas.filter((xml) => xml.startsWith('<message')).map((xml) => parseXml(xml).textOf('body'));

const lost = (client: CoreClient, ...stanzas: string[]) =>
  client.end.close({ how: 'lost', undelivered: stanzas.map((xml) => Stanza.from(xml)) });
const from = (xml: string, to: string) => xml.replace(/ to='[^']*'/, ` from='romeo@example.test/test' to='${to}'`);

test('what a client has not got is kept, when it is a message for the account and nobody else is there; its time stays', async () => {
  const { romeo, juliet, kept } = await stage();
  romeo.say(chat('1'));
  await kept(1);
  const balcony = await juliet('balcony');
  balcony.say("<presence xmlns='jabber:client'/>");
  const late = await balcony.hears('<body>1');
  vi.setSystemTime(Date.UTC(2003, 0, 1));
  lost(balcony, late, from(chat('2', '', 'normal'), `${JULIET}/balcony`));
  await kept(2);
  const chamber = await juliet('chamber');
  chamber.say("<presence xmlns='jabber:client'/>");
  await chamber.when(() => bodies(chamber).length === 2);
  expect(bodies(chamber)).toEqual(['1', '2']);
  const [first, second] = chamber.stanzas.filter((xml) => xml.startsWith('<message'));
  expect(first.match(/stamp='2002/g)).toHaveLength(1);
  expect(first).not.toContain('2003');
  expect(second).toContain("stamp='2003");
});

test('it goes to another resource, but not what that one has already', async () => {
  const { juliet } = await stage();
  const chamber = await (await juliet('chamber')).available();
  const balcony = await (await juliet('balcony')).available();
  lost(balcony, from(chat('all'), JULIET), from(chat('one'), `${JULIET}/balcony`));
  await chamber.hears('<body>one');
  expect(bodies(chamber)).toEqual([]);
  const garden = await (await juliet('garden')).available();
  lost(chamber, from(chat('later'), JULIET));
  await garden.hears('<body>later');
});

test('XEP-0206 7: it is told to whoever else sent it; headlines, errors and answers are gone', async () => {
  const { romeo, juliet, kept } = await stage();
  const balcony = await juliet('balcony');
  const full = `${JULIET}/balcony`;
  const iq = (type: string) =>
    `<iq xmlns='jabber:client' from='romeo@example.test/test' to='${full}' type='${type}' id='${type}'><q xmlns='urn:q'/></iq>`;
  lost(
    balcony,
    from(chat('a', '', 'groupchat'), full),
    from(chat('b', '', 'headline'), full),
    from(chat('c', '', 'error'), full),
    `<message xmlns='jabber:client' from='${JULIET}' to='${full}'><received xmlns='urn:xmpp:carbons:2'/></message>`,
    `<presence xmlns='jabber:client' from='romeo@example.test/test' to='${full}'/>`,
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    iq('result'),
    iq('get'),
  );
  expect(await romeo.hears("id='get'")).toContain('<service-unavailable');
  romeo.say(chat('d'));
  await kept(1);
  expect(romeo.stanzas).toEqual([]);
});

test('the room that it left is told', async () => {
  const { romeo, juliet } = await stage();
  const balcony = await juliet('balcony');
  lost(balcony, from(chat('a', '', 'groupchat'), `${JULIET}/balcony`));
  expect(await romeo.hears("id='a'")).toContain('<recipient-unavailable');
});
