import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { Asking, errorOf, type Fields, form, heard, PUBSUB, serviceCore } from '../../support/pubsub.js';
import type { Xml } from '../../support/xml.js';

const JULIET = 'juliet@example.test';

afterEach(() => void vi.useRealTimers());

async function subscribed(fields: Fields = {}, storage = new MemoryDriver()) {
  const core = serviceCore({}, storage);
  const [romeo, juliet] = [new Asking(await core.enter('romeo')), new Asking(await core.enter('juliet'))];
  await Promise.all([romeo, juliet].map(({ client }) => client.available()));
  await romeo.create('news', fields);
  await juliet.subscribe('news');
  return { ...core, romeo, juliet };
}

const set = (asking: Asking, fields: Fields, jid = JULIET) =>
  asking.set(`<options node='news' jid='${jid}'>${form('subscribe_options', fields)}</options>`);

const get = (asking: Asking, jid = JULIET) => asking.get(`<options node='news' jid='${jid}'/>`);

/** Values by field, of the form in an answer. */
function fieldsOf(answer: Xml): Record<string, string[]> {
  const fields = answer.children[0].children[0].children[0].children;
  const entries = fields.map((field) => [
    field.attr('var')?.replace('pubsub#', '') ?? '',
    field.children.filter(({ name }) => name === 'value').map(({ text }) => text),
  ]);
  return Object.fromEntries(entries);
}

const LAPSE = '2030-01-01T00:00:00Z';

describe('6.3 options', () => {
  test('say what a subscription is, and a service knows nobody’s presence', async () => {
    const { juliet } = await subscribed();
    expect(fieldsOf(await get(juliet))).toEqual({
      FORM_TYPE: [`${PUBSUB}#subscribe_options`],
      deliver: ['1'],
      expire: [],
    });
    expect(errorOf(await set(juliet, { deliver: '0', 'show-values': 'chat', unknown: 'x' }))).toBe('result');
    expect(fieldsOf(await get(juliet)).deliver).toEqual(['0']);
  });

  test('are there again after a restart', async () => {
    const storage = new MemoryDriver();
    const before = await subscribed({}, storage);
    await set(before.juliet, { deliver: '0', expire: LAPSE });
    const { enter } = serviceCore({}, storage);
    const juliet = new Asking(await enter('juliet'));
    const { deliver, expire } = fieldsOf(await get(juliet));
    expect([deliver, expire]).toEqual([['0'], ['2030-01-01T00:00:00.000Z']]);
  });

  test('that are not what they were are told to whom they belong, and stay when an owner changes the subscription', async () => {
    const { romeo, juliet } = await subscribed();
    await set(juliet, { deliver: '0' });
    const again = `<subscription jid='${JULIET}' subscription='subscribed'/>`;
    await romeo.ownerSet(`<subscriptions node='news'>${again}</subscriptions>`);
    expect(fieldsOf(await get(juliet)).deliver).toEqual(['0']);
  });

  test('6.3.6.2 that cannot be are refused, and nothing is changed', async () => {
    const { juliet } = await subscribed();
    for (const fields of [
      { deliver: 'maybe' },
      { expire: 'tomorrow' },
      { expire: '2006-02-28T23:59:59Z' },
    ] as Fields[]) {
      expect(errorOf(await set(juliet, fields))).toBe('modify bad-request invalid-options');
    }
    expect(errorOf(await juliet.set(`<options node='news' jid='${JULIET}'/>`))).toBe(
      'modify bad-request invalid-options',
    );
    expect(fieldsOf(await get(juliet)).deliver).toEqual(['1']);
  });

  test('6.3.7 with a subscription that is refused are none', async () => {
    const { romeo } = await subscribed();
    const subscribe = "<subscribe node='news' jid='romeo@example.test'/>";
    const options = `<options>${form('subscribe_options', { deliver: 'maybe' })}</options>`;
    expect(errorOf(await romeo.set(subscribe + options))).toBe('modify bad-request invalid-options');
    expect(errorOf(await romeo.set(options + subscribe))).toBe('modify bad-request jid-required');
    expect(errorOf(await get(romeo, 'romeo@example.test'))).toBe('cancel unexpected-request not-subscribed');
  });

  test('12.7 a body is offered where payloads are understood, and is their summary or their title', async () => {
    const { romeo, juliet } = await subscribed({ type: 'http://www.w3.org/2005/Atom' });
    await set(juliet, { include_body: '1' });
    const entry = (inside: string) => `<entry xmlns='http://www.w3.org/2005/Atom'>${inside}</entry>`;
    await romeo.publish('news', '1', entry('<title>A &amp; B</title>'));
    await romeo.publish('news', '2', entry('<title>T</title><summary>S</summary>'));
    await romeo.publish('news', '3', "<e xmlns='urn:e'/>");
    const bodies = (await heard(juliet)).map((xml) => /<body>(.*)<\/body>/.exec(xml)?.[1]);
    expect(bodies).toEqual(['A &amp; B', 'S', undefined]);
  });
});

describe('12.18 leases', () => {
  test('12.18 a subscription ends when its lease does', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2029-12-31T00:00:00Z') });
    const { romeo, juliet } = await subscribed();
    await set(juliet, { expire: LAPSE });
    await romeo.publish('news', 'one');
    expect(await heard(juliet)).toHaveLength(1);
    vi.setSystemTime(Date.parse(LAPSE));
    await romeo.publish('news', 'two');
    expect(await heard(juliet)).toHaveLength(1);
    expect((await juliet.get('<subscriptions/>')).children[0].children[0].children).toEqual([]);
    expect((await romeo.ownerGet("<subscriptions node='news'/>")).children[0].children[0].children).toEqual([]);
    expect(errorOf(await get(juliet))).toBe('cancel unexpected-request not-subscribed');
    expect(errorOf(await juliet.subscribe('news'))).toBe('result');
    expect(fieldsOf(await get(juliet)).expire).toEqual([]);
  });

  test('a lease may be renewed, and taken back', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2029-12-31T00:00:00Z') });
    const { juliet } = await subscribed();
    await set(juliet, { expire: LAPSE });
    await set(juliet, { expire: '2031-01-01T02:00:00.5+02:00' });
    expect(fieldsOf(await get(juliet)).expire).toEqual(['2031-01-01T00:00:00.500Z']);
    await set(juliet, { expire: '' });
    vi.setSystemTime(Date.parse('2040-01-01T00:00:00Z'));
    expect(fieldsOf(await get(juliet)).expire).toEqual([]);
  });
});

test('6.4 what subscriptions begin with is told, of a node that is there', async () => {
  const { juliet } = await subscribed();
  const form = (await juliet.get("<default node='news'/>")).children[0].children[0];
  expect([form.attr('node'), form.children[0].attr('type')]).toEqual(['news', 'form']);
  expect(errorOf(await juliet.get('<default/>'))).toBe('result');
  expect(errorOf(await juliet.get("<default node='olds'/>"))).toBe('cancel item-not-found');
});
