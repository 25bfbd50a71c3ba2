import { expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { vcard } from '../../src/modules/vcard.js';
import { CoreClient, conditionOf, DOMAIN, testCore } from '../support/core.js';

const EMPTY = "<vCard xmlns='vcard-temp'/>";
const ROMEO = 'romeo@example.test';

async function two(max_bytes = 1024) {
  const options = { ...moduleOptions.default, vcard: { max_bytes } };
  const tested = testCore([vcard], { domains: { 'example.test': { ...DOMAIN, options } } });
  const { core } = tested;
  const [romeo, juliet] = [await new CoreClient(core).enter('romeo'), await new CoreClient(core).enter('juliet')];
  return { ...tested, romeo, juliet };
}

test('3.2 an account sets its vCard, and everybody reads it', async () => {
  const { romeo, juliet } = await two();
  const card = "<vCard xmlns='vcard-temp'><FN>Romeo &amp; <x:y xmlns:x='urn:x'/></FN></vCard>";
  expect((await romeo.ask('set', card)).attr('type')).toBe('result');
  for (const [client, to] of [[romeo], [romeo, ROMEO], [juliet, ROMEO]] as const) {
    expect((await client.ask('get', EMPTY, to)).children[0].textOf('FN')).toBe('Romeo & ');
  }
});

test('prefixes declared around it go with it', async () => {
  const { romeo, juliet } = await two();
  romeo.say(
    "<iq xmlns='jabber:client' xmlns:v='vcard-temp' xmlns:z='urn:z' id='1' type='set'><v:vCard><v:FN>R</v:FN></v:vCard></iq>",
  );
  await romeo.hears("id='1'");
  const answer = await juliet.ask('get', EMPTY, ROMEO);
  expect(answer.child('vCard', 'vcard-temp')?.child('FN', 'vcard-temp')?.text).toBe('R');
  expect(answer.raw).not.toContain('urn:z');
});

test('3.1 and 3.3 who has none gets an empty one; others do not learn whether there is such an account', async () => {
  const { romeo, juliet } = await two();
  expect((await romeo.ask('get', EMPTY)).child('vCard', 'vcard-temp')?.children).toEqual([]);
  for (const user of ['romeo', 'nobody']) {
    expect(conditionOf(await juliet.ask('get', EMPTY, `${user}@example.test`))).toBe('service-unavailable');
  }
});

test('3.2 nobody sets the vCard of another', async () => {
  const { juliet } = await two();
  expect(conditionOf(await juliet.ask('set', EMPTY, ROMEO))).toBe('forbidden');
});

test('one that is too large is refused, and the one before stays', async () => {
  const { romeo, metrics } = await two();
  const card = (size: number) => `<vCard xmlns='vcard-temp'><FN>${'x'.repeat(size)}</FN></vCard>`;
  const most = 1024 - card(0).length;
  expect((await romeo.ask('set', card(most))).attr('type')).toBe('result');
  expect(conditionOf(await romeo.ask('set', card(most + 1)))).toBe('not-acceptable');
  expect((await romeo.ask('get', EMPTY)).children[0].textOf('FN')).toHaveLength(most);
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="vcard.max_bytes"} 1');
});

test('it goes with its account', async () => {
  const { core, romeo, juliet } = await two();
  await romeo.ask('set', "<vCard xmlns='vcard-temp'><FN>R</FN></vCard>");
  await core.hosts.get('example.test')?.accounts.delete('romeo');
  expect(conditionOf(await juliet.ask('get', EMPTY, ROMEO))).toBe('service-unavailable');
});

test('a store that fails is not the client’s fault', async () => {
  const { core, romeo } = await two();
  await core.hosts.get('example.test')?.deps.storage.stop();
  expect(conditionOf(await romeo.ask('set', EMPTY))).toBe('internal-server-error');
  expect(conditionOf(await romeo.ask('get', EMPTY))).toBe('internal-server-error');
});
