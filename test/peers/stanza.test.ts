// StanzaJS, as it is shipped, at the core: rooms, archives, nodes, avatars, over WebSocket and over BOSH.

import { createHash } from 'node:crypto';
import { type Agent, createClient } from 'stanza';
import type { MAMFin, ReceivedMessage } from 'stanza/protocol/index.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Inbox } from '../support/inbox.js';
import { HOUSE, type House, NODES, openHouse, ROOMS } from '../support/peers/house.js';
import { PASSWORD } from '../support/peers/peer.js';

const NODE_CONFIG = 'http://jabber.org/protocol/pubsub#node_config';
const ROOM_CONFIG = 'http://jabber.org/protocol/muc#roomconfig';

type Client = Agent & { readonly jid: string };

describe.each(['websocket', 'bosh'] as const)('StanzaJS over %s', (transport) => {
  let house: House;
  const clients: Client[] = [];

  beforeEach(async () => {
    // It asks for two requests to be held, and has not more than two: then it could say nothing while nothing comes.
    house = await openHouse(['romeo', 'juliet', 'nurse'], { max_bosh_connections: 1 });
  });
  // Over BOSH it does not always notice that it has said goodbye.
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await house?.stop();
  });

  async function enter(name: string): Promise<Client> {
    const urls = { websocket: house.ws, bosh: house.bosh };
    const transports = { websocket: false, bosh: false, [transport]: urls[transport] };
    const client = createClient({
      jid: `${name}@${HOUSE}`,
      password: PASSWORD,
      server: HOUSE,
      transports,
      timeout: 60,
    });
    const started = new Promise<void>((resolve, reject) => {
      client.once('session:started', () => resolve());
      client.once('disconnected', () => reject(new Error(`${name} did not get in`)));
    });
    client.connect();
    await started;
    await client.getRoster();
    client.updateCaps();
    client.sendPresence({ legacyCapabilities: client.getCurrentCaps()?.legacyCapabilities });
    const entered = client as Client;
    clients.push(entered);
    return entered;
  }

  /** What it hears of a kind, from now on. */
  function hears(client: Client, event: 'chat' | 'groupchat'): Inbox<ReceivedMessage> {
    const inbox = new Inbox<ReceivedMessage>();
    client.on(event, (message) => inbox.push(message));
    return inbox;
  }

  /** Resolves when it sees the other's presence. */
  async function befriends(client: Client, other: Client): Promise<void> {
    const there = new Promise<void>((resolve) => {
      client.on('available', ({ from }) => from === other.jid && resolve());
    });
    client.subscribe(other.jid.split('/')[0]);
    await there;
  }

  test('talks, and pages through what was said', async () => {
    const [romeo, juliet] = [await enter('romeo'), await enter('juliet')];
    const heard = hears(juliet, 'chat');
    const texts = Array.from({ length: 12 }, (_, n) => `line ${n}`);
    for (const body of texts) romeo.sendMessage({ to: `juliet@${HOUSE}`, type: 'chat', body });
    for (const body of texts) await heard.take((message) => message.body === body, body);
    const found: (string | undefined)[] = [];
    let page: MAMFin | undefined;
    do {
      const paging = { max: 5, ...(page ? { after: page.paging?.last } : {}) };
      page = await juliet.searchHistory({ with: `romeo@${HOUSE}`, paging });
      for (const { item } of page.results ?? []) found.push(item.message?.body);
    } while (!page.complete);
    expect(found).toEqual(texts);
    expect((await juliet.getHistorySearchForm('')).fields?.map(({ name }) => name)).toContain('with');
    expect(await juliet.getHistoryPreferences()).toMatchObject({ default: 'always' });
    await juliet.setHistoryPreferences({ default: 'roster', always: [`nurse@${HOUSE}`] });
    expect(await juliet.getHistoryPreferences()).toMatchObject({ default: 'roster', always: [`nurse@${HOUSE}`] });
  });

  test('makes a room, is let in, talks there, and finds it in its archive', async () => {
    const [romeo, juliet, nurse] = [await enter('romeo'), await enter('juliet'), await enter('nurse')];
    const room = `orchard@${ROOMS}`;
    const own = await romeo.joinRoom(room, 'Romeo');
    expect(own.muc).toMatchObject({ affiliation: 'owner', role: 'moderator', statusCodes: ['201', '110'] });
    const { fields = [] } = await romeo.getRoomConfig(room);
    expect(fields.map(({ name }) => name)).toContain('muc#roomconfig_membersonly');
    await romeo.configureRoom(room, {
      fields: [
        { name: 'FORM_TYPE', type: 'hidden', value: ROOM_CONFIG },
        { name: 'muc#roomconfig_persistentroom', type: 'boolean', value: true },
        { name: 'muc#roomconfig_enablearchiving', type: 'boolean', value: true },
        { name: 'muc#roomconfig_membersonly', type: 'boolean', value: true },
      ],
    });
    await expect(nurse.joinRoom(room, 'Nurse')).rejects.toMatchObject({
      error: { condition: 'registration-required' },
    });
    const invited = new Promise((resolve) => juliet.once('muc:invite', resolve));
    romeo.invite(room, { to: `juliet@${HOUSE}`, reason: 'come' });
    expect(await invited).toMatchObject({ room, reason: 'come', type: 'mediated' });
    const topic = new Promise((resolve) => juliet.once('muc:topic', resolve));
    expect((await juliet.joinRoom(room, 'Juliet')).muc).toMatchObject({ affiliation: 'member' });
    await topic;
    const heard = hears(romeo, 'groupchat');
    juliet.sendMessage({ to: room, type: 'groupchat', body: 'What is in a name?' });
    const said = await heard.take(({ body }) => body === 'What is in a name?', 'what is said');
    expect(said.from).toBe(`${room}/Juliet`);
    const { results = [] } = await juliet.searchHistory(room, {});
    expect(results.filter(({ item }) => item.message?.body).map(({ id }) => id)).toEqual(
      said.stanzaIds?.map(({ id }) => id),
    );
    const list = await romeo.getRoomMembers(room, { affiliation: 'member' });
    expect(list.muc.users?.map(({ jid }) => jid)).toEqual([`juliet@${HOUSE}`]);
    const left = new Promise((resolve) => juliet.once('muc:destroyed', resolve));
    await romeo.destroyRoom(room, { reason: 'over' });
    await left;
  });

  test('makes a node, configures it, publishes and hears of it', async () => {
    const [romeo, juliet] = [await enter('romeo'), await enter('juliet')];
    expect(await romeo.getDefaultNodeConfig(NODES)).toMatchObject({ type: 'form' });
    await romeo.createNode(NODES, 'news', {
      type: 'submit',
      fields: [
        { name: 'FORM_TYPE', type: 'hidden', value: NODE_CONFIG },
        { name: 'pubsub#title', value: 'News' },
        { name: 'pubsub#max_items', value: '10' },
      ],
    });
    await juliet.subscribeToNode(NODES, 'news');
    expect(await juliet.getSubscriptions(NODES)).toMatchObject({ items: [{ node: 'news', state: 'subscribed' }] });
    const published = new Promise((resolve) => juliet.once('pubsub:published', resolve));
    await romeo.publish(NODES, 'news', { itemType: 'urn:xmpp:json:0', json: { text: 'one' } } as never, 'a');
    expect(await published).toMatchObject({ pubsub: { items: { node: 'news', published: [{ id: 'a' }] } } });
    for (const id of ['b', 'c'])
      await romeo.publish(NODES, 'news', { itemType: 'urn:xmpp:json:0', json: { text: id } } as never, id);
    const page = await juliet.getItems(NODES, 'news', { max: 2 });
    expect(page.items?.map(({ id }) => id)).toEqual(['c', 'b']);
    expect(await juliet.getItem(NODES, 'news', 'a')).toMatchObject({ id: 'a', content: { json: { text: 'one' } } });
    const retracted = new Promise((resolve) => juliet.once('pubsub:retracted', resolve));
    await romeo.retract(NODES, 'news', 'b', true);
    expect(await retracted).toMatchObject({ pubsub: { items: { retracted: ['b'] } } });
    await romeo.updateNodeAffiliations(NODES, 'news', [{ jid: `juliet@${HOUSE}`, affiliation: 'publisher' }]);
    expect((await romeo.getNodeAffiliations(NODES, 'news')).items).toHaveLength(2);
    const deleted = new Promise((resolve) => juliet.once('pubsub:deleted', resolve));
    await romeo.deleteNode(NODES, 'news');
    await deleted;
  });

  test('publishes an avatar, which the other client is told of and gets', async () => {
    const [romeo, juliet] = [await enter('romeo'), await enter('juliet')];
    for (const client of [romeo, juliet]) client.on('subscribe', ({ from }) => client.acceptSubscription(from));
    await Promise.all([befriends(romeo, juliet), befriends(juliet, romeo)]);
    const image = Buffer.from('an image of Juliet');
    const id = createHash('sha1').update(image).digest('hex');
    const told = new Promise((resolve) => {
      romeo.on('avatar', (event) => event.jid === `juliet@${HOUSE}` && resolve(event));
    });
    await juliet.publishAvatar(id, image);
    await juliet.useAvatars([{ id, bytes: image.length, mediaType: 'image/png' }]);
    expect(await told).toMatchObject({ avatars: [{ id, bytes: image.length }], source: 'pubsub' });
    const { content } = await romeo.getAvatar(`juliet@${HOUSE}`, id);
    expect(content?.data?.toString()).toBe('an image of Juliet');
    await juliet.addBookmark({ jid: `orchard@${ROOMS}`, name: 'Orchard', autoJoin: true });
    expect(await juliet.getBookmarks()).toMatchObject([{ jid: `orchard@${ROOMS}`, autoJoin: true }]);
  });
});
