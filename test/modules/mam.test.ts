// XEP-0313 with clients that have no transport.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ModuleOptions, moduleOptions } from '../../src/config/modules.js';
import { carbons } from '../../src/modules/carbons.js';
import { disco } from '../../src/modules/disco.js';
import { mam } from '../../src/modules/mam.js';
import { message } from '../../src/modules/message.js';
import { offline } from '../../src/modules/offline.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { streamManagement } from '../../src/modules/stream-management.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import { type Driver, StoreError } from '../../src/storage/store.js';
import { CoreClient, conditionOf, DOMAIN, testCore } from '../support/core.js';
import { SlowDriver } from '../support/slow-driver.js';
import { parseXml, type Xml } from '../support/xml.js';

const MAM = 'urn:xmpp:mam:2';
const RSM = 'http://jabber.org/protocol/rsm';
const MODULES = [roster, presence, message, offline, carbons, mam, streamManagement, disco];
const ROMEO = 'romeo@example.test';
const JULIET = 'juliet@example.test';
const START = Date.UTC(2002, 8, 10, 23, 8, 25);

const say = (to: string, id: string, inside = `<body>${id}</body>`, type = 'chat') =>
  `<message xmlns='jabber:client' to='${to}' type='${type}' id='${id}'>${inside}</message>`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }));
afterEach(() => void vi.useRealTimers());

async function stage(said: Partial<ModuleOptions['mam']> = {}, storage: Driver = new MemoryDriver()) {
  const options = { ...moduleOptions.default, mam: { ...moduleOptions.default.mam, ...said } };
  const tested = testCore(MODULES, { domains: { 'example.test': { ...DOMAIN, options } } }, storage);
  const host = tested.core.hosts.get('example.test');
  await host?.accounts.create('juliet', 'secret');
  const enter = (name: string, resource?: string) => new CoreClient(tested.core).enter(name, resource);
  const romeo = await enter('romeo', 'orchard');
  const store = storage.open('example.test', 'mam', 'history');
  return { ...tested, host, enter, romeo, store };
}

