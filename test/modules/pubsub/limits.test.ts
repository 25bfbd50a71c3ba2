// What one client can do to a service, and to those who listen to it.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../../../src/storage/store.js';
import type { CoreClient } from '../../support/core.js';
import { Asking, errorOf, heard, idsOf, PUBSUB, SERVICE, serviceCore } from '../../support/pubsub.js';
import { SlowDriver } from '../../support/slow-driver.js';
import { parseXml } from '../../support/xml.js';

type Limits = Parameters<typeof serviceCore>[0];

afterEach(() => void vi.useRealTimers());

async function two(limits: Limits = {}, fields: Record<string, string> = {}, storage = new SlowDriver()) {
  const core = serviceCore(limits, storage);
  const [romeo, juliet] = [new Asking(await core.enter('romeo')), new Asking(await core.enter('juliet'))];
  await Promise.all([romeo, juliet].map(({ client }) => client.available()));
  expect(errorOf(await romeo.create('news', fields))).toBe('result');
  const hit = async (limit: string) => (await core.metrics.text()).includes(`limit="pubsub.${limit}"`);
  return { ...core, storage, romeo, juliet, hit };
}

const payload = (size: number) => `<e xmlns='urn:e'>${'x'.repeat(size)}</e>`;

describe('tables', () => {
  test('8.1 one account owns so many nodes', async () => {
    const { romeo, juliet, hit } = await two({ max_nodes_per_owner: 2 });
    expect(errorOf(await romeo.create('b'))).toBe('result');
    expect(errorOf(await romeo.create('c'))).toBe('wait resource-constraint max-nodes-exceeded');
    expect(await hit('max_nodes_per_owner')).toBe(true);
    expect(errorOf(await juliet.create('c'))).toBe('result');
    await romeo.ownerSet("<delete node='b'/>");
    expect(errorOf(await romeo.create('d'))).toBe('result');
  });

  test('6.1.3.9 one account has so many addresses at a node', async () => {
    const { juliet, hit } = await two({ max_addresses: 2 });
    const of = (resource: string) => juliet.subscribe('news', `juliet@example.test/${resource}`);
    expect([errorOf(await of('a')), errorOf(await of('b')), errorOf(await of('a'))]).toEqual([
      'result',
      'result',
      'result',
    ]);
    expect(errorOf(await of('c'))).toBe('wait policy-violation too-many-subscriptions');
    expect(await hit('max_addresses')).toBe(true);
  });

  test('the items of a node have so many bytes, and the oldest go', async () => {
    const { romeo } = await two({ max_node_bytes: 3000 });
    for (const id of ['a', 'b', 'c', 'd']) await romeo.publish('news', id, payload(900));
    expect(idsOf(await romeo.items('news'))).toEqual(['d', 'c', 'b']);
    await romeo.publish('news', 'c', payload(10));
    await romeo.publish('news', 'e', payload(900));
    expect(idsOf(await romeo.items('news'))).toEqual(['e', 'c', 'd', 'b']);
    await romeo.publish('news', 'f', payload(2900));
    expect(idsOf(await romeo.items('news'))).toEqual(['f']);
    await romeo.configure('news', { publish_node_full: 'reject' });
    expect(errorOf(await romeo.publish('news', 'g', payload(900)))).toBe('cancel conflict node-full');
    expect(errorOf(await romeo.publish('news', 'f', payload(1000)))).toBe('result');
  });

  test('6.5.4 an answer has so many bytes of items, and says what it is a part of', async () => {
    const { romeo, hit } = await two({ max_answer_bytes: 2500 });
    for (const id of ['a', 'b', 'c', 'd']) await romeo.publish('news', id, payload(900));
    const set = (answer: Awaited<ReturnType<Asking['items']>>) =>
      answer.children[0].children[1]?.children.map(({ name, text }) => `${name} ${text}`);
    const all = await romeo.items('news');
    expect([idsOf(all), set(all)]).toEqual([
      ['d', 'c'],
      ['first d', 'last c', 'count 4'],
    ]);
    expect(await hit('max_answer_bytes')).toBe(true);
    const rsm = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
    const rest = await romeo.get(`<items node='news'/>${rsm('<after>c</after>')}`);
    expect(idsOf(rest)).toEqual(['b', 'a']);
    const last = await romeo.get(`<items node='news'/>${rsm('<before/>')}`);
    expect([idsOf(last), set(last)]).toEqual([
      ['b', 'a'],
      ['first b', 'last a', 'count 4'],
    ]);
    const named = ['a', 'b', 'c'].map((id) => `<item id='${id}'/>`).join('');
    expect(idsOf(await romeo.get(`<items node='news'>${named}</items>`))).toEqual(['a', 'b']);
  });

  test('one item is read, however large it is', async () => {
    const { romeo } = await two({ max_answer_bytes: 1024 });
    await romeo.publish('news', 'large', payload(2000));
    expect(idsOf(await romeo.items('news'))).toEqual(['large']);
  });
});

