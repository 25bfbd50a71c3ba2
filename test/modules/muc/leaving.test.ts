// What becomes of rooms when an account is deleted, and its name is somebody else's, at a core in memory.

import { expect, test } from 'vitest';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { StoreError } from '../../../src/storage/store.js';
import {
  administers,
  codes,
  configured,
  entered,
  heard,
  house,
  listed,
  opened,
  refused,
  SERVICE,
  settled,
  standing,
} from '../../support/muc.js';

const stands = (name: string, as: string, more = '') => `<item jid='${name}@example.test' affiliation='${as}'${more}/>`;

/** A persistent room of the first, and the second; then what they are to it is set. */
async function cave(standings: Record<string, string>, fields: Record<string, string> = {}) {
  const storage = new MemoryDriver();
  const tested = house({}, storage);
  const [one, two] = [await tested.guest('one'), await tested.guest('two')];
  await Promise.all(['three', 'four'].map((name) => tested.guest(name)));
  await opened(one, 'first', { persistentroom: '1', ...fields });
  const items = Object.entries(standings).map(([name, as]) => stands(name, as));
  if (items.length > 0) expect(await administers(one, ...items)).toBeUndefined();
  const gone = async (username: string) => tested.core.hosts.get('example.test')?.accounts.delete(username);
  const fieldsKept = async () => {
    const kept = await storage.open(SERVICE, 'rooms', 'map').all('coven');
    return [...kept.keys()].filter((key) => key.includes(' ')).sort();
  };
  return { ...tested, one, two, gone, fieldsKept };
}

test('whoever has the name of an account that was deleted is nobody in its rooms', async () => {
  const { guest, two, gone, fieldsKept } = await cave({ two: 'owner' }, { membersonly: '1' });
  await entered(two, 'second');
  await gone('one');
  expect(standing(await heard(two, "jid='one@example.test'"))).toBe('none none one@example.test');
  expect(await listed(two, "affiliation='owner'")).toEqual(['two@example.test']);
  expect(await fieldsKept()).toEqual(['affiliation two@example.test']);
  const again = await guest('one');
  expect(await refused(again, 'first')).toBe('registration-required');
  expect(await listed(again, "affiliation='owner'")).toBe('forbidden');
});

test('a nickname that was reserved for it is anybody’s', async () => {
  const { one, gone, fieldsKept, guest } = await cave({});
  await administers(one, stands('two', 'member', " nick='hag'"));
  await gone('two');
  expect(await fieldsKept()).toEqual(['affiliation one@example.test']);
  await entered(await guest('three'), 'hag');
});

test('several go at once, and further ones after them', async () => {
  const { gone, fieldsKept } = await cave({ two: 'admin', three: 'member', four: 'member' });
  const first = ['two', 'three'].map(gone);
  await Promise.all([...first, first[0].then(() => gone('four'))]);
  expect(await fieldsKept()).toEqual(['affiliation one@example.test']);
});

test('who was banned is banned under this name', async () => {
  const { guest, gone } = await cave({ two: 'outcast' });
  await gone('two');
  expect(await refused(await guest('two'), 'second')).toBe('forbidden');
});

test('its admins own a room that nobody else does', async () => {
  const { two, gone, guest, fieldsKept } = await cave({ two: 'admin' });
  await entered(two, 'second');
  await settled(two);
  await gone('one');
  expect(standing(await heard(two, '/second'))).toContain('owner moderator');
  expect((await configured(two, { roomname: 'Mine' })).attr('type')).toBe('result');
  expect(await fieldsKept()).toEqual(['affiliation two@example.test']);
  expect(codes((await entered(await guest('one'), 'first'))[0])).not.toContain(201);
});

test('a room stays for its members, and goes where there is nobody', async () => {
  for (const [standings, isNew] of [
    [{ two: 'member' }, false],
    [{ two: 'outcast' }, true],
  ] as const) {
    const { gone, guest, fieldsKept } = await cave(standings);
    await gone('one');
    expect(await fieldsKept()).toEqual(isNew ? [] : ['affiliation two@example.test']);
    const seen = await entered(await guest('three'), 'x');
    expect(codes(seen[seen.length - 2]).includes(201), JSON.stringify(standings)).toBe(isNew);
  }
});

test('an account is not said to be deleted when that could not be kept, and its name is not given away before', async () => {
  const storage = new MemoryDriver();
  const { guest, core } = house({}, storage);
  await opened(await guest('one'), 'first', { persistentroom: '1' });
  const rooms = storage.open(SERVICE, 'rooms', 'map');
  const { change } = rooms;
  rooms.change = async () => {
    throw new StoreError('failed', 'broken');
  };
  const accounts = core.hosts.get('example.test')?.accounts;
  await expect(accounts?.delete('one')).rejects.toThrow(AggregateError);
  await expect(accounts?.create('one', 'secret')).rejects.toThrow(StoreError);
  rooms.change = change;
  await accounts?.create('one', 'secret');
  expect([...(await rooms.all('coven')).keys()]).toEqual([]);
});
