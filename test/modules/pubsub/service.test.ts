import { describe, expect, test } from 'vitest';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { CoreClient } from '../../support/core.js';
import { Asking, errorOf, form, idsOf, PUBSUB, SERVICE, serviceCore } from '../../support/pubsub.js';
import { parseXml, type Xml } from '../../support/xml.js';

type Limits = Parameters<typeof serviceCore>[0];

/** Romeo has a node; Juliet is there. */
async function two(fields: Record<string, string> = {}, limits: Limits = {}) {
  const core = serviceCore(limits);
  const [romeo, juliet] = [new Asking(await core.enter('romeo')), new Asking(await core.enter('juliet'))];
  await Promise.all([romeo, juliet].map(({ client }) => client.available()));
  expect(errorOf(await romeo.create('news', fields))).toBe('result');
  return { ...core, romeo, juliet };
}

const eventIn = async ({ client }: Asking, what: string): Promise<Xml> => {
  const message = parseXml(await client.hears(what));
  expect([message.name, message.attr('type'), message.attr('from')]).toEqual(['message', 'headline', SERVICE]);
  return message;
};

/** What the client has heard, once the server has nothing more to say to it. */
async function heard({ client }: Asking): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
  return client.stanzas.filter((xml) => xml.startsWith('<message'));
}

const fieldsOf = (form: Xml) =>
  new Map(form.children.map((field) => [field.attr('var'), field.children.map(({ text }) => text)[0]]));

describe('5 discovery', () => {
  const info = ({ client }: Asking, node = '') =>
    client.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'${node}/>`, SERVICE);
  const list = ({ client }: Asking, node = '') =>
    client.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'${node}/>`, SERVICE);

  test('5.1 the service says that it is one, and what it can', async () => {
    const { juliet } = await two();
    const { children } = (await info(juliet)).children[0];
    expect([children[0].attr('category'), children[0].attr('type')]).toEqual(['pubsub', 'service']);
    const features = children.slice(1).map((each) => each.attr('var'));
    for (const name of ['create-nodes', 'publish', 'subscribe', 'access-authorize', 'publish-options']) {
      expect(features).toContain(`${PUBSUB}#${name}`);
    }
    for (const name of ['auto-create', 'access-presence', 'multi-subscribe', 'pubsub-on-a-jid']) {
      expect(features).not.toContain(`${PUBSUB}#${name}`);
    }
  });

  test('5.2 its nodes are listed, but for those that are closed to who asks', async () => {
    const { romeo, juliet } = await two({ title: 'All the news' });
    await romeo.create('secret', { access_model: 'whitelist' });
    const nodes = async (asking: Asking) => (await list(asking)).children[0].children.map((item) => item.attr('node'));
    expect(await nodes(juliet)).toEqual(['news']);
    expect(await nodes(romeo)).toEqual(['news', 'secret']);
    expect((await list(juliet)).children[0].children[0].attr('name')).toBe('All the news');
  });

  test('5.3, 5.4 a node says what it is; one that is not there is not found', async () => {
    const { romeo, juliet } = await two({ title: 'All the news', type: 'urn:e' });
    await juliet.subscribe('news');
    const [identity, , meta] = (await info(romeo, " node='news'")).children[0].children;
    expect([identity.attr('type'), identity.attr('name')]).toEqual(['leaf', 'All the news']);
    expect(fieldsOf(meta).get('pubsub#num_subscribers')).toBe('1');
    expect(fieldsOf(meta).get('pubsub#type')).toBe('urn:e');
    expect(errorOf(await info(romeo, " node='olds'"))).toBe('cancel item-not-found');
  });

  test('5.5 items are listed to who may read them', async () => {
    const { romeo, juliet } = await two({ access_model: 'whitelist' });
    await romeo.publish('news', 'one');
    expect((await list(romeo, " node='news'")).children[0].children.map((item) => item.attr('name'))).toEqual(['one']);
    expect(errorOf(await list(juliet, " node='news'"))).toBe('cancel not-allowed closed-node');
    expect(errorOf(await list(juliet, " node='olds'"))).toBe('cancel item-not-found');
  });

  test('5.6, 5.7 subscriptions and affiliations are one’s own', async () => {
    const { romeo, juliet } = await two();
    await romeo.create('olds');
    await juliet.subscribe('news');
    const of = async (asking: Asking, what: string) =>
      (await asking.get(what)).children[0].children[0].children.map((each) =>
        each.attributes.map(({ value }) => value).join(' '),
      );
    expect(await of(juliet, '<subscriptions/>')).toEqual(['news juliet@example.test subscribed']);
    expect(await of(romeo, '<subscriptions/>')).toEqual([]);
    expect(await of(juliet, "<subscriptions node='olds'/>")).toEqual([]);
    expect(await of(romeo, '<affiliations/>')).toEqual(['news owner', 'olds owner']);
    expect(await of(romeo, "<affiliations node='news'/>")).toEqual(['news owner']);
    expect(await of(juliet, '<affiliations/>')).toEqual([]);
    expect(errorOf(await juliet.get("<affiliations node='none'/>"))).toBe('cancel item-not-found');
  });
});

