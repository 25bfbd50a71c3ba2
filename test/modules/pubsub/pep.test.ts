import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { moduleOptions } from '../../../src/config/modules.js';
import { blocking } from '../../../src/modules/blocking.js';
import { disco } from '../../../src/modules/disco.js';
import { message } from '../../../src/modules/message.js';
import { presence } from '../../../src/modules/presence.js';
import { pep } from '../../../src/modules/pubsub/pep.js';
import { roster } from '../../../src/modules/roster.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { CoreClient, DOMAIN, shown, testCore } from '../../support/core.js';
import { Asking, errorOf, form, heard as heardBy, idsOf, PUBSUB } from '../../support/pubsub.js';
import { attributes, parseXml } from '../../support/xml.js';

const MODULES = [roster, presence, message, disco, blocking, pep];
const INFO = 'http://jabber.org/protocol/disco#info';
const TUNE = 'http://jabber.org/protocol/tune';
const tune = (title: string) => `<tune xmlns='${TUNE}'><title>${title}</title></tune>`;
const ROMEO = 'romeo@example.test';
const OMEMO = { access_model: 'open', persist_items: 'true' };

const cores: ReturnType<typeof testCore>[] = [];
afterEach(async () => {
  await Promise.all(cores.splice(0).map(({ core }) => core.stop()));
});

function started(storage = new MemoryDriver()) {
  const domains = { 'example.test': DOMAIN, 'other.test': DOMAIN };
  const tested = testCore(MODULES, { domains }, storage);
  cores.push(tested);
  return { ...tested, enter: (name: string, resource?: string) => new CoreClient(tested.core).enter(name, resource) };
}

/** Romeo, and Juliet who gets his presence. */
async function two() {
  const all = started();
  const [romeo, juliet] = await Promise.all(['romeo', 'juliet'].map((name) => all.enter(name)));
  await shown(romeo, juliet);
  return { ...all, romeo: new Asking(romeo, null), juliet: new Asking(juliet, ROMEO) };
}

/** Features of a kind of client, and the hash of them. */
function kind(...nodes: string[]) {
  const features = nodes.map((node) => `${node}+notify`).sort();
  const text = ['client/pc//Test', ...features].map((each) => `${each}<`).join('');
  const ver = createHash('sha1').update(text).digest('base64');
  const all = features.map((feature) => `<feature${attributes({ var: feature })}/>`).join('');
  return { ver, info: `<identity category='client' type='pc' name='Test'/>${all}` };
}

type Kind = ReturnType<typeof kind>;

const comes = (client: CoreClient, { ver }: Pick<Kind, 'ver'>) =>
  client.say(
    `<presence xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test'${attributes({ ver })}/></presence>`,
  );

async function answers(client: CoreClient, { info, ver }: Kind, from: string): Promise<void> {
  const asked = parseXml(await client.hears(INFO));
  expect([asked.attr('from'), asked.child('query')?.attr('node')]).toEqual([from, `urn:test#${ver}`]);
  client.say(
    `<iq xmlns='jabber:client' type='result'${attributes({ id: asked.attr('id'), to: from })}><query xmlns='${INFO}'${attributes({ node: `urn:test#${ver}` })}>${info}</query></iq>`,
  );
}

/** Comes, and says what it wants to hear of. */
async function listens(client: CoreClient, ...nodes: string[]): Promise<void> {
  const said = kind(...nodes);
  comes(client, said);
  await answers(client, said, `${client.account}@example.test`);
}

const heard = (client: CoreClient) => heardBy(new Asking(client));

