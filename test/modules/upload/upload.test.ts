import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type UploadOptions, uploadOptions } from '../../../src/config/modules.js';
import { Shelf } from '../../../src/files/shelf.js';
import { Uploads } from '../../../src/files/uploads.js';
import { upload } from '../../../src/modules/upload/upload.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { CoreClient, conditionOf, testCore } from '../../support/core.js';
import { bodyOf, folders } from '../../support/uploads.js';
import type { Xml } from '../../support/xml.js';

const SERVICE = 'upload.example.test';
const UPLOAD = 'urn:xmpp:http:upload:0';
const PURPOSE = 'urn:xmpp:http:upload:purpose:0';
const COMPONENT = {
  multiple: false,
  queue: 0,
  queue_bytes: 1024,
  stanzas_per_second: 0,
  bytes_per_second: 0,
  attach: null,
};

const folder = folders();

/** A core with the service, and romeo there. */
async function open(options: Partial<UploadOptions> = {}, home = folder(), storage = new MemoryDriver()) {
  const uploads = new Uploads({ home, base: () => 'https://chat.example' });
  const component = { ...COMPONENT, module: 'upload', upload: { ...uploadOptions.default, ...options } };
  const tested = testCore([], { components: { [SERVICE]: component } }, storage, [upload(uploads)]);
  const shelf = new Shelf(uploads, tested.log);
  const enter = (name: string) => new CoreClient(tested.core).enter(name);
  const romeo = await enter('romeo');
  const names = () => readdirSync(join(home, SERVICE)).sort();
  /** Asks for a slot. */
  const ask = (attributes: string, inside = '', client = romeo) =>
    client.ask('get', `<request xmlns='${UPLOAD}' ${attributes}>${inside}</request>`, SERVICE);
  /** Uploads so many bytes; resolves to the id of the file. */
  const keep = async (size = 5, inside = '', client = romeo) => {
    const [put, get] = urls(await ask(`filename='a' size='${size}'`, inside, client)).map(randomOf);
    expect(await shelf.receive(put, bodyOf('x'.repeat(size)))).toBe('stored');
    return get;
  };
  return { ...tested, uploads, shelf, romeo, enter, ask, keep, names, home };
}

const urls = (answer: Xml): string[] =>
  (answer.child('slot', UPLOAD)?.children ?? []).map((each) => each.attr('url') ?? '');
const randomOf = (url: string): string => url.split('/')[4];

/** The condition, the type, and what is said beside. */
function refusal(answer: Xml): (string | undefined)[] {
  const error = answer.child('error');
  const more = error?.children.find(({ name }) => !['text', conditionOf(answer)].includes(name));
  return [conditionOf(answer), error?.attr('type'), ...(more === undefined ? [] : [more.name])];
}

describe('3 discovery', () => {
  const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

  test('the service says what it is, and how large a file may be', async () => {
    const { romeo } = await open({ max_file_size: 1000, account_bytes: 500 });
    const query = (await romeo.ask('get', info, SERVICE)).children[0];
    expect(query.child('identity')?.attr('category')).toBe('store');
    expect(query.child('identity')?.attr('type')).toBe('file');
    const features = query.children.map((each) => each.attr('var'));
    expect(features).toContain(UPLOAD);
    expect(features).toContain(`${PURPOSE}#ephemeral`);
    expect(features).not.toContain(`${PURPOSE}#permanent`);
    const fields = query.child('x')?.children.map((field) => [field.attr('var'), field.children[0].text]);
    expect(fields).toEqual([
      ['FORM_TYPE', UPLOAD],
      ['max-file-size', '500'],
    ]);
  });

  test('the domain above lists it', async () => {
    const { core } = await open();
    const items: { jid: string }[] = [];
    const jid = { from: core.hosts.get('example.test')?.jid, to: core.hosts.get('example.test')?.jid };
    core.hosts.get('example.test')?.hooks.tell('disco-items/host', { items, node: undefined, ...jid } as never);
    expect(items.map((item) => item.jid)).toEqual([SERVICE]);
  });
});