/** More than are told at once. */
async function audience(enter: (name: string) => Promise<CoreClient>): Promise<CoreClient[]> {
  const listeners = await Promise.all(Array.from({ length: 250 }, (_, n) => enter(`listener${n}`)));
  for (const client of listeners) await client.available();
  await Promise.all(listeners.map((client) => new Asking(client).subscribe('news')));
  return listeners;
}

describe('telling others', () => {
  test('what a publisher says next waits until all have been told', async () => {
    const { core, romeo, enter } = await two();
    const listeners = await audience(enter);
    const told = () => listeners.filter(({ stanzas }) => stanzas.some((xml) => xml.includes("id='one'"))).length;
    const answered = romeo.publish('news', 'one');
    const ping = romeo.client.ask('get', "<query xmlns='jabber:iq:roster'/>").then(told);
    // Others have their turn in the midst of it.
    expect(errorOf(await answered)).toBe('result');
    expect(told()).toBeLessThan(listeners.length);
    expect(await ping).toBe(listeners.length);
    await core.stop();
  });

  test('8.6 what a subscriber says next waits until all owners have been asked and told', async () => {
    const { core, romeo, juliet, enter } = await two({}, { access_model: 'authorize', notify_sub: '1' });
    const owners = await audience(enter);
    const all = owners.map(({ account }) => `<affiliation jid='${account}@example.test' affiliation='owner'/>`);
    expect(errorOf(await romeo.ownerSet(`<affiliations node='news'>${all.join('')}</affiliations>`))).toBe('result');
    await heard(romeo);
    const having = (what: string) => () =>
      owners.filter(({ stanzas }) => stanzas.some((xml) => xml.includes(what) && xml.includes('juliet@'))).length;
    for (const [model, told] of [
      ['authorize', having('subscribe_authorization')],
      ['open', having("subscription='subscribed'")],
    ] as const) {
      await romeo.configure('news', { access_model: model });
      const answered = juliet.subscribe('news');
      const next = juliet.client.ask('get', "<query xmlns='jabber:iq:roster'/>").then(told);
      expect(errorOf(await answered)).toBe('result');
      expect(told()).toBeLessThan(owners.length);
      expect(await next).toBe(owners.length);
    }
    await core.stop();
  });

  test('all are told the same, but for whom it is to', async () => {
    const { romeo, juliet } = await two();
    await romeo.subscribe('news');
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    const [to, same] = [romeo, juliet].map((asking) => asking.client.account);
    const [his] = await heard(romeo);
    const [hers] = await heard(juliet);
    expect(his.replace(`to='${to}@`, `to='${same}@`)).toBe(hers);
  });

  test('so many changes may wait to be told of', async () => {
    const { juliet, romeo, enter, hit } = await two({ max_untold: 1 }, { publish_model: 'open' });
    await audience(enter);
    const both = await Promise.all([romeo.publish('news', 'one'), juliet.publish('news', 'two')]);
    expect(both.map(errorOf)).toEqual(['result', 'wait resource-constraint']);
    expect(await hit('max_untold')).toBe(true);
    await heard(romeo);
    expect(errorOf(await juliet.publish('news', 'two'))).toBe('result');
  });
});

describe('forgeries', () => {
  test('an item carries what its payload is, and nothing about who it is from', async () => {
    const { romeo, juliet } = await two({}, { itemreply: 'publisher' });
    await juliet.subscribe('news');
    const forged =
      "<publish node='news'><item id='one' publisher='juliet@example.test' from='a@b'><e xmlns='urn:e'/></item></publish>";
    await romeo.set(forged);
    const [message] = await heard(juliet);
    const item = parseXml(message).child('event', `${PUBSUB}#event`)?.child('items')?.child('item');
    expect([item?.attr('publisher'), item?.attr('from')]).toEqual(['romeo@example.test/test', undefined]);
    expect(parseXml(message).attr('from')).toBe(SERVICE);
  });

  test('nobody changes what another has at a node', async () => {
    const { romeo, juliet } = await two();
    await romeo.subscribe('news');
    const jid = "jid='romeo@example.test'";
    for (const inside of [`<unsubscribe node='news' ${jid}/>`, `<options node='news' ${jid}/>`]) {
      expect(errorOf(await juliet.set(inside))).toBe('auth forbidden');
    }
    expect(errorOf(await juliet.get(`<options node='news' ${jid}/>`))).toBe('auth forbidden');
  });
});