describe('6.1 subscribing', () => {
  test('is confirmed, and brings the last item and what follows', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish('news', 'one');
    const { children } = (await juliet.subscribe('news')).children[0];
    expect(children[0].raw).toBe("<subscription node='news' jid='juliet@example.test' subscription='subscribed'/>");
    const last = await eventIn(juliet, "id='one'");
    expect(last.child('delay')?.attr('from')).toBe(SERVICE);
    await romeo.publish('news', 'two', '<e xmlns="urn:e">x</e>');
    const next = await eventIn(juliet, "id='two'");
    expect(next.child('event', `${PUBSUB}#event`)?.child('items')?.attr('node')).toBe('news');
    expect(next.raw).toContain('<e xmlns="urn:e">x</e>');
    expect(next.child('delay')).toBeUndefined();
  });

  test('again changes nothing; a full JID is a subscription of its own', async () => {
    const { juliet, romeo } = await two({ send_last_published_item: 'never' });
    for (const jid of ['juliet@example.test', 'juliet@example.test', 'juliet@example.test/test']) {
      expect(errorOf(await juliet.subscribe('news', jid))).toBe('result');
    }
    expect((await juliet.get('<subscriptions/>')).children[0].children[0].children).toHaveLength(2);
    await romeo.publish('news', 'one');
    await eventIn(juliet, "id='one'");
    await eventIn(juliet, "id='one'");
  });

  test('6.1.3 is refused for another JID, for a node that is not there, without an address', async () => {
    const { juliet } = await two();
    expect(errorOf(await juliet.subscribe('news', 'romeo@example.test'))).toBe('modify bad-request invalid-jid');
    expect(errorOf(await juliet.subscribe('news', '@'))).toBe('modify bad-request invalid-jid');
    expect(errorOf(await juliet.subscribe('olds'))).toBe('cancel item-not-found');
    expect(errorOf(await juliet.set("<subscribe node='news'/>"))).toBe('modify bad-request jid-required');
    expect(errorOf(await juliet.set("<subscribe jid='juliet@example.test'/>"))).toBe(
      'modify bad-request nodeid-required',
    );
  });

  test('6.1.3.4 is refused at a closed node for who is not on its list', async () => {
    const { romeo, juliet } = await two({ access_model: 'whitelist' });
    expect(errorOf(await juliet.subscribe('news'))).toBe('cancel not-allowed closed-node');
    await romeo.affiliate('news', 'juliet', 'member');
    expect(errorOf(await juliet.subscribe('news'))).toBe('result');
  });

  test('6.1.3.8 is refused for an outcast, and ends for who becomes one', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.affiliate('news', 'juliet', 'outcast');
    await romeo.publish('news', 'one');
    expect((await heard(juliet)).filter((xml) => xml.includes("id='one'"))).toEqual([]);
    expect(errorOf(await juliet.subscribe('news'))).toBe('auth forbidden');
    expect(errorOf(await juliet.items('news'))).toBe('auth forbidden');
  });

  test('6.1.3.9 the number of subscriptions is limited', async () => {
    const { romeo, juliet, metrics } = await two({}, { max_subscriptions: 1 });
    await romeo.subscribe('news');
    expect(errorOf(await juliet.subscribe('news'))).toBe('wait policy-violation too-many-subscriptions');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="pubsub.max_subscriptions"} 1');
  });

  test('6.1.3.10 is refused where nobody may', async () => {
    const { romeo, juliet } = await two({ subscribe: '0' });
    expect(errorOf(await juliet.subscribe('news'))).toBe('cancel feature-not-implemented subscribe');
    expect(errorOf(await romeo.subscribe('news'))).toBe('result');
  });
});