const form = (fields: Readonly<Record<string, string | readonly string[]>>) => {
  const all = Object.entries({ FORM_TYPE: MAM, ...fields }).map(([name, values]) => {
    const said = [values].flat().map((value) => `<value>${value}</value>`);
    return `<field var='${name}'>${said.join('')}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`;
};
const page = (inside: string) => `<set xmlns='${RSM}'>${inside}</set>`;

interface Answer {
  readonly iq: Xml;
  readonly results: readonly Xml[];
  readonly ids: readonly string[];
  /** Ids of the messages as their senders gave them. */
  readonly said: readonly (string | undefined)[];
  readonly fin: Xml | undefined;
}

/** Asks for messages; resolves to what came. */
async function query(client: CoreClient, inside = '', attributes = ''): Promise<Answer> {
  const iq = await client.ask('set', `<query xmlns='${MAM}'${attributes}>${inside}</query>`);
  const came = client.stanzas.filter((xml) => xml.includes(`<result xmlns='${MAM}'`));
  client.stanzas.splice(0, client.stanzas.length, ...client.stanzas.filter((xml) => !came.includes(xml)));
  const results = came.map((xml) => parseXml(xml));
  return {
    iq,
    results,
    ids: results.map((xml) => xml.child('result')?.attr('id') ?? ''),
    said: results.map((xml) => forwarded(xml)?.attr('id')),
    fin: iq.child('fin', MAM),
  };
}

const forwarded = (result: Xml) => result.child('result')?.child('forwarded', 'urn:xmpp:forward:0')?.child('message');
const stanzaId = (xml: string) => parseXml(xml).child('stanza-id', 'urn:xmpp:sid:0');

describe('what is archived', () => {
  test('3 a message is in the archives of its sender and its receiver, with its time, and the receiver is told its id', async () => {
    const { romeo, enter } = await stage();
    const juliet = await (await enter('juliet', 'balcony')).available();
    romeo.say(say(JULIET, 'm1'));
    const came = await juliet.hears("id='m1'");
    const hers = await query(juliet, '', " queryid='q1'");
    const his = await query(romeo);
    expect([hers.said, his.said]).toEqual([['m1'], ['m1']]);
    expect([stanzaId(came)?.attr('by'), stanzaId(came)?.attr('id')]).toEqual([JULIET, hers.ids[0]]);
    const [result] = hers.results;
    expect([result.attr('from'), result.attr('to')]).toEqual([JULIET, `${JULIET}/balcony`]);
    expect(result.child('result')?.attr('queryid')).toBe('q1');
    const delay = result.child('result')?.child('forwarded')?.child('delay', 'urn:xmpp:delay');
    expect(delay?.attr('stamp')).toBe('2002-09-10T23:08:25.000Z');
    expect(forwarded(result)?.attr('from')).toBe(`${ROMEO}/orchard`);
    expect(forwarded(result)?.raw).not.toContain('stanza-id');
    expect(hers.ids[0]).not.toBe(his.ids[0]);
  });

  test('nothing is kept for somebody without an account, not even when he asks for it', async () => {
    const { romeo, core, store } = await stage();
    const guest = new CoreClient(core);
    await guest.when(() => guest.headers.length === 1);
    guest.say("<auth xmlns='test' anonymous='true'>guest</auth>");
    guest.end.open({ to: 'example.test' });
    await guest.ask('set', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>inn</resource></bind>");
    await guest.ask('set', `<prefs xmlns='${MAM}' default='always'><always/><never/></prefs>`);
    await romeo.available();
    romeo.say(say('guest@example.test/inn', 'm1'));
    await guest.hears("id='m1'");
    guest.say(say(ROMEO, 'm2'));
    await romeo.hears("id='m2'");
    await store.settled('romeo');
    expect(await store.size('romeo')).toBe(2);
    expect(await store.size('guest')).toBe(0);
    guest.end.close({ how: 'closed' });
    romeo.say(say('guest@example.test/inn', 'm3'));
    await romeo.hears("id='m3'");
    expect(await store.size('guest')).toBe(0);
  });

  test('a message that its receiver is not there for is archived once, and its offline copy bears the id', async () => {
    const { romeo, enter } = await stage();
    romeo.say(say(JULIET, 'm1'));
    romeo.say(say(JULIET, 'm2'));
    await romeo.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    const juliet = await enter('juliet');
    juliet.say("<presence xmlns='jabber:client'/>");
    const came = [await juliet.hears("id='m1'"), await juliet.hears("id='m2'")];
    const { ids } = await query(juliet);
    expect(came.map((xml) => stanzaId(xml)?.attr('id'))).toEqual(ids);
  });

  test('5.1.1 a message that a lost client did not get is not archived again', async () => {
    const { romeo, enter } = await stage();
    const juliet = await (await enter('juliet')).available();
    juliet.say("<enable xmlns='urn:xmpp:sm:3'/>");
    await juliet.hears('<enabled');
    romeo.say(say(JULIET, 'm1'));
    await juliet.hears("id='m1'");
    juliet.end.close({ how: 'lost' });
    const again = await enter('juliet');
    again.say("<presence xmlns='jabber:client'/>");
    const came = await again.hears("id='m1'");
    expect((await query(again)).ids).toEqual([stanzaId(came)?.attr('id')]);
  });

  test.each([
    ['a body', '<body>hi</body>', 'chat', true],
    [
      'a body behind something else',
      "<active xmlns='http://jabber.org/protocol/chatstates'/><body>hi</body>",
      'chat',
      true,
    ],
    ['a body of type normal', '<body>hi</body>', 'normal', true],
    ['a receipt', "<received xmlns='urn:xmpp:receipts' id='1'/>", 'chat', true],
    ['an invitation', "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b.test'/></x>", 'normal', true],
    [
      'what asks a room to invite',
      "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b.test'/></x>",
      'normal',
      false,
    ],
    ['the hint store', "<a xmlns='b'/><store xmlns='urn:xmpp:hints'/>", 'chat', true],
    ['the hint no-store', "<body>hi</body><no-store xmlns='urn:xmpp:hints'/>", 'chat', false],
    ['the hint no-permanent-store', "<body>hi</body><no-permanent-store xmlns='urn:xmpp:hints'/>", 'chat', false],
    ['typing', "<composing xmlns='http://jabber.org/protocol/chatstates'/>", 'chat', false],
    ['a body that is not its own', "<a xmlns='b'><body>hi</body></a>", 'chat', false],
    ['a body of another namespace', "<body xmlns='b'>hi</body>", 'chat', false],
    ['a headline', '<body>hi</body>', 'headline', false],
    ['an error', "<body>hi</body><error type='cancel'/>", 'error', false],
  ])('5.1.1 a message with %s: %s, %s, %s', async (_, inside, type, archived) => {
    const { romeo, enter } = await stage();
    const juliet = await (await enter('juliet')).available();
    romeo.say(say(`${JULIET}/test`, 'm1', inside, type));
    await juliet.hears("id='m1'");
    expect([(await query(romeo)).said, (await query(juliet)).said]).toEqual(archived ? [['m1'], ['m1']] : [[], []]);
  });

  test('3.4 copies of what another client sends bear the id in the archive of its account; the receiver does not see it', async () => {
    const { romeo, enter } = await stage();
    const phone = await enter('romeo', 'phone');
    await phone.ask('set', "<enable xmlns='urn:xmpp:carbons:2'/>");
    const juliet = await (await enter('juliet')).available();
    romeo.say(say(JULIET, 'm1'));
    const came = await juliet.hears("id='m1'");
    const copy = parseXml(await phone.hears('<sent'))
      .child('sent')
      ?.child('forwarded')
      ?.child('message');
    const { ids } = await query(phone);
    expect([copy?.child('stanza-id')?.attr('by'), copy?.child('stanza-id')?.attr('id')]).toEqual([ROMEO, ids[0]]);
    expect(came).not.toContain(ids[0]);
  });

  test('XEP-0359 5 ids in the name of accounts here that came with a message are in no archive', async () => {
    const { romeo, enter } = await stage();
    const juliet = await (await enter('juliet')).available();
    const forged = [ROMEO, JULIET].map((by) => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='forged'/>`);
    romeo.say(say(JULIET, 'm1', `${forged.join('')}<body>m1</body>`));
    expect(await juliet.hears('<body>m1')).not.toContain('forged');
    for (const client of [romeo, juliet]) {
      const { said, results } = await query(client);
      expect(said).toEqual(['m1']);
      expect(results[0].raw).not.toContain('forged');
    }
  });

  test('4.1.1 what somebody writes to himself is archived once, and found by his own address alone', async () => {
    const { romeo, enter } = await stage();
    const phone = await (await enter('romeo', 'phone')).available();
    const juliet = await (await enter('juliet')).available();
    romeo.say(say(`${ROMEO}/phone`, 'm1'));
    romeo.say(say(JULIET, 'm2'));
    await juliet.hears("id='m2'");
    const came = await phone.hears("id='m1'");
    const { said, ids } = await query(phone, form({ with: ROMEO }));
    expect(said).toEqual(['m1']);
    expect(stanzaId(came)?.attr('id')).toBe(ids[0]);
    expect((await query(phone)).said).toEqual(['m1', 'm2']);
  });

  test('nobody without an account has an archive, and nobody who is refused is in one', async () => {
    const { romeo, store } = await stage();
    romeo.say(say('nobody@example.test', 'm1'));
    expect(await romeo.hears("id='m1'")).toContain('service-unavailable');
    romeo.say(say(`${JULIET}/nowhere`, 'm2', '<body>hi</body>', 'normal'));
    expect(await romeo.hears("id='m2'")).toContain('service-unavailable');
    expect([await store.size('nobody'), await store.size('juliet')]).toEqual([0, 0]);
  });

  test('what does not fit among the messages that wait is in the archive, and nobody is told an error', async () => {
    const { romeo, enter } = await stage();
    for (let n = 0; n <= moduleOptions.default.offline.max_messages; n++) romeo.say(say(JULIET, `m${n}`));
    await romeo.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    expect(romeo.stanzas.filter((xml) => xml.includes('<error'))).toEqual([]);
    const juliet = await enter('juliet');
    expect((await query(juliet, page('<max>1</max><before/>'))).said).toEqual(['m100']);
  });

  test('what fits neither there nor into the archive goes back', async () => {
    const driver = new SlowDriver();
    const { romeo } = await stage({}, driver);
    for (let n = 0; n < moduleOptions.default.offline.max_messages; n++) romeo.say(say(JULIET, `m${n}`));
    await romeo.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    driver.fails = (store, operation) => {
      if (store === 'mam' && operation === 'add') throw new StoreError('failed', 'no disk');
    };
    romeo.say(say(JULIET, 'last'));
    expect(await romeo.hears("id='last'")).toContain('internal-server-error');
  });

  test('an archive goes with its account', async () => {
    const { romeo, host, store } = await stage();
    romeo.say(say(JULIET, 'm1'));
    await romeo.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    expect(await store.size('juliet')).toBe(1);
    await host?.accounts.delete('juliet');
    expect(await store.size('juliet')).toBe(0);
  });
});

describe('what is acknowledged', () => {
  test('XEP-0198 4 a message is acknowledged when both archives have it, and delivered before', async () => {
    const driver = new SlowDriver();
    const { romeo, enter } = await stage({}, driver);
    const juliet = await (await enter('juliet')).available();
    romeo.say("<enable xmlns='urn:xmpp:sm:3'/>");
    await romeo.hears('<enabled');
    driver.hold('mam');
    romeo.say(say(JULIET, 'm1'));
    await juliet.hears("id='m1'");
    romeo.say("<r xmlns='urn:xmpp:sm:3'/>");
    romeo.say(say(JULIET, 'm2'));
    await juliet.hears("id='m2'");
    expect(romeo.stanzas.filter((xml) => xml.startsWith('<a '))).toEqual([]);
    driver.release('mam');
    expect(await romeo.hears('<a ')).toContain("h='1'");
  });

  test('a storage that fails does not hold up a message', async () => {
    const driver = new SlowDriver();
    const { romeo, enter } = await stage({}, driver);
    const juliet = await (await enter('juliet')).available();
    driver.fails = (store) => {
      if (store === 'mam') throw new StoreError('failed', 'a test');
    };
    romeo.say(say(JULIET, 'm1'));
    await juliet.hears("id='m1'");
    const { iq } = await query(juliet);
    expect(conditionOf(iq)).toBe('internal-server-error');
  });

  test('who asks right after a message came finds it', async () => {
    const driver = new SlowDriver();
    const { romeo, enter } = await stage({}, driver);
    const juliet = await (await enter('juliet')).available();
    driver.hold('mam');
    romeo.say(say(JULIET, 'm1'));
    await juliet.hears("id='m1'");
    const asked = query(juliet);
    driver.release('mam');
    expect((await asked).said).toEqual(['m1']);
  });
});

describe('what can be asked', () => {
  /** Messages 0 to 9, a second apart, to Juliet and the nurse in turns; Juliet's go to two resources. */
  async function history(options: Partial<ModuleOptions['mam']> = {}) {
    const staged = await stage(options);
    await staged.host?.accounts.create('nurse', 'secret');
    for (let n = 0; n < 10; n++) {
      vi.setSystemTime(START + n * 1000);
      const juliet = n % 4 === 0 ? `${JULIET}/balcony` : JULIET;
      staged.romeo.say(say(n % 2 ? 'nurse@example.test' : juliet, String(n)));
      // It was looked at.
      await staged.romeo.ask('get', `<prefs xmlns='${MAM}'/>`);
    }
    const { ids } = await query(staged.romeo);
    return { ...staged, ids };
  }
  const stamp = (n: number) => new Date(START + n * 1000).toISOString();
  const edges = ({ fin }: Answer) => {
    const set = fin?.child('set', RSM);
    return [set?.textOf('first'), set?.textOf('last'), set?.textOf('count'), fin?.attr('complete')];
  };

  test('4.2 everything comes in order, then the end', async () => {
    const { romeo, ids } = await history();
    const all = await query(romeo);
    expect(all.said).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(edges(all)).toEqual([ids[0], ids[9], '10', 'true']);
  });

  test.each([
    ['4.1.1 with an account', { with: 'nurse@example.test' }, '13579'],
    ['4.1.1 with a resource', { with: `${JULIET}/balcony` }, '048'],
    ['4.1.1 with an address that is not prepared', { with: 'NURSE@example.test' }, '13579'],
    ['4.1.1 with a stranger', { with: 'tybalt@example.test' }, ''],
    ['4.1.2 from a time on', { start: stamp(7) }, '789'],
    ['4.1.2 until a time', { end: stamp(2) }, '012'],
    ['4.1.2 until a time elsewhere', { end: '2002-09-11T01:08:27+02:00' }, '012'],
    ['4.1.2 in a span', { start: stamp(2), end: stamp(3), with: JULIET }, '2'],
  ])('%s', async (_, fields, wanted) => {
    const { romeo } = await history();
    const found = await query(romeo, form(fields));
    expect(found.said.join('')).toBe(wanted);
    expect(found.fin?.attr('complete')).toBe('true');
  });

  test('4.1.3 behind and in front of ids, and of ids', async () => {
    const { romeo, ids } = await history();
    expect((await query(romeo, form({ 'after-id': ids[6] }))).said).toEqual(['7', '8', '9']);
    expect((await query(romeo, form({ 'before-id': ids[2] }))).said).toEqual(['0', '1']);
    expect((await query(romeo, form({ 'after-id': ids[2], 'before-id': ids[5] }))).said).toEqual(['3', '4']);
    expect((await query(romeo, form({ ids: [ids[7], ids[1]] }))).said).toEqual(['1', '7']);
    for (const field of ['after-id', 'before-id', 'ids']) {
      expect(conditionOf((await query(romeo, form({ [field]: [`none`, ids[1]] }))).iq)).toBe('item-not-found');
    }
  });

  test('4.1.3 so many ids at once', async () => {
    const { romeo } = await history();
    const asked = (count: number) => form({ ids: Array.from({ length: count }, (_, n) => `none${n}`) });
    expect(conditionOf((await query(romeo, asked(1000))).iq)).toBe('item-not-found');
    expect(conditionOf((await query(romeo, asked(1001))).iq)).toBe('policy-violation');
  });

  test('4.3 pages forwards', async () => {
    const { romeo, ids } = await history();
    const first = await query(romeo, page('<max>4</max>'));
    expect([first.said.join(''), ...edges(first)]).toEqual(['0123', ids[0], ids[3], '10', undefined]);
    const second = await query(romeo, page(`<max>4</max><after>${ids[3]}</after>`));
    expect(second.said.join('')).toBe('4567');
    const third = await query(romeo, page(`<max>4</max><after>${ids[7]}</after>`));
    expect([third.said.join(''), ...edges(third)]).toEqual(['89', ids[8], ids[9], '10', 'true']);
    const none = await query(romeo, page(`<max>4</max><after>${ids[9]}</after>`));
    expect([none.said.join(''), ...edges(none)]).toEqual(['', undefined, undefined, '10', 'true']);
  });

  test('4.3 pages backwards, each in the order of the archive unless it is flipped', async () => {
    const { romeo, ids } = await history();
    const last = await query(romeo, page('<max>3</max><before/>'));
    expect([last.said.join(''), ...edges(last)]).toEqual(['789', ids[7], ids[9], '10', undefined]);
    const flipped = await query(romeo, `${page(`<max>3</max><before>${ids[7]}</before>`)}<flip-page/>`);
    expect([flipped.said.join(''), ...edges(flipped)]).toEqual(['654', ids[4], ids[6], '10', undefined]);
    const start = await query(romeo, page(`<max>4</max><before>${ids[4]}</before>`));
    expect([start.said.join(''), start.fin?.attr('complete')]).toEqual(['0123', 'true']);
  });

  test('4.3 pages of a resource, forwards and backwards', async () => {
    const { romeo, ids } = await history();
    const fields = form({ with: `${JULIET}/balcony` });
    const first = await query(romeo, fields + page('<max>2</max>'));
    expect([first.said.join(''), first.fin?.attr('complete')]).toEqual(['04', undefined]);
    const last = await query(romeo, fields + page('<max>2</max><before/>'));
    expect([last.said.join(''), last.fin?.attr('complete')]).toEqual(['48', undefined]);
    const rest = await query(romeo, fields + page(`<max>2</max><before>${ids[4]}</before>`));
    expect([rest.said.join(''), rest.fin?.attr('complete')]).toEqual(['0', 'true']);
  });

  test('XEP-0059 2.7 how many there are', async () => {
    const { romeo } = await history();
    expect(edges(await query(romeo, page('<max>0</max>')))).toEqual([undefined, undefined, '10', undefined]);
    const some = await query(romeo, form({ with: 'nurse@example.test' }) + page('<max>0</max>'));
    expect(edges(some)).toEqual([undefined, undefined, '5', undefined]);
  });

  test('4.3.1 a page has at most so many', async () => {
    const { romeo, metrics } = await history({ page: 2, max_page: 3 });
    expect((await query(romeo)).said).toEqual(['0', '1']);
    const most = await query(romeo, page('<max>1000</max>'));
    expect([most.said, most.fin?.attr('complete')]).toEqual([['0', '1', '2'], undefined]);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="mam.max_page"} 1');
  });

  test.each([
    ['item-not-found', page('<after>none</after>')],
    ['item-not-found', page('<before>none</before>')],
    ['bad-request', page('<max>many</max>')],
    ['bad-request', page('<after/>')],
    ['feature-not-implemented', page('<index>3</index>')],
    ['bad-request', form({ start: 'yesterday' })],
    ['bad-request', form({ start: '2002-13-10T23:08:25Z' })],
    ['bad-request', form({ with: 'a@b@c/ ' })],
    ['bad-request', form({ FORM_TYPE: 'urn:example' })],
    ['bad-request', form({}).replace("type='submit'", "type='cancel'")],
    ['feature-not-implemented', form({ 'include-groupchat': 'true' })],
  ])('is refused with %s: %s', async (condition, inside) => {
    const { romeo } = await stage();
    const { iq, fin } = await query(romeo, inside);
    expect([conditionOf(iq), fin]).toEqual([condition, undefined]);
  });

  test('4.1.5 which fields there are', async () => {
    const { romeo } = await stage();
    const iq = await romeo.ask('get', `<query xmlns='${MAM}'/>`);
    const names = iq
      .child('query')
      ?.child('x')
      ?.children.map((field) => field.attr('var'));
    expect(names).toEqual(['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids']);
  });

  test('5 where the archive begins and ends', async () => {
    const { romeo, ids } = await history();
    const metadata = (await romeo.ask('get', `<metadata xmlns='${MAM}'/>`)).child('metadata', MAM);
    const said = metadata?.children.map((edge) => [edge.name, edge.attr('id'), edge.attr('timestamp')]);
    expect(said).toEqual([
      ['start', ids[0], stamp(0)],
      ['end', ids[9], stamp(9)],
    ]);
    const { romeo: other } = await stage();
    expect((await other.ask('get', `<metadata xmlns='${MAM}'/>`)).child('metadata')?.children).toEqual([]);
  });

  test("nobody asks another's archive", async () => {
    const { romeo } = await stage();
    for (const payload of ['query', 'prefs']) {
      expect(conditionOf(await romeo.ask('set', `<${payload} xmlns='${MAM}'/>`, JULIET))).toBe('forbidden');
    }
    expect(conditionOf(await romeo.ask('get', `<metadata xmlns='${MAM}'/>`, JULIET))).toBe('forbidden');
  });

  test('questions of one client are answered one after the other, so many at most', async () => {
    const driver = new SlowDriver();
    const { romeo, metrics } = await stage({ max_queries: 2 }, driver);
    driver.hold('mam');
    const asked = [query(romeo), query(romeo), query(romeo)];
    expect(conditionOf((await asked[2]).iq)).toBe('resource-constraint');
    driver.release('mam');
    expect((await Promise.all(asked.slice(0, 2))).map(({ fin }) => fin?.attr('complete'))).toEqual(['true', 'true']);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="mam.max_queries"} 1');
  });

  test('a client that takes no more gets the next answer when there is room', async () => {
    const { romeo } = await history();
    romeo.takes = false;
    expect((await query(romeo, page('<max>1</max>'))).said).toEqual(['0']);
    const next = query(romeo, page('<max>1</max><before/>'));
    await new Promise(setImmediate);
    expect(romeo.stanzas).toEqual([]);
    romeo.takes = true;
    romeo.end.drain();
    expect((await next).said).toEqual(['9']);
  });

  test('6 accounts say that they have an archive', async () => {
    const { romeo } = await stage();
    const info = await romeo.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ROMEO);
    const features = info.child('query')?.children.map((feature) => feature.attr('var'));
    expect(features).toEqual(expect.arrayContaining([MAM, `${MAM}#extended`, 'urn:xmpp:sid:0']));
  });
});

describe('XEP-0441 preferences', () => {
  const prefs = (policy: string, always: readonly string[] = [], never: readonly string[] = []) => {
    const list = (jids: readonly string[]) => jids.map((jid) => `<jid>${jid}</jid>`).join('');
    return `<prefs xmlns='${MAM}' default='${policy}'><always>${list(always)}</always><never>${list(never)}</never></prefs>`;
  };
  const saidIn = (iq: Xml) => {
    const said = iq.child('prefs', MAM);
    const list = (name: string) => said?.child(name)?.children.map((jid) => jid.text);
    return [said?.attr('default'), list('always'), list('never')];
  };

  test('2.1 are those of the server until the account has said others, and are kept', async () => {
    const { romeo, enter } = await stage({ default: 'roster' });
    expect(saidIn(await romeo.ask('get', `<prefs xmlns='${MAM}'/>`))).toEqual(['roster', [], []]);
    const set = await romeo.ask('set', prefs('never', ['JULIET@example.test'], ['tybalt@example.test']));
    expect(saidIn(set)).toEqual(['never', [JULIET], ['tybalt@example.test']]);
    romeo.end.close({ how: 'closed' });
    const again = await enter('romeo');
    expect(saidIn(await again.ask('get', `<prefs xmlns='${MAM}'/>`))).toEqual([
      'never',
      [JULIET],
      ['tybalt@example.test'],
    ]);
  });

  test('2.3 say whose messages are archived, those of one resource first', async () => {
    const { romeo, enter } = await stage({ default: 'never' });
    const juliet = await (await enter('juliet')).available();
    await juliet.ask('set', prefs('never', [ROMEO], [`${ROMEO}/phone`]));
    const phone = await enter('romeo', 'phone');
    romeo.say(say(JULIET, 'm1'));
    phone.say(say(JULIET, 'm2'));
    await juliet.hears("id='m2'");
    expect((await query(juliet)).said).toEqual(['m1']);
    expect((await query(romeo)).said).toEqual([]);
  });

  test('2.1.1 roster: only contacts, whether the account is there or not', async () => {
    const { romeo, enter } = await stage({ default: 'roster' });
    const juliet = await enter('juliet');
    await juliet.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${ROMEO}'/></query>`);
    juliet.end.close({ how: 'closed' });
    const tybalt = await enter('tybalt');
    romeo.say(say(JULIET, 'm1'));
    tybalt.say(say(JULIET, 'm2'));
    for (const client of [romeo, tybalt]) await client.ask('get', `<prefs xmlns='${MAM}'/>`);
    const again = await (await enter('juliet')).available();
    romeo.say(say(JULIET, 'm3'));
    tybalt.say(say(JULIET, 'm4'));
    await again.hears("id='m4'");
    expect((await query(again)).said).toEqual(['m1', 'm3']);
  });

  test('count for an account that is not there', async () => {
    const { romeo, enter, store } = await stage();
    const juliet = await enter('juliet');
    await juliet.ask('set', prefs('never'));
    juliet.end.close({ how: 'closed' });
    romeo.say(say(JULIET, 'm1'));
    await romeo.ask('get', `<prefs xmlns='${MAM}'/>`);
    expect(await store.size('juliet')).toBe(0);
  });

  test('are refused when they are none, or too many', async () => {
    const { romeo } = await stage({ max_preferences: 1 });
    expect(conditionOf(await romeo.ask('set', prefs('sometimes')))).toBe('bad-request');
    expect(conditionOf(await romeo.ask('set', prefs('always', ['a@b@c'])))).toBe('bad-request');
    expect(conditionOf(await romeo.ask('set', prefs('always', [JULIET], [ROMEO])))).toBe('resource-constraint');
  });
});

describe('3.2 what is deleted', () => {
  test('is the oldest, when an archive has too many', async () => {
    const { romeo, store, metrics } = await stage({ max_items: 10 });
    for (let n = 0; n < 40; n++) romeo.say(say(JULIET, `m${n}`));
    while ((await store.size('juliet')) !== 10) await new Promise(setImmediate);
    const { items } = await store.query('juliet', { limit: 100 });
    expect(items.map(({ stanza }) => /id='([^']+)'/.exec(stanza)?.[1])).toEqual(
      Array.from({ length: 10 }, (_, n) => `m${n + 30}`),
    );
    expect(await metrics.text()).toContain('limit="mam.max_items"');
  });

  test('is what is too old, and nobody sees it before', async () => {
    const { romeo, store } = await stage({ max_age: 1 });
    romeo.say(say(JULIET, 'old'));
    await romeo.ask('get', `<prefs xmlns='${MAM}'/>`);
    vi.setSystemTime(START + 86_400_001);
    romeo.say(say(JULIET, 'new'));
    const answer = await query(romeo);
    expect(answer.said).toEqual(['new']);
    const [id] = (await store.query('romeo', { limit: 1 })).items.map((item) => item.id);
    expect(conditionOf((await query(romeo, form({ ids: id }))).iq)).toBe('item-not-found');
    for (let n = 0; n < 999; n++) romeo.say(say(JULIET, `m${n}`));
    while ((await store.size('juliet')) !== 1000) await new Promise(setImmediate);
    expect((await store.query('juliet', { limit: 1 })).items[0].stanza).toContain("id='new'");
  });
});