describe('3 publishing', () => {
  test('makes the node, and one’s own clients that want to hear of it do', async () => {
    const { romeo, enter } = await two();
    const phone = await enter('romeo', 'phone');
    await listens(phone, TUNE);
    await listens(romeo.client, 'urn:other');
    expect(errorOf(await romeo.publish(TUNE, 'current', tune('Heart')))).toBe('result');
    const told = parseXml(await phone.hears(`${PUBSUB}#event`));
    expect([told.attr('type'), told.attr('from'), told.attr('to')]).toEqual(['headline', ROMEO, `${ROMEO}/phone`]);
    expect(told.raw).toContain('<title>Heart</title>');
    expect(await heard(romeo.client)).toEqual([]);
  });

  test('4.3 a contact’s client hears of what it wants to, and of nothing else', async () => {
    const { romeo, juliet } = await two();
    await listens(juliet.client, TUNE);
    await romeo.publish('urn:other', 'current');
    await romeo.publish(TUNE, 'current', tune('Heart'));
    const told = parseXml(await juliet.client.hears(`${PUBSUB}#event`));
    expect([told.attr('from'), told.attr('to')]).toEqual([ROMEO, 'juliet@example.test/test']);
    expect(told.child('event')?.child('items')?.attr('node')).toBe(TUNE);
    expect(await heard(juliet.client)).toEqual([]);
  });

  test('4.3 who does not get the presence hears nothing, nor does a client without capabilities', async () => {
    const { romeo, juliet, enter } = await two();
    const paris = await enter('paris');
    await listens(paris, TUNE);
    await juliet.client.available();
    await romeo.publish(TUNE, 'current', tune('Heart'));
    expect(await heard(paris)).toEqual([]);
    expect(await heard(juliet.client)).toEqual([]);
  });

  test('is for the account itself', async () => {
    const { juliet } = await two();
    expect(errorOf(await juliet.publish(TUNE, 'current', tune('Heart')))).toBe('auth forbidden');
    expect(errorOf(await juliet.create('urn:mine'))).toBe('auth forbidden');
    const nobody = new Asking(juliet.client, 'nobody@example.test');
    expect(errorOf(await nobody.publish(TUNE, 'current'))).toBe('auth forbidden');
    expect(errorOf(await nobody.items(TUNE))).toBe('cancel item-not-found');
  });

  test('a node keeps one item, if it says nothing else', async () => {
    const { romeo } = await two();
    for (const id of ['one', 'two']) await romeo.publish(TUNE, id, tune(id));
    expect(idsOf(await romeo.items(TUNE))).toEqual(['two']);
  });
});

describe('4.2 capabilities', () => {
  test('of one kind are asked for once', async () => {
    const { romeo, juliet } = await two();
    await listens(juliet.client, TUNE);
    await heard(juliet.client);
    comes(romeo.client, kind(TUNE));
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await romeo.client.hears(`${PUBSUB}#event`);
    expect(romeo.client.stanzas.filter((xml) => xml.includes(INFO))).toEqual([]);
  });

  test('that are not proved by their hash are those of the one client', async () => {
    const { romeo, juliet } = await two();
    const wrong = { ...kind(TUNE), ver: 'wrong' };
    comes(juliet.client, wrong);
    await answers(juliet.client, wrong, 'juliet@example.test');
    await heard(juliet.client);
    comes(romeo.client, wrong);
    await answers(romeo.client, { ...kind('urn:other'), ver: 'wrong' }, ROMEO);
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await juliet.client.hears(`${PUBSUB}#event`);
    expect(await heard(romeo.client)).toEqual([]);
  });

  test('that are refused are none', async () => {
    const { romeo, juliet } = await two();
    comes(juliet.client, kind(TUNE));
    const { attr } = { attr: parseXml(await juliet.client.hears(INFO)).attr('id') };
    juliet.client.say(`<iq xmlns='jabber:client' type='error' to='juliet@example.test'${attributes({ id: attr })}/>`);
    await romeo.publish(TUNE, 'current', tune('Heart'));
    expect(await heard(juliet.client)).toEqual([]);
  });

  test('an answer from somebody else is none', async () => {
    const { romeo, juliet } = await two();
    comes(juliet.client, kind(TUNE));
    const id = parseXml(await juliet.client.hears(INFO)).attr('id');
    const query = `<query xmlns='${INFO}'>${kind(TUNE).info}</query>`;
    romeo.client.say(
      `<iq xmlns='jabber:client' type='result' to='juliet@example.test'${attributes({ id })}>${query}</iq>`,
    );
    await romeo.publish(TUNE, 'current', tune('Heart'));
    expect(await heard(juliet.client)).toEqual([]);
  });

  test('that change bring what is wanted from then on', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await listens(juliet.client, 'urn:other');
    expect(await heard(juliet.client)).toEqual([]);
    await listens(juliet.client, TUNE);
    expect(await juliet.client.hears(`${PUBSUB}#event`)).toContain('Heart');
  });
});

