import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { disco } from '../../../src/modules/disco.js';
import { presence } from '../../../src/modules/presence.js';
import { avatars } from '../../../src/modules/pubsub/avatars.js';
import { pep } from '../../../src/modules/pubsub/pep.js';
import { roster } from '../../../src/modules/roster.js';
import { vcard } from '../../../src/modules/vcard.js';
import { CoreClient, testCore } from '../../support/core.js';
import { Asking, errorOf, idsOf } from '../../support/pubsub.js';

const DATA = 'urn:xmpp:avatar:data';
const METADATA = 'urn:xmpp:avatar:metadata';
const PICTURE = Buffer.from('a picture');
const HASH = createHash('sha1').update(PICTURE).digest('hex');
const BASE64 = PICTURE.toString('base64');
const OPEN = { access_model: 'open' };

const cores: ReturnType<typeof testCore>[] = [];
afterEach(async () => {
  await Promise.all(cores.splice(0).map(({ core }) => core.stop()));
});

async function romeoAlone() {
  const tested = testCore([roster, presence, disco, vcard, pep, avatars]);
  cores.push(tested);
  const client = await new CoreClient(tested.core).enter('romeo');
  return { ...tested, client, romeo: new Asking(client, null) };
}

async function publishes(romeo: Asking, data = OPEN, id = HASH): Promise<void> {
  const picture = `<data xmlns='${DATA}'>${BASE64}</data>`;
  expect(errorOf(await romeo.publish(DATA, id, picture, data))).toBe('result');
  const info = `<metadata xmlns='${METADATA}'><info id='${id}' bytes='9' type='image/gif'/></metadata>`;
  expect(errorOf(await romeo.publish(METADATA, id, info, OPEN))).toBe('result');
}

const card = async (client: CoreClient) => (await client.ask('get', "<vCard xmlns='vcard-temp'/>")).children[0].raw;
const photo = `<PHOTO><TYPE>image/gif</TYPE><BINVAL>${BASE64}</BINVAL></PHOTO>`;

describe('4.1 from what is published to the vCard', () => {
  test('the picture is there, with what was there before', async () => {
    const { romeo, client } = await romeoAlone();
    await client.ask('set', "<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>");
    await publishes(romeo);
    await expect.poll(() => card(client)).toContain(photo);
    expect(await card(client)).toContain('<FN>Romeo</FN>');
    await romeo.publish(METADATA, 'none', `<metadata xmlns='${METADATA}'/>`);
    await expect.poll(() => card(client)).not.toContain('PHOTO');
    expect(await card(client)).toContain('<FN>Romeo</FN>');
  });

  test('nothing is shown to everybody that was for contacts only, nor what is not what it says', async () => {
    const { romeo, client } = await romeoAlone();
    await publishes(romeo, { access_model: 'presence' });
    expect(await card(client)).not.toContain('PHOTO');
    await romeo.configure(DATA, OPEN);
    await publishes(romeo, OPEN, 'wrong');
    expect(await card(client)).not.toContain('PHOTO');
  });
});

describe('4.2 from the vCard to what is published', () => {
  test('the picture is published to everybody, once', async () => {
    const { romeo, client } = await romeoAlone();
    const set = `<vCard xmlns='vcard-temp'>${photo}</vCard>`;
    await client.ask('set', set);
    await expect.poll(async () => errorOf(await romeo.items(METADATA))).toBe('result');
    const metadata = await romeo.items(METADATA);
    expect(idsOf(metadata)).toEqual([HASH]);
    expect((await romeo.items(DATA)).raw).toContain(BASE64);
    const paris = new Asking(await new CoreClient(client.core).enter('paris'), 'romeo@example.test');
    expect(idsOf(await paris.items(DATA))).toEqual([HASH]);
  });
});

describe('5 presence', () => {
  const says = async (client: CoreClient, inside: string) => {
    client.stanzas.length = 0;
    client.say(`<presence xmlns='jabber:client'><priority>1</priority>${inside}</presence>`);
    return client.hears('</priority>');
  };
  const x = (inside: string) => `<x xmlns='vcard-temp:x:update'>${inside}</x>`;

  test('has the hash, unless the client says something about it', async () => {
    const { client } = await romeoAlone();
    expect(await says(client, '')).not.toContain('vcard-temp:x:update');
    await client.ask('set', `<vCard xmlns='vcard-temp'>${photo}</vCard>`);
    const hashed = `<photo>${HASH}</photo>`;
    expect(await says(client, '')).toContain(hashed);
    expect(await says(client, x(''))).toContain(hashed);
    expect(await says(client, x('<photo/>'))).not.toContain(hashed);
    expect(await says(client, x('<photo>other</photo>'))).not.toContain(hashed);
    const phone = await new CoreClient(client.core).enter('romeo', 'phone');
    expect(await says(phone, '')).toContain(hashed);
    await client.ask('set', "<vCard xmlns='vcard-temp'/>");
    expect(await says(client, '')).not.toContain(hashed);
  });
});

test('2 an account says that it converts', async () => {
  const { client } = await romeoAlone();
  const info = await client.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'romeo@example.test');
  expect(info.raw).toContain('urn:xmpp:pep-vcard-conversion:0');
});