describe('4 a slot', () => {
  test('is two URLs that nobody can guess, with the name at their end', async () => {
    const { ask } = await open();
    const [put, get] = urls(await ask("filename='très cool (1).jpg' size='5' content-type='image/jpeg'"));
    for (const url of [put, get])
      expect(url).toMatch(/^https:\/\/chat\.example\/upload\/[0-9a-f]{40}\/tr%C3%A8s%20cool%20%281%29\.jpg$/);
    expect(randomOf(put)).not.toBe(randomOf(get));
  });

  test('is below the URL that the service has', async () => {
    const { ask } = await open({ url: 'https://files.example/x/' });
    expect(urls(await ask("filename='a' size='1'"))[0]).toMatch(/^https:\/\/files\.example\/x\/[0-9a-f]{40}\/a$/);
  });

  test.each([
    ["filename='a'", 'bad-request'],
    ["size='1'", 'bad-request'],
    ["filename='a' size='-1'", 'bad-request'],
    ["filename='a' size='1e3'", 'bad-request'],
    ["filename='a' size='99999999999999999999'", 'bad-request'],
    ["filename='a' size='1' content-type='x'", 'bad-request'],
    ["filename='a' size='1' content-type='a/b&#10;x: y'", 'bad-request'],
    ["filename='' size='1'", 'not-acceptable'],
    ["filename='.' size='1'", 'not-acceptable'],
    ["filename=' .. ' size='1'", 'not-acceptable'],
    ["filename='../a' size='1'", 'not-acceptable'],
    ["filename='a\\b' size='1'", 'not-acceptable'],
    ["filename='a&#13;&#10;b' size='1'", 'not-acceptable'],
    ["filename='a&#x202e;gpj.exe' size='1'", 'not-acceptable'],
    [`filename='${'é'.repeat(128)}' size='1'`, 'not-acceptable'],
  ])('is not for a file with %s', async (attributes, condition) => {
    const { ask } = await open();
    expect(refusal(await ask(attributes))).toEqual([condition, 'modify']);
  });

  test('is not for types that are not taken', async () => {
    const { ask } = await open({ types: ['image/*', 'text/plain'] });
    const of = async (type: string) => refusal(await ask(`filename='a' size='1' content-type='${type}'`))[0];
    expect([await of('image/png'), await of('Text/Plain; charset=utf-8'), await of('text/html'), await of('')]).toEqual(
      [undefined, undefined, 'not-acceptable', 'not-acceptable'],
    );
  });

  test('is for accounts of this server, and not for guests', async () => {
    const { core, ask } = await open();
    const guest = new CoreClient(core);
    await guest.enter('guest');
    for (const session of core.hosts.get('example.test')?.sessions.of('guest') ?? [])
      Object.assign(session, { anonymous: true });
    expect(refusal(await ask("filename='a' size='1'", '', guest))).toEqual(['forbidden', 'auth']);
  });

  test('is for those domains that are named', async () => {
    const { ask } = await open({ domains: ['other.example'] });
    expect(refusal(await ask("filename='a' size='1'"))).toEqual(['forbidden', 'auth']);
    const { ask: asks } = await open({ domains: ['example.test'] });
    expect(urls(await asks("filename='a' size='1'"))).toHaveLength(2);
  });
});

describe('5 a purpose', () => {
  const ephemeral = (time: string) => `<ephemeral xmlns='${PURPOSE}' expire-before='${time}'/>`;

  test('ephemeral: the file is there until then, and not longer than others', async () => {
    const { keep, uploads } = await open();
    const [soon, late] = [Date.now() + 60_000, Date.now() + 900 * 86_400_000];
    const untilOf = async (id: string) => (await uploads.find(id))?.until;
    expect(await untilOf(await keep(5, ephemeral(new Date(soon).toISOString())))).toBe(soon);
    expect(await untilOf(await keep(5, ephemeral(new Date(late).toISOString())))).toBeLessThan(late);
    expect(await uploads.find(await keep(5, ephemeral('2020-01-01T00:00:00Z')))).toBeUndefined();
  });

  test('ephemeral needs a time', async () => {
    const { ask } = await open();
    for (const time of ['', 'tomorrow', '2025', '2025-13-99T00:00:00Z'])
      expect(refusal(await ask("filename='a' size='1'", ephemeral(time)))[0]).toBe('bad-request');
  });

  test('permanent: only where files are kept for ever', async () => {
    const permanent = `<permanent xmlns='${PURPOSE}'/>`;
    const { ask } = await open();
    expect(refusal(await ask("filename='a' size='1'", permanent))[0]).toBe('feature-not-implemented');
    const { ask: asks } = await open({ expire: 0 });
    expect(urls(await asks("filename='a' size='1'", permanent))).toHaveLength(2);
  });
});