describe('4.4 the last item', () => {
  test('comes with the presence of a contact’s client, once, and of one’s own', async () => {
    const { romeo, juliet, enter } = await two();
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await listens(juliet.client, TUNE);
    const last = parseXml(await juliet.client.hears(`${PUBSUB}#event`));
    expect([last.attr('from'), last.child('delay')?.attr('from')]).toEqual([ROMEO, ROMEO]);
    comes(juliet.client, kind(TUNE));
    expect(await heard(juliet.client)).toEqual([]);
    const phone = await enter('romeo', 'phone');
    comes(phone, kind(TUNE));
    expect(await phone.hears(`${PUBSUB}#event`)).toContain('Heart');
  });

  test('does not come of a node that sends it to nobody, or is not for him', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish('urn:a', 'current', undefined, { send_last_published_item: 'never' });
    await romeo.publish('urn:b', 'current', undefined, { access_model: 'whitelist' });
    await listens(juliet.client, 'urn:a', 'urn:b');
    expect(await heard(juliet.client)).toEqual([]);
    await romeo.publish('urn:b', 'current');
    expect(await heard(juliet.client)).toEqual([]);
  });

  test('does not come from who blocks him', async () => {
    const { romeo, juliet } = await two();
    const block = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@example.test'/></block>";
    await romeo.client.ask('set', block);
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await listens(juliet.client, TUNE);
    expect(await heard(juliet.client)).toEqual([]);
  });
});

describe('access', () => {
  test('is for those who get the presence, if nothing else is said', async () => {
    const { romeo, juliet, enter } = await two();
    await romeo.publish(TUNE, 'current', tune('Heart'));
    expect(idsOf(await juliet.items(TUNE))).toEqual(['current']);
    const paris = new Asking(await enter('paris'), ROMEO);
    const required = 'auth not-authorized presence-subscription-required';
    expect(errorOf(await paris.items(TUNE))).toBe(required);
    expect(errorOf(await paris.subscribe(TUNE))).toBe(required);
  });

  test('by roster groups is for those who are in one', async () => {
    const { romeo, juliet } = await two();
    await romeo.create('urn:r', { access_model: 'roster', roster_groups_allowed: 'Friends' });
    await romeo.publish('urn:r', 'one');
    expect(errorOf(await juliet.items('urn:r'))).toBe('auth not-authorized not-in-roster-group');
    expect(errorOf(await juliet.subscribe('urn:r'))).toBe('auth not-authorized not-in-roster-group');
    const group = "<item jid='juliet@example.test'><group>Friends</group></item>";
    await romeo.client.ask('set', `<query xmlns='jabber:iq:roster'>${group}</query>`);
    expect(idsOf(await juliet.items('urn:r'))).toEqual(['one']);
  });

  test('of an open node is for everybody, as keys of devices are', async () => {
    const { romeo, enter } = await two();
    const node = 'urn:xmpp:omemo:2:devices';
    const devices = "<devices xmlns='urn:xmpp:omemo:2'><device id='1'/></devices>";
    expect(errorOf(await romeo.publish(node, 'current', devices, OMEMO))).toBe('result');
    const paris = new Asking(await enter('paris'), ROMEO);
    expect(idsOf(await paris.items(node))).toEqual(['current']);
    expect(errorOf(await romeo.publish(node, 'current', devices, OMEMO))).toBe('result');
    const conflict = await romeo.publish(node, 'current', devices, { access_model: 'presence' });
    expect(errorOf(conflict)).toBe('cancel conflict precondition-not-met');
    expect(errorOf(await romeo.publish('urn:new', '1', undefined, { colour: 'red' }))).toBe(
      'cancel conflict precondition-not-met',
    );
  });

  test('bookmarks are private, and as many as can be', async () => {
    const { romeo, juliet, enter } = await two();
    const node = 'urn:xmpp:bookmarks:1';
    const options = {
      access_model: 'whitelist',
      max_items: 'max',
      persist_items: 'true',
      send_last_published_item: 'never',
    };
    const phone = await enter('romeo', 'phone');
    await listens(phone, node);
    for (const room of ['a@rooms.test', 'b@rooms.test']) {
      const item = `<conference xmlns='${node}' autojoin='true'/>`;
      expect(errorOf(await romeo.publish(node, room, item, options))).toBe('result');
      await phone.hears(room);
    }
    expect(idsOf(await romeo.items(node))).toEqual(['b@rooms.test', 'a@rooms.test']);
    expect(errorOf(await juliet.items(node))).toBe('cancel not-allowed closed-node');
    await romeo.retract(node, 'a@rooms.test', 'true');
    expect(await phone.hears('<retract')).toContain('a@rooms.test');
  });

  test('is asked for by a message to the owner where he decides', async () => {
    const { romeo, juliet } = await two();
    await romeo.client.available();
    await romeo.create('urn:a', { access_model: 'authorize' });
    expect((await juliet.subscribe('urn:a')).children[0].children[0].attr('subscription')).toBe('pending');
    await romeo.client.hears('subscribe_authorization');
    const said = { node: 'urn:a', subscriber_jid: 'juliet@example.test', allow: '1' };
    romeo.client.say(`<message xmlns='jabber:client' to='${ROMEO}'>${form('subscribe_authorization', said)}</message>`);
    await juliet.client.available();
    await expect.poll(async () => errorOf(await juliet.items('urn:a'))).toBe('result');
  });

  test('who has subscribed hears it once', async () => {
    const { romeo, juliet } = await two();
    await listens(juliet.client, TUNE);
    await romeo.create(TUNE);
    await juliet.subscribe(TUNE);
    await romeo.publish(TUNE, 'current', tune('Heart'));
    expect(await heard(juliet.client)).toHaveLength(1);
  });
});