describe('6.2 unsubscribing', () => {
  test('ends what one hears', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    expect(errorOf(await juliet.unsubscribe('news'))).toBe('result');
    await romeo.publish('news', 'one');
    expect(await heard(juliet)).toEqual([]);
  });

  test('6.2.3 is refused without a subscription and for others; an id does not matter', async () => {
    const { romeo, juliet } = await two();
    expect(errorOf(await juliet.unsubscribe('news'))).toBe('cancel unexpected-request not-subscribed');
    expect(errorOf(await juliet.unsubscribe('olds'))).toBe('cancel item-not-found');
    await romeo.subscribe('news');
    expect(errorOf(await juliet.unsubscribe('news', 'romeo@example.test'))).toBe('auth forbidden');
    const subid = "<unsubscribe node='news' jid='romeo@example.test' subid='1'/>";
    expect(errorOf(await romeo.set(subid))).toBe('result');
  });
});

describe('6.5 items', () => {
  async function three() {
    const all = await two();
    for (const id of ['one', 'two', 'three']) await all.romeo.publish('news', id);
    return all;
  }

  test('are read, the newest first, as many as are wanted', async () => {
    const { juliet } = await three();
    expect(idsOf(await juliet.items('news'))).toEqual(['three', 'two', 'one']);
    expect(idsOf(await juliet.items('news', " max_items='2'"))).toEqual(['three', 'two']);
    expect(errorOf(await juliet.items('news', " max_items='few'"))).toBe('modify bad-request');
  });

  test('6.5.8, 6.5.9.12 are read by their ids, those that are there', async () => {
    const { juliet } = await three();
    const some = await juliet.get("<items node='news'><item id='one'/><item id='four'/></items>");
    expect(idsOf(some)).toEqual(['one']);
    expect(idsOf(await juliet.get("<items node='news'><item id='four'/></items>"))).toEqual([]);
  });

  test('6.5.4 are read page by page', async () => {
    const { juliet } = await three();
    const page = (set: string) =>
      juliet.get(`<items node='news'/><set xmlns='http://jabber.org/protocol/rsm'>${set}</set>`);
    const first = await page('<max>2</max>');
    expect(idsOf(first)).toEqual(['three', 'two']);
    const { children } = first.children[0].children[1];
    expect(children.map(({ name, text }) => `${name} ${text}`)).toEqual(['first three', 'last two', 'count 3']);
    expect(idsOf(await page('<max>2</max><after>two</after>'))).toEqual(['one']);
    expect(idsOf(await page('<max>1</max><before/>'))).toEqual(['one']);
    expect(idsOf(await page('<max>1</max><before>one</before>'))).toEqual(['two']);
    expect(idsOf(await page('<max>0</max>'))).toEqual([]);
    expect(errorOf(await page('<after>four</after>'))).toBe('cancel item-not-found');
  });

  test('6.5.9 are refused at a closed node, a node for subscribers, a node that keeps none or is none', async () => {
    const { romeo, juliet } = await two({ access_model: 'whitelist' });
    expect(errorOf(await juliet.items('news'))).toBe('cancel not-allowed closed-node');
    await romeo.configure('news', { access_model: 'authorize' });
    expect(errorOf(await juliet.items('news'))).toBe('auth not-authorized not-subscribed');
    await romeo.configure('news', { access_model: 'open', persist_items: '0' });
    expect(errorOf(await juliet.items('news'))).toBe('cancel feature-not-implemented persistent-items');
    expect(errorOf(await juliet.items('olds'))).toBe('cancel item-not-found');
  });
});

