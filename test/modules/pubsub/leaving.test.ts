// What becomes of nodes of others when an account is deleted, and its name is somebody else's, at a core in memory.

import { expect, test } from 'vitest';
import { disco } from '../../../src/modules/disco.js';
import { message } from '../../../src/modules/message.js';
import { presence } from '../../../src/modules/presence.js';
import { keptRecord, newRecord } from '../../../src/modules/pubsub/node.js';
import { BASE } from '../../../src/modules/pubsub/node-config.js';
import { pep } from '../../../src/modules/pubsub/pep.js';
import { roster } from '../../../src/modules/roster.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { StoreError } from '../../../src/storage/store.js';
import { CoreClient, DOMAIN, testCore } from '../../support/core.js';
import { Asking, errorOf, SERVICE, serviceCore } from '../../support/pubsub.js';

const ROMEO = 'romeo@example.test';
const MANY = 10_000;

/** Accounts with nodes of their own. */
function accounts(storage = new MemoryDriver()) {
  const domains = { 'example.test': DOMAIN, 'other.test': DOMAIN };
  const { core } = testCore([roster, presence, message, disco, pep], { domains }, storage);
  const enter = async (name: string) => new CoreClient(core).enter(name);
  const gone = async (name: string, domain = 'example.test') => core.hosts.get(domain)?.accounts.delete(name);
  const related = async () => {
    const found: string[] = [];
    for await (const key of storage.open('example.test', 'pep_relations', 'map').keys()) found.push(key);
    return found.sort();
  };
  return { core, storage, enter, gone, related };
}

const listOf = async (owner: Asking, inside: string) =>
  (await owner.ownerGet(inside)).children[0].children[0].children.map((each) => each.attr('jid'));

test('whoever has the name of an account that was deleted is nobody at the nodes of others, after a restart too', async () => {
  const { storage, enter } = accounts();
  const romeo = new Asking(await enter('romeo'), null);
  const juliet = new Asking(await enter('juliet'), ROMEO);
  await romeo.create('secret', { access_model: 'whitelist' });
  await romeo.create('open', { access_model: 'open' });
  await romeo.affiliate('secret', 'juliet', 'member');
  await romeo.affiliate('secret', 'nurse', 'publisher');
  expect(errorOf(await juliet.subscribe('secret'))).toBe('result');
  expect(errorOf(await juliet.subscribe('open', 'juliet@example.test/test'))).toBe('result');

  const after = accounts(storage);
  await after.enter('juliet');
  await after.gone('juliet');
  const owner = new Asking(await after.enter('romeo'), null);
  expect(await listOf(owner, "<affiliations node='secret'/>")).toEqual([ROMEO, 'nurse@example.test']);
  for (const node of ['secret', 'open']) expect(await listOf(owner, `<subscriptions node='${node}'/>`)).toEqual([]);
  const anew = new Asking(await after.enter('juliet'), ROMEO);
  expect(errorOf(await anew.items('secret'))).toBe('cancel not-allowed closed-node');
  expect(await after.related()).toEqual(['nurse@example.test']);
});

test('the same of an account of another domain', async () => {
  const { core, enter, gone } = accounts();
  const romeo = new Asking(await enter('romeo'), null);
  await romeo.create('secret', { access_model: 'whitelist' });
  await core.hosts.get('other.test')?.accounts.create('hector', 'secret');
  const item = "<affiliation jid='hector@other.test' affiliation='owner'/>";
  await romeo.ownerSet(`<affiliations node='secret'>${item}</affiliations>`);
  await gone('hector', 'other.test');
  expect(await listOf(romeo, "<affiliations node='secret'/>")).toEqual([ROMEO]);
});

test('who has nothing to do with any node any more is not looked for', async () => {
  const { enter, gone, related } = accounts();
  const romeo = new Asking(await enter('romeo'), null);
  const juliet = new Asking(await enter('juliet'), ROMEO);
  for (const node of ['one', 'two']) await romeo.create(node, { access_model: 'open' });
  for (const node of ['one', 'two']) await juliet.subscribe(node);
  await juliet.unsubscribe('one');
  expect(await related()).toEqual(['juliet@example.test']);
  await juliet.unsubscribe('two');
  expect(await related()).toEqual([]);
  await juliet.subscribe('one');
  await romeo.ownerSet("<delete node='one'/>");
  expect(await related()).toEqual([]);
  await juliet.subscribe('two');
  await gone('romeo');
  expect(await related()).toEqual([]);
});

test('an account is not said to be deleted when it could not be taken out everywhere, and is when it is tried again', async () => {
  const { core, storage, enter, gone } = accounts();
  const romeo = new Asking(await enter('romeo'), null);
  await romeo.create('secret', { access_model: 'whitelist' });
  await enter('juliet');
  await romeo.affiliate('secret', 'juliet', 'member');
  const records = storage.open('example.test', 'pep', 'map');
  const { set } = records;
  records.set = async () => {
    throw new StoreError('failed', 'the storage failed');
  };
  await expect(gone('juliet')).rejects.toThrow('not all that belonged to it');
  records.set = set;
  await core.hosts.get('example.test')?.accounts.create('juliet', 'secret');
  expect(await listOf(romeo, "<affiliations node='secret'/>")).toEqual([ROMEO]);
});

test('others are answered while very many nodes are gone through', async () => {
  const storage = new MemoryDriver();
  // Whose name is new has no nodes.
  const before = serviceCore({}, storage);
  for (const name of ['romeo', 'juliet']) await before.enter(name);
  const records = storage.open(SERVICE, 'pubsub', 'map');
  for (let n = 0; n < MANY; n++) {
    const record = newRecord(BASE, ROMEO, n % 1000 === 0 ? 'juliet@example.test' : ROMEO);
    await records.set('', `n${n}`, keptRecord(record));
  }
  const { core, enter } = serviceCore({}, storage);
  const romeo = new Asking(await enter('romeo'));
  expect(errorOf(await romeo.items('n1'))).toBe('result');
  const order: string[] = [];
  const gone = core.hosts
    .get('example.test')
    ?.accounts.delete('juliet')
    .then(() => order.push('gone'));
  await new Promise(setImmediate);
  const answered = romeo.client.ask('get', "<query xmlns='jabber:iq:roster'/>").then(() => order.push('answered'));
  await Promise.all([gone, answered]);
  expect(order).toEqual(['answered', 'gone']);
  expect(errorOf(await romeo.items('n1'))).toBe('result');
  expect(errorOf(await romeo.items('n1000'))).toBe('cancel item-not-found');
});