describe('6 discovery', () => {
  const info = (client: CoreClient, to: string, node = '') => client.ask('get', `<query xmlns='${INFO}'${node}/>`, to);
  const list = async (client: CoreClient, node = '') => {
    const answer = await client.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'${node}/>`, ROMEO);
    return answer.child('query')?.children.map((item) => item.attr('node') ?? item.attr('name'));
  };

  test('an account says that it has nodes, which, and what is in them, to who may know', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish(TUNE, 'current', tune('Heart'));
    await romeo.publish('urn:secret', 'current', undefined, { access_model: 'whitelist' });
    const all = (await info(juliet.client, ROMEO)).children[0].children.map(({ raw }) => raw);
    expect(all).toContain("<identity category='pubsub' type='pep'/>");
    for (const feature of ['auto-create', 'last-published', 'access-presence', 'access-roster', 'publish-options']) {
      expect(all).toContain(`<feature var='${PUBSUB}#${feature}'/>`);
    }
    expect(await list(juliet.client)).toEqual([TUNE]);
    expect(await list(romeo.client)).toEqual([TUNE, 'urn:secret']);
    expect(await list(juliet.client, ` node='${TUNE}'`)).toEqual(['current']);
    expect(await list(juliet.client, " node='urn:secret'")).toBeUndefined();
    const [identity] = (await info(juliet.client, ROMEO, ` node='${TUNE}'`)).children[0].children;
    expect([identity.attr('category'), identity.attr('type')]).toEqual(['pubsub', 'leaf']);
  });

  test('what is in a node is told to those only who may read it', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish('urn:asks', 'one', undefined, { access_model: 'authorize' });
    const node = " node='urn:asks'";
    expect(await list(juliet.client)).toEqual(['urn:asks']);
    expect(await list(juliet.client, node)).toBeUndefined();
    await romeo.affiliate('urn:asks', 'juliet', 'publish-only');
    expect(await list(juliet.client, node)).toBeUndefined();
    await romeo.affiliate('urn:asks', 'juliet', 'member');
    expect(await list(juliet.client, node)).toEqual(['one']);
    await juliet.subscribe('urn:asks');
    await romeo.affiliate('urn:asks', 'juliet', 'none');
    expect(await list(juliet.client, node)).toEqual(['one']);
    await romeo.configure('urn:asks', { access_model: 'whitelist' });
    expect(await list(juliet.client, node)).toBeUndefined();
  });
});

