import { expect, test } from 'vitest';
import { carbons } from '../../src/modules/carbons.js';
import { isEligible } from '../../src/modules/carbons-rules.js';
import { message } from '../../src/modules/message.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, conditionOf, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const ROMEO = 'romeo@example.test';
const JULIET = 'juliet@example.test';
const ENABLE = "<enable xmlns='urn:xmpp:carbons:2'/>";
const chat = (to: string, text: string, inside = '') =>
  `<message xmlns='jabber:client' to='${to}' type='chat' id='${text}'><body>${text}</body>${inside}</message>`;

/** Romeo's garden and home want copies, his phone does not; Juliet is there. */
async function stage() {
  const { core } = testCore([roster, presence, message, carbons]);
  const enter = async (user: string, resource: string) =>
    (await new CoreClient(core).enter(user, resource)).available();
  const [garden, home, phone] = [
    await enter('romeo', 'garden'),
    await enter('romeo', 'home'),
    await enter('romeo', 'phone'),
  ];
  for (const client of [garden, home]) expect((await client.ask('set', ENABLE)).attr('type')).toBe('result');
  const juliet = await enter('juliet', 'balcony');
  for (const client of [garden, home, phone, juliet]) client.stanzas.length = 0;
  return { core, garden, home, phone, juliet };
}

const messages = ({ stanzas }: CoreClient) => stanzas.filter((xml) => xml.startsWith('<message')).map(parseXml);

/** What was copied; undefined when it is no copy. */
function copyIn(xml: string, direction: 'sent' | 'received') {
  const outer = parseXml(xml);
  const inner = outer.child(direction, 'urn:xmpp:carbons:2')?.child('forwarded', 'urn:xmpp:forward:0')?.children[0];
  return { outer, inner };
}

test('8 what a client sends is copied to the others that want it, not to itself', async () => {
  const { garden, home, phone, juliet } = await stage();
  phone.say(chat(`${JULIET}/balcony`, 'hi'));
  await juliet.hears('<body>hi');
  for (const [client, resource] of [
    [garden, 'garden'],
    [home, 'home'],
  ] as const) {
    expect(messages(client)).toHaveLength(1);
    const { outer, inner } = copyIn(client.stanzas[0], 'sent');
    expect([outer.attr('from'), outer.attr('to'), outer.attr('type')]).toEqual([ROMEO, `${ROMEO}/${resource}`, 'chat']);
    expect([inner?.ns, inner?.attr('from'), inner?.attr('to')]).toEqual([
      'jabber:client',
      `${ROMEO}/phone`,
      `${JULIET}/balcony`,
    ]);
    expect(inner?.textOf('body')).toBe('hi');
  }
  garden.stanzas.length = 0;
  garden.say(chat(JULIET, 'again'));
  await home.hears('again');
  expect(messages(garden)).toEqual([]);
});

test('7 what one resource receives is copied to the others that want it, not to itself', async () => {
  const { garden, home, phone, juliet } = await stage();
  juliet.say(chat(`${ROMEO}/garden`, 'hi'));
  const { outer, inner } = copyIn(await home.hears('hi'), 'received');
  expect([outer.attr('from'), outer.attr('to'), outer.attr('type')]).toEqual([ROMEO, `${ROMEO}/home`, 'chat']);
  expect(inner?.attr('to')).toBe(`${ROMEO}/garden`);
  expect(messages(garden).map((each) => each.attr('to'))).toEqual([`${ROMEO}/garden`]);
  expect(messages(phone)).toEqual([]);
});

test('7 who gets a message for the account gets no copy of it', async () => {
  const { garden, home, phone, juliet } = await stage();
  await home.available(-1);
  home.stanzas.length = 0;
  juliet.say(chat(ROMEO, 'all'));
  await home.hears('all').then((xml) => expect(copyIn(xml, 'received').inner?.attr('to')).toBe(ROMEO));
  juliet.say(chat(`${ROMEO}/gone`, 'chat'));
  await home.hears('<body>chat');
  for (const client of [garden, phone])
    expect(messages(client).map((each) => each.textOf('body'))).toEqual(['all', 'chat']);
});