describe('7.1 publishing', () => {
  test('an item without an id gets one', async () => {
    const { romeo } = await two();
    const id = (await romeo.publish('news', undefined)).children[0].children[0].children[0].attr('id');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(idsOf(await romeo.items('news'))).toEqual([id]);
  });

  test('an id that is there is another item from now on, and the newest', async () => {
    const { romeo } = await two();
    for (const id of ['one', 'two', 'one']) await romeo.publish('news', id, `<e xmlns='urn:e'>${id}</e>`);
    expect(idsOf(await romeo.items('news'))).toEqual(['one', 'two']);
  });

  test('7.1.3 is refused for who may not, where there is no node, and for what is no item', async () => {
    const { romeo, juliet } = await two();
    expect(errorOf(await juliet.publish('news', 'one'))).toBe('auth forbidden');
    expect(errorOf(await romeo.publish('olds', 'one'))).toBe('cancel item-not-found');
    expect(errorOf(await romeo.publish('', 'one'))).toBe('modify bad-request nodeid-required');
    expect(errorOf(await romeo.set("<publish node='news'/>"))).toBe('modify bad-request item-required');
    expect(errorOf(await romeo.publish('news', 'one', ''))).toBe('modify bad-request payload-required');
    const several = "<e xmlns='urn:e'/><e xmlns='urn:e'/>";
    expect(errorOf(await romeo.publish('news', 'one', several))).toBe('modify bad-request invalid-payload');
    const batch = "<publish node='news'><item/><item/></publish>";
    expect(errorOf(await romeo.set(batch))).toBe('modify bad-request invalid-payload');
    expect(idsOf(await romeo.items('news'))).toEqual([]);
  });

  test('7.1.3.4 what is too large is refused', async () => {
    const { romeo, metrics } = await two({}, { max_item_bytes: 1024 });
    const large = `<e xmlns='urn:e'>${'x'.repeat(1024)}</e>`;
    expect(errorOf(await romeo.publish('news', 'one', large))).toBe('modify not-acceptable payload-too-big');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="pubsub.max_item_bytes"} 1');
  });

  test('the oldest items make room', async () => {
    const { romeo } = await two({ max_items: '2' });
    for (const id of ['one', 'two', 'three']) await romeo.publish('news', id);
    expect(idsOf(await romeo.items('news'))).toEqual(['three', 'two']);
    await romeo.configure('news', { max_items: '1' });
    expect(idsOf(await romeo.items('news'))).toEqual(['three']);
  });

  test('as many items as the service keeps are no more', async () => {
    const { romeo } = await two({ max_items: 'max' }, { max_items: 2 });
    for (const id of ['one', 'two', 'three']) await romeo.publish('news', id);
    expect(idsOf(await romeo.items('news'))).toEqual(['three', 'two']);
    expect(errorOf(await romeo.configure('news', { max_items: '3' }))).toBe('modify not-acceptable');
  });

  test('4.5 where everybody may, nobody writes over the item of another', async () => {
    const { romeo, juliet } = await two({ publish_model: 'open' });
    expect(errorOf(await juliet.publish('news', 'hers'))).toBe('result');
    await romeo.publish('news', 'his');
    expect(errorOf(await juliet.publish('news', 'his'))).toBe('auth forbidden');
    expect(errorOf(await juliet.retract('news', 'his'))).toBe('auth forbidden');
    expect(errorOf(await juliet.retract('news', 'hers'))).toBe('result');
  });

  test('4.5 where subscribers may, only they do', async () => {
    const { juliet } = await two({ publish_model: 'subscribers' });
    expect(errorOf(await juliet.publish('news', 'one'))).toBe('auth forbidden');
    await juliet.subscribe('news');
    expect(errorOf(await juliet.publish('news', 'one'))).toBe('result');
  });

  test.each(['publisher', 'publish-only'])('4.1 a %s may', async (affiliation) => {
    const { romeo, juliet } = await two({ access_model: 'whitelist' });
    await romeo.affiliate('news', 'juliet', affiliation);
    expect(errorOf(await juliet.publish('news', 'one'))).toBe('result');
    const may = affiliation === 'publisher' ? 'result' : 'cancel not-allowed closed-node';
    expect(errorOf(await juliet.items('news'))).toBe(may);
  });

  test('payloads are left out where the node says so, and nothing is told where it says so', async () => {
    const { romeo, juliet } = await two({ deliver_payloads: '0' });
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    const items = (await eventIn(juliet, "id='one'")).child('event')?.child('items');
    expect(items?.children.map(({ children }) => children)).toEqual([[]]);
    await romeo.configure('news', { deliver_notifications: '0' });
    await romeo.publish('news', 'two');
    expect(await heard(juliet)).toEqual([]);
  });

  test('7.1.3.7 what an item has to have depends on what its node keeps and tells', async () => {
    const { romeo, juliet } = await two({ persist_items: '0' });
    await juliet.subscribe('news');
    const nothing = "<publish node='news'/>";
    expect(errorOf(await romeo.set(nothing))).toBe('modify bad-request payload-required');
    await romeo.publish('news', 'one');
    await eventIn(juliet, "id='one'");
    await romeo.configure('news', { deliver_payloads: '0' });
    expect(errorOf(await romeo.publish('news', 'two'))).toBe('modify bad-request item-forbidden');
    expect(errorOf(await romeo.set(nothing))).toBe('result');
    expect((await eventIn(juliet, '<items')).child('event')?.child('items')?.children).toEqual([]);
    await romeo.configure('news', { persist_items: '1' });
    expect(errorOf(await romeo.set(nothing))).toBe('modify bad-request item-required');
    expect(errorOf(await romeo.publish('news', 'three', ''))).toBe('result');
  });

  test('7.1.5 is refused when the node is not as it has to be', async () => {
    const { romeo } = await two({ access_model: 'open' });
    const conflict = 'cancel conflict precondition-not-met';
    const publish = (options: Record<string, string>) => romeo.publish('news', 'one', undefined, options);
    expect(errorOf(await publish({ access_model: 'whitelist' }))).toBe(conflict);
    expect(errorOf(await publish({ colour: 'red' }))).toBe(conflict);
    expect(errorOf(await publish({ access_model: 'open', persist_items: 'true' }))).toBe('result');
  });
});