describe('6 errors', () => {
  test('too large: the largest size is told', async () => {
    const { ask, metrics } = await open({ max_file_size: 1000 });
    const answer = await ask("filename='a' size='1001'");
    expect(refusal(answer)).toEqual(['not-acceptable', 'modify', 'file-too-large']);
    expect(answer.child('error')?.child('file-too-large', UPLOAD)?.textOf('max-file-size')).toBe('1000');
    expect(await metrics.text()).toContain('limit="upload.max_file_size"} 1\n');
    expect(urls(await ask("filename='a' size='1000'"))).toHaveLength(2);
  });

  test('a quota: when there is room again is told', async () => {
    const { ask, keep, metrics } = await open({ account_bytes: 10 });
    await keep(6);
    const answer = await ask("filename='a' size='5'");
    expect(refusal(answer)).toEqual(['resource-constraint', 'wait', 'retry']);
    const stamp = answer.child('error')?.child('retry', UPLOAD)?.attr('stamp') ?? '';
    expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/);
    expect(Date.parse(stamp) - Date.now()).toBeGreaterThan(29.9 * 86_400_000);
    expect(await metrics.text()).toContain('limit="upload.account_bytes"} 1\n');
  });

  test('a quota of files that are kept for ever: nothing is told', async () => {
    const { ask, keep } = await open({ account_files: 1, expire: 0 });
    await keep();
    expect(refusal(await ask("filename='a' size='5'"))).toEqual(['resource-constraint', 'wait']);
  });

  test('two slots at the same time: what the first may have, the second has not', async () => {
    const { ask } = await open({ account_bytes: 10 });
    const answers = await Promise.all([ask("filename='a' size='6'"), ask("filename='b' size='6'")]);
    expect(answers.map((answer) => refusal(answer)[0])).toEqual([undefined, 'resource-constraint']);
  });

  test.each([
    ['max_slots', { max_slots: 1 }],
    ['max_bytes', { max_bytes: 9 }],
  ] as const)('%s is in the way of the second', async (limit, options) => {
    const { ask, metrics } = await open(options);
    expect(urls(await ask("filename='a' size='5'"))).toHaveLength(2);
    expect(refusal(await ask("filename='a' size='5'"))[0]).toBe('resource-constraint');
    expect(await metrics.text()).toContain(`limit="upload.${limit}"} 1\n`);
  });
});

describe('what is kept', () => {
  test('is counted, for people and in the metrics', async () => {
    const { core, keep, ask, metrics } = await open();
    await keep(6);
    await ask("filename='a' size='5'");
    await ask("filename='a'");
    expect(core.componentStates()).toEqual([{ domain: SERVICE, state: '1 files' }]);
    const text = await metrics.text();
    for (const line of [
      `upload_files{host="${SERVICE}"} 1`,
      `upload_files_bytes{host="${SERVICE}"} 11`,
      `uploads_total{host="${SERVICE}",outcome="stored"} 1`,
      `upload_slots_total{host="${SERVICE}",outcome="given"} 2`,
      `upload_slots_total{host="${SERVICE}",outcome="refused"} 1`,
    ])
      expect(text).toContain(`bosh_${line}\n`);
  });

  test('counts after a restart as well', async () => {
    const storage = Object.assign(new MemoryDriver(), { stop: async () => {} });
    const { home, keep, core } = await open({ account_bytes: 10 }, folder(), storage);
    const id = await keep(6);
    await core.stop();
    const again = await open({ account_bytes: 10 }, home, storage);
    expect((await again.uploads.find(id))?.size).toBe(6);
    expect(refusal(await again.ask("filename='a' size='5'"))[0]).toBe('resource-constraint');
  });

  test('goes with its account, and with nobody else', async () => {
    const { core, enter, keep, uploads, names } = await open();
    const juliet = await enter('juliet');
    const [his, hers] = [await keep(), await keep(5, '', juliet)];
    await core.hosts.get('example.test')?.accounts.delete('romeo');
    expect(await uploads.find(his)).toBeUndefined();
    expect(names()).toEqual([hers]);
  });

  test('of an account that goes while it uploads, nothing is', async () => {
    const { core, ask, shelf, names } = await open();
    const [put] = urls(await ask("filename='a' size='5'")).map(randomOf);
    async function* body() {
      yield Buffer.from('he');
      await core.hosts.get('example.test')?.accounts.delete('romeo');
      yield Buffer.from('llo');
    }
    const outcome = shelf.receive(put, body());
    expect(await outcome).toBe('gone');
    expect([names(), await shelf.slot(put)]).toEqual([[], undefined]);
  });
});