test('what an account sends to itself comes once', async () => {
  const { garden, home, phone } = await stage();
  phone.say(chat(`${ROMEO}/garden`, 'note'));
  await home.hears('note');
  expect(messages(home)).toEqual([]);
  expect(messages(garden).map((each) => each.textOf('body'))).toEqual(['note']);
  garden.stanzas.length = 0;
  phone.say(chat(ROMEO, 'all'));
  await home.hears('<body>all');
  expect(messages(garden).map((each) => each.textOf('body'))).toEqual(['all']);
});

test('6.1 an error that answers a message is copied as the message was', async () => {
  const { garden, home, phone, juliet } = await stage();
  const error = (id: string) => `<message xmlns='jabber:client' to='${ROMEO}/phone' type='error' id='${id}'/>`;
  phone.say(chat(`${JULIET}/balcony`, 'one'));
  await home.hears('<body>one');
  juliet.say(error('other'));
  juliet.say(error('one'));
  for (const client of [garden, home]) {
    const { outer, inner } = copyIn(await client.hears("type='error'"), 'received');
    expect([outer.attr('type'), inner?.attr('id')]).toEqual(['error', 'one']);
  }
});

test('9 private messages are not copied, on either side', async () => {
  const { garden, home, phone, juliet } = await stage();
  const hidden = "<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/>";
  phone.say(chat(`${JULIET}/balcony`, 'secret', hidden));
  expect(await juliet.hears('secret')).toContain('private');
  juliet.say(chat(`${ROMEO}/garden`, 'secret', hidden));
  await garden.hears('secret');
  expect([...messages(garden), ...messages(home)]).toEqual([]);
});

test('10.1 it may be enabled and disabled again and again', async () => {
  const { garden, home, juliet } = await stage();
  const disable = "<disable xmlns='urn:xmpp:carbons:2'/>";
  for (const payload of [ENABLE, disable, disable, ENABLE, disable]) {
    expect(conditionOf(await home.ask('set', payload))).toBeUndefined();
  }
  juliet.say(chat(`${ROMEO}/garden`, 'hi'));
  await garden.hears('hi');
  expect(messages(home)).toEqual([]);
});

test('a client that is gone is forgotten', async () => {
  const { garden, home, juliet } = await stage();
  home.end.close({ how: 'lost' });
  juliet.say(chat(`${ROMEO}/garden`, 'hi'));
  await garden.hears('hi');
  expect(messages(home)).toEqual([]);
});

const MUC = 'http://jabber.org/protocol/muc#user';
test.each([
  [true, true, 'chat', ''],
  [true, true, 'normal', '<body>a</body>'],
  [false, false, 'normal', "<x xmlns='urn:x'/>"],
  [true, true, 'normal', "<received xmlns='urn:xmpp:receipts' id='a'/>"],
  [true, true, 'normal', "<composing xmlns='http://jabber.org/protocol/chatstates'/>"],
  [true, true, 'normal', "<displayed xmlns='urn:xmpp:chat-markers:0' id='a'/>"],
  [false, false, 'groupchat', '<body>a</body>'],
  [false, false, 'headline', '<body>a</body>'],
  [true, true, 'normal', "<x xmlns='jabber:x:conference' jid='a@b'/>"],
  [true, true, 'normal', `<x xmlns='${MUC}'><invite to='a@b'/></x>`],
  [true, false, 'chat', `<body>a</body><x xmlns='${MUC}'/>`],
  [false, false, 'chat', "<body>a</body><private xmlns='urn:xmpp:carbons:2'/>"],
  [false, false, 'chat', "<body>a</body><no-copy xmlns='urn:xmpp:hints'/>"],
])('6.1 sent: %s, received: %s, for %s %s', (sent, received, type, inside) => {
  const stanza = Stanza.from(`<message xmlns='jabber:client' type='${type}'>${inside}</message>`);
  expect([isEligible(stanza, 'sent'), isEligible(stanza, 'received')]).toEqual([sent, received]);
});
