import { expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { privateXml } from '../../src/modules/private.js';
import { CoreClient, conditionOf, DOMAIN, testCore } from '../support/core.js';

const query = (inside: string) => `<query xmlns='jabber:iq:private'>${inside}</query>`;

async function one(limits = { max_bytes: 1024, max_items: 2 }) {
  const options = { ...moduleOptions.default, private: limits };
  const tested = testCore([privateXml], { domains: { 'example.test': { ...DOMAIN, options } } });
  return { ...tested, romeo: await new CoreClient(tested.core).enter('romeo') };
}

test('2.3 what a client keeps it gets back, element by element', async () => {
  const { core, romeo } = await one();
  const kept = '<exodus xmlns="exodus:prefs"><nick>Hamlet &lt;3</nick></exodus>';
  expect((await romeo.ask('set', query(`${kept}<b xmlns='urn:b' x='1'/>`))).attr('type')).toBe('result');
  const phone = await new CoreClient(core).enter('romeo', 'phone');
  const found = (await phone.ask('get', query("<exodus xmlns='exodus:prefs'/>"))).children[0];
  expect(found.children.map(({ raw }) => raw)).toEqual([kept]);
  const both = (await phone.ask('get', query("<b xmlns='urn:b'/><none xmlns='urn:none'/>"))).children[0];
  expect(both.children.map((child) => [child.name, child.ns, child.attr('x')])).toEqual([
    ['b', 'urn:b', '1'],
    ['none', 'urn:none', undefined],
  ]);
});

test('3 what is nobody’s own, or has no namespace, is refused', async () => {
  const { core, romeo } = await one();
  await new CoreClient(core).enter('juliet');
  const b = query("<b xmlns='urn:b'/>");
  for (const type of ['get', 'set'] as const) {
    expect(conditionOf(await romeo.ask(type, b, 'juliet@example.test'))).toBe('forbidden');
    expect(conditionOf(await romeo.ask(type, query('<b/>')))).toBe('not-acceptable');
  }
  expect(conditionOf(await romeo.ask('get', query('')))).toBe('bad-request');
  expect(conditionOf(await romeo.ask('set', query('')))).toBe('not-acceptable');
});

test('the number and the size of elements are limited; one emptied makes room', async () => {
  const { romeo, metrics } = await one();
  const full = (name: string, size = 1) => `<${name} xmlns='urn:b'>${'x'.repeat(size)}</${name}>`;
  expect((await romeo.ask('set', query(full('a') + full('b')))).attr('type')).toBe('result');
  expect(conditionOf(await romeo.ask('set', query(full('a', 2) + full('c'))))).toBe('resource-constraint');
  expect((await romeo.ask('get', query("<a xmlns='urn:b'/>"))).children[0].textOf('a')).toBe('x');
  expect(conditionOf(await romeo.ask('set', query(full('a', 1024))))).toBe('not-acceptable');
  expect((await romeo.ask('set', query(`<a xmlns='urn:b'/>${full('c')}`))).attr('type')).toBe('result');
  const text = await metrics.text();
  for (const limit of ['max_items', 'max_bytes']) {
    expect(text).toContain(`bosh_limits_hit_total{limit="private.${limit}"} 1`);
  }
});

test('many at once do not get past the number', async () => {
  const { core, romeo } = await one();
  const phone = await new CoreClient(core).enter('romeo', 'phone');
  const sets = [romeo, phone].flatMap((client, at) =>
    [0, 1].map((n) => client.ask('set', query(`<e${at}${n} xmlns='urn:b'>x</e${at}${n}>`))),
  );
  const conditions = (await Promise.all(sets)).map(conditionOf);
  expect(conditions.filter((condition) => condition === undefined)).toHaveLength(2);
});

test('a store that fails is not the client’s fault', async () => {
  const { core, romeo } = await one();
  await core.hosts.get('example.test')?.deps.storage.stop();
  for (const type of ['set', 'get'] as const) {
    expect(conditionOf(await romeo.ask(type, query("<a xmlns='urn:b'>x</a>")))).toBe('internal-server-error');
  }
});
