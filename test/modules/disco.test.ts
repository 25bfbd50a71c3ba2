import { expect, test } from 'vitest';
import type { Module } from '../../src/core/module.js';
import { described, verification } from '../../src/modules/caps.js';
import { disco } from '../../src/modules/disco.js';
import { ping } from '../../src/modules/ping.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { parseElement } from '../../src/xmpp/element.js';
import { CoreClient, conditionOf, shown, testCore } from '../support/core.js';
import { parseXml, type Xml } from '../support/xml.js';

const INFO = "xmlns='http://jabber.org/protocol/disco#info'";
const ITEMS = "xmlns='http://jabber.org/protocol/disco#items'";
const HOST = 'example.test';

/** Has something to say of everything. */
const shop: Module = {
  name: 'shop',
  about: 'For tests.',
  specifications: [],
  load({ hooks }) {
    hooks.on('disco/account', ({ features }) => void features.add('urn:shop'));
    hooks.on('disco-items/host', ({ items }) => void items.push({ jid: 'shop.example.test', name: 'A & B' }));
    hooks.on('disco-node/host', ({ node, features }) => node === 'goods' && features.add('urn:goods') && true);
    hooks.on('disco-node-items/account', ({ node, items, to }) => {
      if (node !== 'goods') return false;
      items.push({ jid: to.toString(), node: 'apples' });
      return true;
    });
  },
};

async function two() {
  const { core } = testCore([roster, presence, disco, ping, shop]);
  const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
  return { core, romeo, juliet };
}

const varsOf = (answer: Xml) =>
  answer.children[0].children.filter(({ name }) => name === 'feature').map((feature) => feature.attr('var'));

test('3 the host tells what it is, and what all its modules can', async () => {
  const { romeo } = await two();
  const answer = await romeo.ask('get', `<query ${INFO}/>`, HOST);
  const identity = answer.children[0].child('identity');
  expect([identity?.attr('category'), identity?.attr('type')]).toEqual(['server', 'im']);
  expect(varsOf(answer)).toEqual(expect.arrayContaining(['http://jabber.org/protocol/disco#info', 'urn:xmpp:ping']));
});

test('4 its items are those of all its modules', async () => {
  const { romeo } = await two();
  const { children } = (await romeo.ask('get', `<query ${ITEMS}/>`, HOST)).children[0];
  expect(children.map((item) => [item.attr('jid'), item.attr('name')])).toEqual([['shop.example.test', 'A & B']]);
});

test('3.2 a node is found where a module has it, and only there', async () => {
  const { romeo } = await two();
  const info = await romeo.ask('get', `<query ${INFO} node='goods'/>`, HOST);
  expect(info.children[0].attr('node')).toBe('goods');
  expect(varsOf(info)).toEqual(['urn:goods']);
  const items = await romeo.ask('get', `<query ${ITEMS} node='goods'/>`);
  expect(items.children[0].children[0].attr('node')).toBe('apples');
  for (const to of [HOST, undefined]) {
    expect(conditionOf(await romeo.ask('get', `<query ${INFO} node='bads'/>`, to))).toBe('item-not-found');
    expect(conditionOf(await romeo.ask('get', `<query ${ITEMS} node='bads'/>`, to))).toBe('item-not-found');
  }
});

test('an account tells its owner and those who get its presence what it is; all others do not learn that it is there', async () => {
  const { romeo, juliet } = await two();
  const own = await romeo.ask('get', `<query ${INFO}/>`);
  expect(own.children[0].child('identity')?.attr('type')).toBe('registered');
  expect(varsOf(own)).toContain('urn:shop');
  for (const user of ['romeo', 'nobody']) {
    const to = `${user}@${HOST}`;
    expect(conditionOf(await juliet.ask('get', `<query ${INFO}/>`, to))).toBe('service-unavailable');
    expect((await juliet.ask('get', `<query ${ITEMS} node='goods'/>`, to)).children[0].children).toEqual([]);
  }
  await shown(romeo, juliet);
  expect(varsOf(await juliet.ask('get', `<query ${INFO}/>`, `romeo@${HOST}`))).toContain('urn:shop');
});

test('XEP-0115 6.2.1 stream features have the hash of what the host can now, and its node is known', async () => {
  const { core, romeo } = await two();
  const offered = async () => {
    const client = new CoreClient(core);
    await client.when(() => client.stanzas.length > 0);
    return parseXml(client.stanzas[0]).child('c', 'http://jabber.org/protocol/caps');
  };
  const before = await offered();
  const node = `${before?.attr('node')}#${before?.attr('ver')}`;
  expect(varsOf(await romeo.ask('get', `<query ${INFO} node='${node}'/>`, HOST))).toContain('urn:xmpp:ping');
  core.hosts.get(HOST)?.modules.unload('ping');
  expect((await offered())?.attr('ver')).not.toBe(before?.attr('ver'));
  expect(conditionOf(await romeo.ask('get', `<query ${INFO} node='${node}'/>`, HOST))).toBe('item-not-found');
});

test('XEP-0115 5.2 the hash of its simple example', () => {
  const features = ['caps', 'disco#info', 'disco#items', 'muc'].map((name) => `http://jabber.org/protocol/${name}`);
  const identities = [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1' }];
  const text = described({ identities, features: new Set(features.reverse()), extensions: [] });
  expect(verification(text)).toBe('QgayPKawpkPSDYmwT/WM94uAlu0=');
});

test('XEP-0115 5.3 data forms are sorted by type, field and value', () => {
  const field = (name: string, ...values: string[]) =>
    `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
  const fields = [
    field('os', 'Mac'),
    field('ip_version', 'ipv6', 'ipv4'),
    field('FORM_TYPE', 'urn:xmpp:dataforms:softwareinfo'),
    field('software_version', '0.11'),
    field('software', 'Psi'),
    field('os_version', '10.5.1'),
  ];
  const x = parseElement(`<x xmlns='jabber:x:data' type='result'>${fields.join('')}</x>`);
  const other = parseElement("<x xmlns='jabber:x:data' type='result'/>");
  const text = described({ identities: [], features: new Set(), extensions: [x, other] });
  expect(text).toBe(
    'urn:xmpp:dataforms:softwareinfo<ip_version<ipv4<ipv6<os<Mac<os_version<10.5.1<software<Psi<software_version<0.11<',
  );
});
