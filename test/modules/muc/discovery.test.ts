// What the service and its rooms say of themselves (XEP-0045 section 6), at a core in memory.

import { describe, expect, test } from 'vitest';
import { type CoreClient, conditionOf } from '../../support/core.js';
import { codes, configured, entered, heard, house, opened, ROOM, SERVICE } from '../../support/muc.js';

const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items'/>";

async function about(client: CoreClient, to: string) {
  const query = (await client.ask('get', INFO, to)).child('query');
  const features = query?.children.filter(({ name }) => name === 'feature').map((each) => each.attr('var')) ?? [];
  return { identity: query?.child('identity'), features, form: query?.child('x', 'jabber:x:data') };
}

async function items(client: CoreClient, to = SERVICE, set = '') {
  const payload = set && `<set xmlns='http://jabber.org/protocol/rsm'>${set}</set>`;
  const query = (await client.ask('get', ITEMS.replace('/>', `>${payload}</query>`), to)).child('query');
  const all = query?.children.filter(({ name }) => name === 'item') ?? [];
  return {
    all: all.map((each) => each.attr('jid')),
    names: all.map((each) => each.attr('name')),
    set: query?.child('set'),
  };
}

test('6.2 the service says that it has rooms', async () => {
  const { guest } = house();
  const { identity, features } = await about(await guest('one'), SERVICE);
  expect([identity?.attr('category'), identity?.attr('type'), identity?.attr('name')]).toEqual([
    'conference',
    'text',
    'Rooms',
  ]);
  expect(features).toContain('http://jabber.org/protocol/muc');
});

test('7.10 a room says that one may register to those who may', async () => {
  const { guest } = house();
  const [one, two] = [await guest('one'), await guest('two')];
  await opened(one, 'first');
  const register = async (client: CoreClient) => (await about(client, ROOM)).features.includes('jabber:iq:register');
  expect([await register(one), await register(two)]).toEqual([true, false]);
  await configured(one, { allowregister: '1' });
  expect([await register(one), await register(two)]).toEqual([true, true]);
});

describe('6.3 the list of rooms', () => {
  test('has those that are to be listed and are ready', async () => {
    const { guest } = house();
    const one = await guest('one');
    await opened(one, 'first', { roomname: 'Cave' });
    await opened(one, 'first', { publicroom: '0' }, `hidden@${SERVICE}`);
    await entered(one, 'first', '', `locked@${SERVICE}`);
    const { all, names, set } = await items(one);
    expect([all, names, set]).toEqual([[ROOM], ['Cave'], undefined]);
  });

  test('comes page by page, in one order', async () => {
    const { guest } = house();
    const one = await guest('one');
    for (const name of ['c', 'a', 'b']) await opened(one, 'first', {}, `${name}@${SERVICE}`);
    const page = async (set: string) => {
      const { all, set: answer } = await items(one, SERVICE, set);
      return [
        all.map((each) => each?.[0]).join(''),
        answer?.textOf('first'),
        answer?.textOf('last'),
        answer?.textOf('count'),
      ];
    };
    expect(await page('<max>2</max>')).toEqual(['ab', 'a', 'b', '3']);
    expect(await page('<max>2</max><after>b</after>')).toEqual(['c', 'c', 'c', '3']);
    expect(await page('<max>2</max><before/>')).toEqual(['bc', 'b', 'c', '3']);
    expect(await page('<max>1</max><before>b</before>')).toEqual(['a', 'a', 'a', '3']);
    expect(await page('<max>0</max>')).toEqual(['', undefined, undefined, '3']);
    const answer = await one.ask(
      'get',
      ITEMS.replace('/>', "><set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set></query>"),
      SERVICE,
    );
    expect(conditionOf(answer)).toBe('bad-request');
  });
});

describe('6.4 a room', () => {
  test.each([
    [{}, ['muc_temporary', 'muc_public', 'muc_open', 'muc_unsecured', 'muc_unmoderated', 'muc_semianonymous']],
    [
      {
        persistentroom: '1',
        publicroom: '0',
        membersonly: '1',
        passwordprotectedroom: '1',
        roomsecret: 'x',
        moderatedroom: '1',
        whois: 'anyone',
      },
      ['muc_persistent', 'muc_hidden', 'muc_membersonly', 'muc_passwordprotected', 'muc_moderated', 'muc_nonanonymous'],
    ],
  ])('says what it is like: %o', async (fields, expected) => {
    const { guest } = house();
    const one = await guest('one');
    await opened(one, 'first', { roomdesc: 'dark', ...fields });
    const { features, form } = await about(one, ROOM);
    expect(features.filter((each) => each?.startsWith('muc_'))).toEqual(expected);
    const said = new Map(form?.children.map((each) => [each.attr('var'), each.textOf('value')]));
    expect([said.get('muc#roominfo_description'), said.get('muc#roominfo_occupants')]).toEqual(['dark', '1']);
  });

  test('is not there, is not ready, or knows no such node', async () => {
    const { guest } = house();
    const one = await guest('one');
    expect(conditionOf(await one.ask('get', INFO, ROOM))).toBe('item-not-found');
    await entered(one, 'first');
    expect(conditionOf(await one.ask('get', INFO, ROOM))).toBe('item-not-found');
    expect(conditionOf(await one.ask('get', INFO.replace('/>', " node='x'/>"), SERVICE))).toBe('item-not-found');
  });

  test('says what it is about to those who may enter, and in which language', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'first', { lang: 'en-GB' });
    one.say(`<message xmlns='jabber:client' type='groupchat' to='${ROOM}'><subject>Fire</subject></message>`);
    const said = async (client: CoreClient) => {
      const { form } = await about(client, ROOM);
      const fields = new Map(form?.children.map((each) => [each.attr('var'), each.textOf('value')]));
      return [fields.get('muc#roominfo_subject'), fields.get('muc#roominfo_lang')];
    };
    await heard(one, '<subject>');
    expect(await said(two)).toEqual(['Fire', 'en-GB']);
    await configured(one, { membersonly: '1', lang: '' });
    expect(await said(two)).toEqual([undefined, undefined]);
    expect(await said(one)).toEqual(['Fire', undefined]);
    expect(conditionOf(await configured(one, { lang: 'not a language' }))).toBe('not-acceptable');
  });

  test('17.1.1 takes nothing out of what is said', async () => {
    const { guest } = house();
    const one = await guest('one');
    await opened(one, 'first');
    const traffic = INFO.replace('/>', " node='http://jabber.org/protocol/muc#traffic'/>");
    for (const to of [ROOM, SERVICE])
      expect(conditionOf(await one.ask('get', traffic, to))).toBe('service-unavailable');
  });

  test('XEP-0307 has a name that no other has', async () => {
    const one = await house().guest('one');
    const ask = async () =>
      (await one.ask('get', "<unique xmlns='http://jabber.org/protocol/muc#unique'/>", SERVICE)).textOf('unique') ?? '';
    const [name, other] = [await ask(), await ask()];
    expect(name).not.toBe(other);
    expect(codes((await entered(one, 'first', '', `${name}@${SERVICE}`))[0])).toContain(201);
  });

  test('6.5 shows who is in it to those who are', async () => {
    const { guest } = house();
    const [one, two] = [await guest('one'), await guest('two')];
    await opened(one, 'first');
    expect((await items(one, ROOM)).all).toEqual([`${ROOM}/first`]);
    expect((await items(two, ROOM)).all).toEqual([]);
  });
});
