// A process that writes to a LevelDB without end, to be killed: `node storage-writer.js FOLDER`. Whatever is acknowledged
// is told on standard output at once, a line each: the writer's name and the number that its store has now.

import { writeSync } from 'node:fs';
import { openStorage } from '../../dist/storage/index.js';

const driver = await openStorage({ driver: 'level', path: process.argv[2], max_bytes: 0 });
const values = driver.open('h', 'counts', 'keyvalue');
const maps = driver.open('h', 'pairs', 'map');
const archives = driver.open('h', 'archive', 'archive');
const histories = driver.open('h', 'history', 'history');
const told = (name, number) => writeSync(1, `${name} ${number}\n`);

/** A number that is only ever one more. */
async function count(name) {
  for (;;) told(name, await values.update(name, (number = 0) => number + 1));
}

/** Two fields that are always the same. */
async function pair(name) {
  for (let number = ((await maps.get(name, 'a')) ?? 0) + 1; ; number++) {
    await maps.change(name, Object.entries({ a: number, b: number, padding: 'x'.repeat(number % 2000) }));
    told(name, number);
  }
}

/** Numbered items, of which all but the last twenty are deleted. */
async function archive(name) {
  const { items } = await archives.query(name, { limit: 1, backwards: true });
  for (let number = Number(items[0]?.stanza ?? 0) + 1; ; number++) {
    const id = await archives.append(name, { at: number, stanza: String(number) });
    told(name, number);
    if (number % 20 !== 0) continue;
    await archives.delete(name, { before: id });
    told(`${name}-deleted`, number);
  }
}

/** Numbered items, each in two histories, of which the first are deleted now and then. */
async function history(name) {
  const { items } = await histories.query(name, { limit: 1, backwards: true });
  for (let number = Number(items[0]?.stanza ?? 0) + 1; ; number++) {
    const item = { at: number, stanza: String(number) };
    const added = histories.add(name, item);
    const other = histories.add(`${name}-too`, item, added);
    await Promise.all([added.done, other.done]);
    told(name, number);
    told(`${name}-too`, number);
    if (number % 40 !== 0) continue;
    await histories.delete(name, { before: added.id });
    told(`${name}-deleted`, number);
  }
}

for (const name of ['count1', 'count2', 'count3']) count(name);
for (const name of ['pair1', 'pair2']) pair(name);
for (const name of ['archive1', 'archive2']) archive(name);
for (const name of ['history1', 'history2', 'history3']) history(name);