describe('7.2 retracting', () => {
  test('takes the item away, and tells', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    expect(errorOf(await romeo.retract('news', 'one'))).toBe('result');
    const items = (await eventIn(juliet, '<retract')).child('event')?.child('items');
    expect(items?.raw).toBe("<items node='news'><retract id='one'/></items>");
    expect(idsOf(await juliet.items('news'))).toEqual([]);
  });

  test('tells when it is asked to, and not when it is asked not to', async () => {
    const { romeo, juliet } = await two({ notify_retract: '0' });
    await juliet.subscribe('news');
    for (const id of ['one', 'two']) await romeo.publish('news', id);
    await romeo.retract('news', 'one');
    await romeo.retract('news', 'two', 'true');
    expect(await juliet.client.hears('<retract')).toContain("id='two'");
    await romeo.configure('news', { notify_retract: '1' });
    await romeo.publish('news', 'three');
    await romeo.retract('news', 'three', '0');
    expect((await heard(juliet)).filter((xml) => xml.includes('<retract'))).toEqual([]);
  });

  test('7.2.3 is refused for others, for what is not there, and where nothing is kept', async () => {
    const { romeo, juliet } = await two();
    await romeo.publish('news', 'one');
    expect(errorOf(await juliet.retract('news', 'one'))).toBe('auth forbidden');
    expect(errorOf(await romeo.retract('news', 'two'))).toBe('cancel item-not-found');
    expect(errorOf(await romeo.retract('olds', 'one'))).toBe('cancel item-not-found');
    expect(errorOf(await romeo.set("<retract node='news'/>"))).toBe('modify bad-request item-required');
    expect(errorOf(await romeo.set("<retract><item id='one'/></retract>"))).toBe('modify bad-request nodeid-required');
    await romeo.configure('news', { persist_items: '0' });
    expect(errorOf(await romeo.retract('news', 'one'))).toBe('cancel feature-not-implemented persistent-items');
  });

  test('the one before is the last then', async () => {
    const { romeo, juliet } = await two();
    for (const id of ['one', 'two']) await romeo.publish('news', id);
    await romeo.retract('news', 'two');
    await juliet.subscribe('news');
    await eventIn(juliet, "id='one'");
  });
});