describe('a store that fails', () => {
  test('in the midst of a publication takes nothing, tells nobody and says so', async () => {
    const { storage, romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    storage.fails = (store, operation) => {
      if (store === 'pubsub_items' && operation === 'change') throw new StoreError('full', 'no room');
    };
    expect(errorOf(await romeo.publish('news', 'two'))).toBe('wait resource-constraint');
    storage.fails = (store) => {
      if (store === 'pubsub_items') throw new StoreError('failed', 'broken');
    };
    expect(errorOf(await romeo.publish('news', 'three'))).toBe('wait internal-server-error');
    expect(errorOf(await romeo.retract('news', 'one'))).toBe('wait internal-server-error');
    storage.fails = () => {};
    expect(idsOf(await romeo.items('news'))).toEqual(['one']);
    expect(await heard(juliet)).toHaveLength(1);
    expect(errorOf(await romeo.publish('news', 'two'))).toBe('result');
    expect(idsOf(await romeo.items('news'))).toEqual(['two', 'one']);
  });

  test('leaves subscriptions, options, affiliations and configuration as they were', async () => {
    const { storage, romeo, juliet } = await two();
    storage.fails = (store, operation) => {
      if (store === 'pubsub' && operation === 'set') throw new StoreError('failed', 'broken');
    };
    expect(errorOf(await juliet.subscribe('news'))).toBe('wait internal-server-error');
    expect(errorOf(await romeo.affiliate('news', 'juliet', 'owner'))).toBe('wait internal-server-error');
    expect(errorOf(await romeo.configure('news', { title: 'N' }))).toBe('wait internal-server-error');
    expect(errorOf(await romeo.create('more'))).toBe('wait internal-server-error');
    storage.fails = () => {};
    expect((await juliet.get('<subscriptions/>')).children[0].children[0].children).toEqual([]);
    expect(errorOf(await juliet.configure('news', { title: 'N' }))).toBe('auth forbidden');
    expect(errorOf(await romeo.items('more'))).toBe('cancel item-not-found');
  });
});

describe('items that expire', () => {
  test('are gone, and leave the store with the next change', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { storage, romeo, juliet } = await two({}, { item_expire: '60' });
    await romeo.publish('news', 'one');
    vi.setSystemTime(Date.now() + 59_000);
    await romeo.publish('news', 'two');
    expect(idsOf(await romeo.items('news'))).toEqual(['two', 'one']);
    vi.setSystemTime(Date.now() + 1000);
    expect(idsOf(await romeo.items('news'))).toEqual(['two']);
    expect(idsOf(await romeo.get("<items node='news'><item id='one'/></items>"))).toEqual([]);
    expect(errorOf(await romeo.retract('news', 'one'))).toBe('cancel item-not-found');
    vi.setSystemTime(Date.now() + 60_000);
    await juliet.subscribe('news');
    expect(await heard(juliet)).toEqual([]);
    await romeo.publish('news', 'one');
    expect(idsOf(await romeo.items('news'))).toEqual(['one']);
    const items = storage.open(SERVICE, 'pubsub_items', 'map');
    for await (const key of items.keys()) expect([...(await items.all(key)).keys()]).toEqual(['one']);
  });

  test('that were published again stay', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { storage, romeo, juliet } = await two({}, { item_expire: '60' });
    await romeo.publish('news', 'one');
    storage.hold('pubsub_items');
    const again = romeo.publish('news', 'one', "<e xmlns='urn:e'>again</e>");
    await storage.asked('pubsub_items');
    vi.setSystemTime(Date.now() + 60_000);
    // Who reads now finds that the old one has expired.
    expect(idsOf(await juliet.items('news'))).toEqual([]);
    vi.setSystemTime(Date.now() - 60_000);
    storage.release('pubsub_items');
    expect(errorOf(await again)).toBe('result');
    await romeo.publish('news', 'two');
    expect(idsOf(await romeo.items('news'))).toEqual(['two', 'one']);
  });
});
