import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { last } from '../../src/modules/last.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { CoreClient, conditionOf, shown, testCore } from '../support/core.js';

const QUERY = "<query xmlns='jabber:iq:last'/>";
const ROMEO = 'romeo@example.test';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

/** Juliet sees Romeo's presence; he does not see hers. */
async function two() {
  const tested = testCore([roster, presence, last]);
  const [romeo, juliet] = [
    await new CoreClient(tested.core).enter('romeo'),
    await new CoreClient(tested.core).enter('juliet'),
  ];
  await shown(romeo, juliet);
  const seconds = async (client: CoreClient, to?: string) => {
    const answer = await client.ask('get', QUERY, to);
    return conditionOf(answer) ?? answer.children[0].attr('seconds');
  };
  return { ...tested, romeo, juliet, seconds };
}

test('5 the host tells how long it has been up', async () => {
  const { romeo, clock, seconds } = await two();
  clock.now += 90_500;
  expect(await seconds(romeo, 'example.test')).toBe('90');
});

test('3 contacts learn when an account was left, and what it said then; before, that it is there', async () => {
  const { romeo, juliet, seconds } = await two();
  expect(await seconds(juliet, ROMEO)).toBe('0');
  romeo.say("<presence xmlns='jabber:client' type='unavailable'><status>Heading &lt;Home&gt;</status></presence>");
  romeo.end.close({ how: 'closed' });
  vi.setSystemTime(1_903_000);
  const [query] = (await juliet.ask('get', QUERY, ROMEO)).children;
  expect([query.attr('seconds'), query.text]).toEqual(['903', 'Heading <Home>']);
});

test('3 others are refused, whether there is such an account or not, and also when they ask its client', async () => {
  const { romeo, juliet, seconds } = await two();
  for (const to of ['juliet@example.test', 'juliet@example.test/test', 'nobody@example.test']) {
    expect(await seconds(romeo, to)).toBe('forbidden');
  }
  const to = 'juliet@example.test/test';
  romeo.say(`<iq xmlns='jabber:client' type='get' id='two' to='${to}'><a xmlns='b'/>${QUERY}</iq>`);
  romeo.say(`<iq xmlns='jabber:client' type='get' id='ref' to='${to}'><query xmlns='jabber:iq:las&#116;'/></iq>`);
  for (const id of ['two', 'ref']) expect(await romeo.hears(`id='${id}'`)).toContain('<forbidden');
  expect(juliet.stanzas).toEqual([]);
});

test('4 a contact asks the client itself', async () => {
  const { romeo, juliet } = await two();
  juliet.say(`<iq xmlns='jabber:client' type='get' id='idle' to='${ROMEO}/test'>${QUERY}</iq>`);
  expect(await romeo.hears("id='idle'")).toContain('jabber:iq:last');
});

test('an account that is gone leaves nothing behind', async () => {
  const { core, romeo, juliet, seconds } = await two();
  romeo.end.close({ how: 'closed' });
  await core.hosts.get('example.test')?.accounts.delete('romeo');
  expect(await seconds(juliet, ROMEO)).toBe('forbidden');
  const store = core.hosts.get('example.test')?.deps.storage.open('example.test', 'last', 'keyvalue');
  expect(await store?.get('romeo')).toBeUndefined();
});