describe('8 owning', () => {
  test('8.1 a node is made with and without a name, and once', async () => {
    const { juliet } = await two();
    expect(errorOf(await juliet.set("<create node='news'/>"))).toBe('cancel conflict');
    const made = await juliet.set('<create/>');
    const node = made.children[0].children[0].attr('node') ?? '';
    expect(errorOf(await juliet.publish(node, 'one'))).toBe('result');
  });

  test('8.1.3 a configuration that cannot be is refused, and nothing made', async () => {
    const { romeo } = await two();
    const model = 'modify not-acceptable unsupported-access-model';
    expect(errorOf(await romeo.create('a', { access_model: 'presence' }))).toBe(model);
    expect(errorOf(await romeo.create('a', { publish_model: 'nobody' }))).toBe('modify not-acceptable');
    expect(errorOf(await romeo.create('a', { persist_items: 'maybe' }))).toBe('modify not-acceptable');
    expect(errorOf(await romeo.items('a'))).toBe('cancel item-not-found');
  });

  test('the number of nodes is limited', async () => {
    const { juliet, metrics } = await two({}, { max_nodes: 1 });
    expect(errorOf(await juliet.create('more'))).toBe('wait resource-constraint max-nodes-exceeded');
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="pubsub.max_nodes"} 1');
  });

  test('8.2 a list is emptied by a field without a value, or with an empty one', async () => {
    const { romeo } = await two();
    const shown = async () => {
      const config = await romeo.ownerGet("<configure node='news'/>");
      const fields = config.children[0].children[0].children[0].children;
      const contact = fields.find((field) => field.attr('var') === 'pubsub#contact');
      return contact?.children.filter(({ name }) => name === 'value').map(({ text }) => text);
    };
    for (const empty of ['', '<value/>']) {
      await romeo.configure('news', { contact: 'juliet@example.test' });
      expect(await shown()).toEqual(['juliet@example.test']);
      const filled = form('node_config', {}).replace('</x>', `<field var='pubsub#contact'>${empty}</field></x>`);
      expect(errorOf(await romeo.ownerSet(`<configure node='news'>${filled}</configure>`))).toBe('result');
      expect(await shown()).toEqual([]);
    }
  });

  test('8.2 the configuration is read and changed by its owner, who may think better of it', async () => {
    const { romeo, juliet } = await two();
    const get = "<configure node='news'/>";
    expect(errorOf(await romeo.configure('news', { title: 'N', max_items: '5', unknown: 'x' }))).toBe('result');
    const form = (await romeo.ownerGet(get)).children[0].children[0].children[0];
    const fields = fieldsOf(form);
    expect(fields.get('FORM_TYPE')).toBe(`${PUBSUB}#node_config`);
    expect([fields.get('pubsub#title'), fields.get('pubsub#max_items')]).toEqual(['N', '5']);
    const cancel = "<configure node='news'><x xmlns='jabber:x:data' type='cancel'/></configure>";
    expect(errorOf(await romeo.ownerSet(cancel))).toBe('result');
    expect(errorOf(await romeo.ownerSet(get))).toBe('modify bad-request');
    expect(errorOf(await juliet.ownerGet(get))).toBe('auth forbidden');
    expect(errorOf(await juliet.configure('news', { title: 'J' }))).toBe('auth forbidden');
    expect(errorOf(await romeo.ownerGet('<configure/>'))).toBe('modify bad-request nodeid-required');
    expect(errorOf(await romeo.ownerGet("<configure node='olds'/>"))).toBe('cancel item-not-found');
    expect(errorOf(await romeo.configure('news', { max_items: 'many' }))).toBe('modify not-acceptable');
  });

  test('8.2.5.4 subscribers hear of another configuration where the node says so', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.configure('news', { title: 'silent' });
    await romeo.configure('news', { title: 'N', notify_config: '1' });
    const told = (await eventIn(juliet, '<configuration')).child('event')?.child('configuration');
    expect(told && fieldsOf(told.children[0]).get('pubsub#title')).toBe('N');
  });

  test('8.3 the default configuration is told to everybody', async () => {
    const { juliet } = await two();
    const fields = fieldsOf((await juliet.ownerGet('<default/>')).children[0].children[0].children[0]);
    expect([fields.get('pubsub#access_model'), fields.get('pubsub#persist_items')]).toEqual(['open', '1']);
  });

  test('8.4 a deleted node is gone with its items, and its subscribers hear where to go', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    expect(errorOf(await juliet.ownerSet("<delete node='news'/>"))).toBe('auth forbidden');
    expect(errorOf(await romeo.ownerSet("<delete node='news'><redirect uri='xmpp:x'/></delete>"))).toBe('result');
    const told = (await eventIn(juliet, '<delete')).child('event')?.children[0];
    expect(told?.raw).toBe("<delete node='news'><redirect uri='xmpp:x'/></delete>");
    const gone = await romeo.ownerSet("<delete node='news'/>");
    expect([errorOf(gone), gone.child('error')?.child('gone')?.text]).toEqual(['modify gone', 'xmpp:x']);
    await romeo.create('news');
    expect(idsOf(await juliet.items('news'))).toEqual([]);
  });

  test('8.5 a purged node is empty, and tells', async () => {
    const { romeo, juliet } = await two();
    await juliet.subscribe('news');
    await romeo.publish('news', 'one');
    expect(errorOf(await juliet.ownerSet("<purge node='news'/>"))).toBe('auth forbidden');
    expect(errorOf(await romeo.ownerSet("<purge node='news'/>"))).toBe('result');
    await eventIn(juliet, "<purge node='news'/>");
    expect(idsOf(await juliet.items('news'))).toEqual([]);
    expect(errorOf(await romeo.ownerSet("<purge node='olds'/>"))).toBe('cancel item-not-found');
    await romeo.configure('news', { persist_items: '0' });
    expect(errorOf(await romeo.ownerSet("<purge node='news'/>"))).toBe(
      'cancel feature-not-implemented persistent-items',
    );
  });
});