test('presence from another host brings what is wanted, while it is there', async () => {
  const { core, romeo } = await two();
  const hector = new CoreClient(core, 'other.test');
  await hector.when(() => hector.headers.length === 1);
  hector.say("<auth xmlns='test'>hector</auth>");
  hector.end.open({ to: 'other.test' });
  hector.say(
    "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>pc</resource></bind></iq>",
  );
  await hector.hears("id='bind'");
  hector.account = 'hector';
  await hector.ask('get', "<query xmlns='jabber:iq:roster'/>");
  hector.say(`<presence xmlns='jabber:client' type='subscribe' to='${ROMEO}'/>`);
  romeo.client.say("<presence xmlns='jabber:client' type='subscribed' to='hector@other.test'/>");
  await hector.hears("subscription='to'");
  await romeo.publish(TUNE, 'current', tune('Heart'));
  const said = kind(TUNE);
  const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test'${attributes({ ver: said.ver })}/>`;
  hector.say(`<presence xmlns='jabber:client' to='${ROMEO}'>${caps}</presence>`);
  await answers(hector, said, ROMEO);
  expect(await hector.hears(`${PUBSUB}#event`)).toContain('Heart');
  await romeo.publish(TUNE, 'current', tune('Soul'));
  expect(await hector.hears(`${PUBSUB}#event`)).toContain('Soul');
  hector.say(`<presence xmlns='jabber:client' type='unavailable' to='${ROMEO}'/>`);
  await romeo.publish(TUNE, 'current', tune('Mind'));
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(hector.stanzas.filter((xml) => xml.includes('Mind'))).toEqual([]);
});

test('everything is there after a restart, and nothing when the account is deleted', async () => {
  const storage = new MemoryDriver();
  const before = started(storage);
  const romeo = new Asking(await before.enter('romeo'), null);
  await romeo.publish(TUNE, 'current', tune('Heart'));
  const after = started(storage);
  const again = new Asking(await after.enter('romeo'), null);
  expect(idsOf(await again.items(TUNE))).toEqual(['current']);
  await after.core.hosts.get('example.test')?.accounts.delete('romeo');
  const anew = new Asking(await after.enter('romeo'), null);
  expect(errorOf(await anew.items(TUNE))).toBe('cancel item-not-found');
  for (const store of ['pep', 'pep_items']) {
    for await (const key of storage.open('example.test', store, 'map').keys()) expect.unreachable(key);
  }
});

test('the limits have the name of the module', async () => {
  const options = { ...moduleOptions.default, pep: { ...moduleOptions.default.pep, max_nodes: 1 } };
  const { core, metrics } = testCore(MODULES, { domains: { 'example.test': { ...DOMAIN, options } } });
  const romeo = new Asking(await new CoreClient(core).enter('romeo'), null);
  await romeo.publish('urn:a', '1');
  expect(errorOf(await romeo.publish('urn:b', '1'))).toBe('wait resource-constraint max-nodes-exceeded');
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="pep.max_nodes"} 1');
  await core.stop();
});

test('a client that wants to hear of too much hears of what it said first', async () => {
  const { romeo } = await two();
  const node = (n: number) => `urn:${String(n).padStart(2, '0')}:${'x'.repeat(990)}`;
  const nodes = Array.from({ length: 20 }, (_, n) => node(n));
  await listens(romeo.client, ...nodes);
  for (const n of [0, 19, 15]) await romeo.publish(node(n), String(n));
  expect((await heard(romeo.client)).map((xml) => /id='(\d+)'/.exec(xml)?.[1])).toEqual(['0', '15']);
});

test('so many kinds of clients are remembered; one that was forgotten is asked again', async () => {
  const options = { ...moduleOptions.default, pep: { ...moduleOptions.default.pep, max_kinds: 1 } };
  const { core, metrics } = testCore(MODULES, { domains: { 'example.test': { ...DOMAIN, options } } });
  const [romeo, juliet] = await Promise.all(['romeo', 'juliet'].map((name) => new CoreClient(core).enter(name)));
  await listens(romeo, TUNE);
  await listens(juliet, 'urn:other');
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="pep.max_kinds"} 1');
  const asked = romeo.stanzas.filter((xml) => xml.includes(INFO)).length;
  await new Asking(romeo, null).publish(TUNE, 'current', tune('Heart'), { send_last_published_item: 'never' });
  await heard(romeo);
  expect(romeo.stanzas.filter((xml) => xml.includes(INFO)).length).toBe(asked + 1);
  await core.stop();
});
