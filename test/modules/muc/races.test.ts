// What several ask of one room while its store takes its time, at a core in memory.

import { expect, test } from 'vitest';
import type { CoreClient } from '../../support/core.js';
import { conditionOf } from '../../support/core.js';
import {
  administers,
  configured,
  entered,
  enters,
  house,
  listed,
  MUC,
  opened,
  ROOM,
  refused,
  USER,
} from '../../support/muc.js';
import { SlowDriver } from '../../support/slow-driver.js';

const stands = (name: string, as: string) => `<item jid='${name}@example.test' affiliation='${as}'/>`;

/** A persistent room with two owners in it, and somebody else; its store waits from now on. */
async function slow(fields: Record<string, string> = {}) {
  const driver = new SlowDriver();
  const tested = house({}, driver);
  const [one, two, other] = await Promise.all(['one', 'two', 'other'].map((name) => tested.guest(name)));
  await opened(one, 'first', { persistentroom: '1', ...fields });
  await administers(one, stands('two', 'owner'));
  await entered(two, 'second');
  driver.hold('rooms');
  /** Does the one while the other waits for the store, and lets both go on. */
  const during = async <A, B>(first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> => {
    const begun = first();
    await driver.asked('rooms');
    const both = Promise.all([begun, second()]);
    // Whoever asks now was heard after both.
    enters(await tested.guest('late'), 'late');
    driver.release('rooms');
    return both;
  };
  return { ...tested, one, two, other, during };
}

const registers = (client: CoreClient, nick: string) => {
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`;
  const fields = field('FORM_TYPE', `${MUC}#register`) + field('muc#register_roomnick', nick);
  const form = `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`;
  return client.ask('set', `<query xmlns='jabber:iq:register'>${form}</query>`, ROOM);
};

test('10.4 two owners do not remove each other', async () => {
  const { one, two, during } = await slow();
  const conditions = await during(
    () => administers(one, stands('two', 'none')),
    () => administers(two, stands('one', 'none')),
  );
  expect(conditions).toEqual([undefined, 'forbidden']);
  expect(await listed(one, "affiliation='owner'")).toEqual(['one@example.test']);
});

test('9.1 who is banned as he registers is banned', async () => {
  const { one, other, during } = await slow({ allowregister: '1' });
  await during(
    () => registers(other, 'hag'),
    () => administers(one, stands('other', 'outcast')),
  );
  expect(await listed(one, "affiliation='outcast'")).toEqual(['other@example.test']);
});

test('9.1 who registers as he is banned is banned', async () => {
  const { one, other, during } = await slow({ allowregister: '1' });
  const [, answer] = await during(
    () => administers(one, stands('other', 'outcast')),
    () => registers(other, 'hag'),
  );
  expect(conditionOf(answer)).toBe('forbidden');
  expect(await listed(one, "affiliation='outcast'")).toEqual(['other@example.test']);
});

test('7.8.2 who is invited as he is banned is banned', async () => {
  const { one, two, other, during } = await slow({ membersonly: '1' });
  await during(
    () => administers(one, stands('other', 'outcast')),
    async () => {
      const invite = `<x xmlns='${USER}'><invite to='other@example.test'/></x>`;
      two.say(`<message xmlns='jabber:client' to='${ROOM}'>${invite}</message>`);
    },
  );
  await configured(two, { roomname: 'Cave' });
  expect(await listed(one, "affiliation='outcast'")).toEqual(['other@example.test']);
  expect(await refused(other, 'other')).toBe('forbidden');
});