describe('8.6 requests', () => {
  const decision = (node: string, jid: string, allow: string) =>
    `<message xmlns='jabber:client' to='${SERVICE}'>${form('subscribe_authorization', { node, subscriber_jid: jid, allow })}</message>`;

  test('wait for an owner, who lets in', async () => {
    const { romeo, juliet } = await two({ access_model: 'authorize' });
    await romeo.publish('news', 'one');
    expect((await juliet.subscribe('news')).children[0].children[0].attr('subscription')).toBe('pending');
    expect(errorOf(await juliet.subscribe('news'))).toBe('auth not-authorized pending-subscription');
    const asked = parseXml(await romeo.client.hears('subscribe_authorization'));
    const fields = fieldsOf(asked.children[0]);
    expect([fields.get('pubsub#node'), fields.get('pubsub#subscriber_jid')]).toEqual(['news', 'juliet@example.test']);
    expect(errorOf(await juliet.items('news'))).toBe('auth not-authorized not-subscribed');
    romeo.client.say(decision('news', 'juliet@example.test', 'true'));
    const told = await eventIn(juliet, '<subscription');
    expect(told.child('event')?.child('subscription')?.attr('subscription')).toBe('subscribed');
    await eventIn(juliet, "id='one'");
    expect(idsOf(await juliet.items('news'))).toEqual(['one']);
  });

  test('are denied; by nobody but an owner', async () => {
    const { romeo, juliet } = await two({ access_model: 'authorize' });
    await juliet.subscribe('news');
    juliet.client.say(decision('news', 'juliet@example.test', '1'));
    expect(await juliet.client.hears("type='error'")).toContain('<forbidden');
    romeo.client.say(decision('news', 'juliet@example.test', '0'));
    expect(await juliet.client.hears('<subscription')).toContain("subscription='none'");
    expect(errorOf(await juliet.items('news'))).toBe('auth not-authorized not-subscribed');
  });

  test('other messages are for nobody', async () => {
    const { juliet } = await two();
    juliet.client.say(`<message xmlns='jabber:client' to='${SERVICE}'><body>Hello</body></message>`);
    expect(await juliet.client.hears("type='error'")).toContain('<service-unavailable');
  });
});

describe('8.8, 8.9 members', () => {
  test('an owner sees and changes subscriptions, and who they are of hears it', async () => {
    const { romeo, juliet } = await two();
    const set = (inside: string) => romeo.ownerSet(`<subscriptions node='news'>${inside}</subscriptions>`);
    const hers = (state: string) => `<subscription jid='juliet@example.test' subscription='${state}'/>`;
    expect(errorOf(await set(hers('subscribed')))).toBe('result');
    await eventIn(juliet, "subscription='subscribed'");
    const all = (await romeo.ownerGet("<subscriptions node='news'/>")).children[0].children[0].children;
    expect(all.map(({ raw }) => raw)).toEqual([hers('subscribed')]);
    expect(errorOf(await set(hers('none')))).toBe('result');
    await eventIn(juliet, "subscription='none'");
    expect(errorOf(await set(hers('unheard')))).toBe('modify not-acceptable');
    expect(errorOf(await juliet.ownerGet("<subscriptions node='news'/>"))).toBe('auth forbidden');
    expect(errorOf(await romeo.ownerGet("<subscriptions node='olds'/>"))).toBe('cancel item-not-found');
  });

  test('an owner sees and changes affiliations, and who they are of hears it', async () => {
    const { romeo, juliet } = await two();
    expect(errorOf(await romeo.affiliate('news', 'juliet', 'publisher'))).toBe('result');
    expect(await juliet.client.hears('<affiliations')).toContain("affiliation='publisher'");
    const all = (await romeo.ownerGet("<affiliations node='news'/>")).children[0].children[0].children;
    expect(all.map((each) => each.attr('affiliation'))).toEqual(['owner', 'publisher']);
    expect(errorOf(await romeo.affiliate('news', 'juliet', 'friend'))).toBe('modify not-acceptable');
    expect(errorOf(await juliet.ownerGet("<affiliations node='news'/>"))).toBe('auth forbidden');
    expect(errorOf(await juliet.affiliate('news', 'juliet', 'owner'))).toBe('auth forbidden');
  });

  test('8.8.2.4, 8.9.2.5 several changes at a time are made, or none', async () => {
    const { romeo, juliet } = await two();
    const set = (what: string, ...values: string[]) => {
      const each = values.map(
        (value, n) => `<${what} jid='${['juliet', 'nurse'][n]}@example.test' ${what}='${value}'/>`,
      );
      return romeo.ownerSet(`<${what}s node='news'>${each.join('')}</${what}s>`);
    };
    const list = async (what: string) =>
      (await romeo.ownerGet(`<${what}s node='news'/>`)).children[0].children[0].children.map((each) =>
        each.attr('jid'),
      );
    expect(errorOf(await set('subscription', 'subscribed', 'perhaps'))).toBe('modify not-acceptable');
    expect(errorOf(await set('affiliation', 'publisher', 'king'))).toBe('modify not-acceptable');
    expect([await list('subscription'), await list('affiliation')]).toEqual([[], ['romeo@example.test']]);
    expect(await heard(juliet)).toEqual([]);
    expect(errorOf(await set('subscription', 'subscribed', 'subscribed'))).toBe('result');
    expect(errorOf(await set('affiliation', 'publisher', 'member'))).toBe('result');
    expect([(await list('subscription')).length, (await list('affiliation')).length]).toEqual([2, 3]);
  });

  test('8.9.2.4 a node keeps an owner', async () => {
    const { romeo, juliet } = await two();
    expect(errorOf(await romeo.affiliate('news', 'romeo', 'none'))).toBe('modify not-acceptable');
    await romeo.affiliate('news', 'juliet', 'owner');
    expect(errorOf(await romeo.affiliate('news', 'romeo', 'none'))).toBe('result');
    expect(errorOf(await romeo.ownerGet("<configure node='news'/>"))).toBe('auth forbidden');
    expect(errorOf(await juliet.ownerGet("<configure node='news'/>"))).toBe('result');
  });
});

