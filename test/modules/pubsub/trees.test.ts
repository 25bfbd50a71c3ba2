// Nodes of accounts that are forgotten while others are asked for, at a core in memory.

import { expect, test } from 'vitest';
import type { Module } from '../../../src/core/module.js';
import { disco } from '../../../src/modules/disco.js';
import { message } from '../../../src/modules/message.js';
import { presence } from '../../../src/modules/presence.js';
import { PEP, type Pep, pep } from '../../../src/modules/pubsub/pep.js';
import { endAll } from '../../../src/modules/pubsub/subscribing.js';
import { roster } from '../../../src/modules/roster.js';
import { CoreClient, testCore } from '../../support/core.js';
import { Asking, errorOf } from '../../support/pubsub.js';

const MANY = 600;

async function house() {
  let found: Pep | undefined;
  const spy: Module = {
    name: 'spy',
    about: 'Sees the nodes of accounts.',
    specifications: [],
    needs: ['pep'],
    load: (host) => {
      found = host.use(PEP);
    },
  };
  const { core } = testCore([roster, presence, message, disco, pep, spy]);
  const [romeo, juliet] = await Promise.all(['romeo', 'juliet'].map((name) => new CoreClient(core).enter(name)));
  if (found === undefined) throw new Error('no nodes');
  const { engine } = found;
  const others = () => Promise.all(Array.from({ length: MANY }, (_, n) => engine.trees.load(`other${n}`)));
  return { engine, others, romeo: new Asking(romeo, null), juliet: new Asking(juliet, 'romeo@example.test') };
}

test('what was found of an old state changes nothing of what has been changed since', async () => {
  const { engine, others, romeo, juliet } = await house();
  await romeo.create('news', { access_model: 'open' });
  expect(errorOf(await juliet.subscribe('news'))).toBe('result');
  const tree = await engine.trees.load('romeo');
  const node = tree.nodes.get('news');
  if (node === undefined) throw new Error('no node');
  await others();
  await romeo.configure('news', { access_model: 'whitelist' });
  expect(await engine.trees.load('romeo')).not.toBe(tree);
  await endAll(engine.works, tree, node, ['juliet@example.test']);
  await others();
  const { nodes } = await engine.trees.load('romeo');
  expect(nodes.get('news')?.config.access_model).toBe('whitelist');
  expect(nodes.get('news')?.record.subscriptions.entries).toEqual([]);
});

test('an account whose nodes are forgotten while they are read is not remembered', async () => {
  const { engine, others } = await house();
  const read = engine.trees.load('tybalt');
  await others();
  await read;
  expect(engine.trees.there('tybalt')).toBeUndefined();
  const again = await engine.trees.load('tybalt');
  expect(engine.trees.there('tybalt')).toBe(again);
});
