// Files of a server of several processes: workers carry the bytes, the primary process knows what they are.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawHttp } from '../support/http-raw.js';
import { Resident } from '../support/resident.js';
import { DOMAIN, Workers } from '../support/workers.js';

const SERVICE = `upload.${DOMAIN}`;

let workers: Workers;
let romeo: Resident;

beforeAll(async () => {
  workers = await Workers.start(2, { components: { [SERVICE]: { module: 'upload' } } });
  await workers.register('romeo', 'secret');
  romeo = await Resident.enter('tcp', workers.place, { user: 'romeo', password: 'secret' });
});
afterAll(async () => {
  await romeo?.leave();
  await workers?.stop();
});

/** The paths of a place for so many bytes. */
async function slot(size: number): Promise<string[]> {
  const request = `<request xmlns='urn:xmpp:http:upload:0' filename='a' size='${size}'/>`;
  const answer = await romeo.ask('get', request, SERVICE);
  return answer?.child('slot')?.children.map((each) => new URL(each.attr('url') ?? '').pathname) ?? [];
}

/** Each over a connection of its own: workers take them in turn. */
async function ask(head: string, body = ''): Promise<{ status?: number; text?: string }> {
  const client = await RawHttp.connect(workers.server.port);
  const length = head.startsWith('PUT') ? `content-length: ${body.length}\r\n` : '';
  const answer = await client.send(`${head} HTTP/1.1\r\nhost: a\r\n${length}\r\n${body}`).answer();
  client.destroy();
  return { status: answer?.status, text: answer?.text };
}

it('whichever worker took a file, each serves it', async () => {
  const bodies = Array.from({ length: 4 }, (_, i) => `file ${i}`.repeat(10_000));
  for (const body of bodies) {
    const [put, get] = await slot(body.length);
    expect((await ask(`PUT ${put}`, body)).status).toBe(201);
    for (let i = 0; i < 3; i++) expect((await ask(`GET ${get}`)).text === body).toBe(true);
  }
});

it('a slot is used once, whoever is asked', async () => {
  const [put, get] = await slot(5);
  const first = await RawHttp.connect(workers.server.port);
  first.send(`PUT ${put} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhe`);
  // Too short for the slot, which counts only while that is open.
  await expect.poll(async () => (await ask(`PUT ${put}`, 'x')).status, { timeout: 10_000 }).toBe(409);
  expect((await ask(`PUT ${put}`, 'other')).status).toBe(409);
  expect((await first.send('llo').answer())?.status).toBe(201);
  first.destroy();
  for (let i = 0; i < 3; i++) expect((await ask(`PUT ${put}`, 'other')).status).toBe(409);
  expect((await ask(`GET ${get}`)).text).toBe('hello');
});

it('what there is not is nowhere', async () => {
  for (let i = 0; i < 3; i++) {
    expect((await ask(`GET /upload/${'0'.repeat(40)}`)).status).toBe(404);
    expect((await ask(`PUT /upload/${'0'.repeat(40)}`, 'x')).status).toBe(403);
  }
});