test('a request for what there is not is answered so', async () => {
  const { romeo } = await two();
  expect(errorOf(await romeo.set('<dance/>'))).toBe('cancel feature-not-implemented');
});

test('everything is there again after a restart', async () => {
  const storage = new MemoryDriver();
  const before = serviceCore({}, storage);
  const [romeo, juliet] = [new Asking(await before.enter('romeo')), new Asking(await before.enter('juliet'))];
  await romeo.create('news', { title: 'N', access_model: 'whitelist' });
  await romeo.affiliate('news', 'juliet', 'member');
  await juliet.subscribe('news');
  for (const id of ['one', 'two']) await romeo.publish('news', id);
  const after = serviceCore({}, storage);
  const again = new Asking(await new CoreClient(after.core).enter('juliet'));
  await again.client.available();
  expect(idsOf(await again.items('news'))).toEqual(['two', 'one']);
  const author = new Asking(await after.enter('romeo'));
  expect(errorOf(await author.publish('news', 'three'))).toBe('result');
  await eventIn(again, "id='three'");
});

test('6.1.3.11 where a node is now is told after a restart too, until there is another one of its name', async () => {
  const storage = new MemoryDriver();
  const romeo = new Asking(await serviceCore({}, storage).enter('romeo'));
  await romeo.create('news');
  await romeo.ownerSet("<delete node='news'><redirect uri='xmpp:x?;node=&lt;'/></delete>");
  const later = new Asking(await serviceCore({}, storage).enter('romeo'));
  for (const answer of [
    await later.subscribe('news'),
    await later.items('news'),
    await later.publish('news', 'one'),
    await later.client.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info' node='news'/>", SERVICE),
  ]) {
    expect([errorOf(answer), answer.child('error')?.child('gone')?.text]).toEqual(['modify gone', 'xmpp:x?;node=<']);
  }
  await later.create('news');
  await later.ownerSet("<delete node='news'/>");
  const last = new Asking(await serviceCore({}, storage).enter('romeo'));
  expect(errorOf(await last.subscribe('news'))).toBe('cancel item-not-found');
});

test('8.4 so many nodes that have moved are remembered, the newest', async () => {
  const { romeo } = await two();
  await romeo.create('first');
  await romeo.ownerSet("<delete node='first'><redirect uri='xmpp:x'/></delete>");
  for (let n = 0; n < 1000; n++) {
    await romeo.create(`n${n}`);
    await romeo.ownerSet(`<delete node='n${n}'><redirect uri='xmpp:x'/></delete>`);
  }
  expect(errorOf(await romeo.subscribe('first'))).toBe('cancel item-not-found');
  expect(errorOf(await romeo.subscribe('n0'))).toBe('modify gone');
  const long = `<delete node='news'><redirect uri='xmpp:${'x'.repeat(2048)}'/></delete>`;
  expect(errorOf(await romeo.ownerSet(long))).toBe('modify not-acceptable');
});

test('an account that is deleted is subscribed nowhere, and what it owned alone is gone', async () => {
  const { core, romeo, juliet } = await two();
  await juliet.create('hers');
  await juliet.create('theirs');
  await juliet.affiliate('theirs', 'romeo', 'owner');
  await juliet.subscribe('news');
  await romeo.subscribe('hers');
  await core.hosts.get('example.test')?.accounts.delete('juliet');
  await eventIn(romeo, "<delete node='hers'/>");
  expect(errorOf(await romeo.items('hers'))).toBe('cancel item-not-found');
  const list = async (inside: string) => (await romeo.ownerGet(inside)).children[0].children[0].children;
  expect(await list("<subscriptions node='news'/>")).toEqual([]);
  expect((await list("<affiliations node='theirs'/>")).map((each) => each.attr('jid'))).toEqual(['romeo@example.test']);
});
