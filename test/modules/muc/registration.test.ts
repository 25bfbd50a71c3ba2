// Registrations that an admin approves of (XEP-0045 sections 7.10 and 9.9), at a core in memory.

import { describe, expect, test } from 'vitest';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { StoreError } from '../../../src/storage/store.js';
import { type CoreClient, conditionOf } from '../../support/core.js';
import {
  administers,
  codes,
  entered,
  heard,
  house,
  MUC,
  opened,
  ROOM,
  SERVICE,
  says,
  settled,
  standing,
} from '../../support/muc.js';
import type { Xml } from '../../support/xml.js';

const FORM = `${MUC}#register`;
const form = (fields: Record<string, string>) => {
  const all = Object.entries({ FORM_TYPE: FORM, ...fields }).map(
    ([name, value]) => `<field var='${name}'><value>${value}</value></field>`,
  );
  return `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`;
};
const register = (client: CoreClient, nick: string) =>
  client.ask('set', `<query xmlns='jabber:iq:register'>${form({ 'muc#register_roomnick': nick })}</query>`, ROOM);
const answer = (client: CoreClient, fields: Record<string, string>) =>
  client.say(`<message xmlns='jabber:client' to='${ROOM}' id='a'>${form(fields)}</message>`);
const allow = (client: CoreClient, value: string, whom: Record<string, string>) =>
  answer(client, { 'muc#register_allow': value, ...whom });
const TWO = { 'muc#register_jid': 'two@example.test' };
const fieldsOf = (message: Xml) =>
  new Map(message.child('x', 'jabber:x:data')?.children.map((each) => [each.attr('var'), each.textOf('value')]));
const error = async (client: CoreClient) => conditionOf(await heard(client, "type='error'"));

async function cave(options = {}, storage?: MemoryDriver, fields: Record<string, string> = {}) {
  const tested = house(options, storage);
  const [one, two] = [await tested.guest('one'), await tested.guest('two')];
  await opened(one, 'first', { allowregister: '1', approveregister: '1', ...fields });
  return { ...tested, one, two };
}

describe('a registration that is to be approved of', () => {
  test('is asked of the admins who are there, and makes a member with that nickname', async () => {
    const { one, two } = await cave();
    expect((await register(two, 'hag')).attr('type')).toBe('result');
    const asked = await heard(one, FORM);
    const fields = fieldsOf(asked);
    expect([asked.attr('from'), asked.attr('to')]).toEqual([ROOM, 'one@example.test/test']);
    expect([
      fields.get('muc#register_jid'),
      fields.get('muc#register_roomnick'),
      fields.get('muc#register_allow'),
    ]).toEqual(['two@example.test', 'hag', '0']);
    await two.available();
    allow(one, '1', TWO);
    const told = await heard(two, "code='101'");
    expect([told.attr('from'), standing(told)]).toEqual([ROOM, 'member none']);
    expect(standing((await entered(two, 'hag'))[1])).toContain('member participant');
    expect(await administers(one, "<item affiliation='member' jid='three@example.test' nick='hag'/>")).toBe('conflict');
  });

  test('is shown to an admin who comes later', async () => {
    const { one, two } = await cave({}, undefined, { persistentroom: '1' });
    one.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROOM}/first'/>`);
    await heard(one, 'unavailable');
    await register(two, 'hag');
    await entered(one, 'first');
    expect(fieldsOf(await heard(one, FORM)).get('muc#register_roomnick')).toBe('hag');
  });

  test('is answered by the nickname too, and by who is in the room at once seen as a member', async () => {
    const { one, two } = await cave();
    await entered(two, 'second');
    await register(two, 'hag');
    allow(one, 'true', { 'muc#register_roomnick': 'hag' });
    const seen = await heard(two, "affiliation='member'");
    expect([standing(seen), codes(seen)]).toEqual(['member participant two@example.test/test', [110]]);
  });

  test('is denied, and nobody waits for it any more', async () => {
    const { one, two } = await cave();
    await register(two, 'hag');
    allow(one, '0', TWO);
    await settled(one);
    allow(one, '1', TWO);
    expect(await error(one)).toBe('item-not-found');
    expect((await two.ask('get', "<query xmlns='jabber:iq:register'/>", ROOM)).raw).not.toContain('registered');
  });

  test('is answered by admins only, with yes or no', async () => {
    const { one, two } = await cave();
    await register(two, 'hag');
    allow(two, '1', TWO);
    expect(await error(two)).toBe('forbidden');
    answer(one, TWO);
    expect(await error(one)).toBe('bad-request');
    allow(one, '1', { 'muc#register_jid': '@' });
    expect(await error(one)).toBe('jid-malformed');
  });

  test('is no more when its nickname was taken meanwhile', async () => {
    const { guest, one, two } = await cave();
    await register(two, 'hag');
    await entered(await guest('three'), 'hag');
    allow(one, '1', TWO);
    expect(await error(one)).toBe('conflict');
  });

  test('is taken back', async () => {
    const { one, two } = await cave();
    await register(two, 'hag');
    const remove = "<query xmlns='jabber:iq:register'><remove/></query>";
    expect((await two.ask('set', remove, ROOM)).attr('type')).toBe('result');
    allow(one, '1', TWO);
    expect(await error(one)).toBe('item-not-found');
  });

  test('is not one too many, and asked once', async () => {
    const { guest, one, two, metrics } = await cave({ max_registrations: 1 });
    await register(two, 'hag');
    await register(two, 'hag');
    const forms = (await settled(one)).filter((each) => each.raw.includes(FORM));
    expect(forms).toHaveLength(1);
    expect(conditionOf(await register(await guest('three'), 'crone'))).toBe('resource-constraint');
    expect(await metrics.registry.metrics()).toContain('limit="muc.max_registrations"} 1');
  });

  test('waits after a restart too', async () => {
    const storage = new MemoryDriver();
    const { two } = await cave({}, storage, { persistentroom: '1' });
    await register(two, 'hag');
    const after = house({}, storage);
    const one = await after.guest('one');
    await entered(one, 'first');
    await heard(one, FORM);
    allow(one, '1', TWO);
    await settled(one);
    expect(standing((await entered(await after.guest('two'), 'hag'))[1])).toContain('member');
  });

  test('that cannot be kept is refused, and so is its approval', async () => {
    const storage = new MemoryDriver();
    const { one, two } = await cave({}, storage, { persistentroom: '1' });
    const store = storage.open(SERVICE, 'rooms', 'map');
    const full = async () => {
      throw new StoreError('full', 'full');
    };
    const { set } = store;
    store.set = full;
    expect(conditionOf(await register(two, 'hag'))).toBe('resource-constraint');
    store.set = set;
    await register(two, 'hag');
    store.change = full;
    allow(one, '1', TWO);
    expect(await error(one)).toBe('resource-constraint');
    says(one, 'still here');
    expect((await heard(one, 'still here')).name).toBe('message');
  });
});
