// A component of ours at a server elsewhere: its link over real sockets, and a server that the test speaks for.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Addresses } from '../../src/core/addresses.js';
import { Routed } from '../../src/core/routed.js';
import { ComponentLink } from '../../src/link/component-link.js';
import { TCP_DEFAULTS } from '../../src/tcp/stream.js';
import { StanzaError } from '../../src/xmpp/errors.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { COMPONENT, ComponentServer, proofOf } from '../support/component.js';
import { MemoryLog } from '../support/memory-log.js';
import { News } from '../support/news.js';

const DOMAIN = 'proxy.example.test';
const SECRET = 'sesame';
const addresses = new Addresses();

/** What the link has to do with: it keeps what it hears. */
class Attached {
  readonly addresses = addresses;
  readonly heard: Routed[] = [];
  readonly told: string[] = [];
  refuses: unknown;
  readonly news = new News();

  take(routed: Routed): boolean {
    if (this.refuses !== undefined) throw this.refuses;
    this.heard.push(routed);
    this.news.tell();
    return true;
  }
  up(): void {
    this.told.push('up');
    this.news.tell();
  }
  down(): void {
    this.told.push('down');
    this.news.tell();
  }
}

let server: ComponentServer;
let attached: Attached;
let log: MemoryLog;
let link: ComponentLink;

beforeEach(async () => {
  server = await ComponentServer.start();
  attached = new Attached();
  log = new MemoryLog();
});
afterEach(async () => {
  await link.stop();
  await server.stop();
});

function connect(port = server.port, times = { first: 5, longest: 40, patience: 5000 }) {
  const where = { host: '127.0.0.1', port, secret: SECRET };
  link = new ComponentLink(DOMAIN, where, attached, { log, turn: TCP_DEFAULTS.turn, times });
}

async function connected() {
  connect();
  const connection = await (await server.next()).welcome();
  await attached.news.when(() => attached.told.length > 0);
  return connection;
}

function routed(xml: string): Routed {
  const stanza = Stanza.from(xml);
  const { kind, type, from, to } = stanza;
  if (kind === undefined || from === undefined || to === undefined) throw new Error(xml);
  return new Routed(stanza, kind, type, addresses.read(from), addresses.read(to));
}

const message = (id: string, body = '') =>
  routed(
    `<message xmlns='jabber:client' from='${DOMAIN}' to='romeo@example.test' id='${id}'><body>${body}</body></message>`,
  );

test('it opens the stream, proves that it knows the secret, and carries stanzas both ways', async () => {
  connect();
  const connection = await server.next();
  const { text } = await connection.handshake();
  expect(connection.headers[0].attr('to')).toBe(DOMAIN);
  expect(connection.headers[0].attr('xmlns')).toBe(COMPONENT);
  expect(text).toBe(proofOf(connection.id, SECRET));
  expect(() => link.take(message('0'))).toThrow(StanzaError);
  connection.write('<handshake/>');
  await attached.news.when(() => attached.told.length > 0);
  expect(attached.told).toEqual(['up']);
  link.take(message('1', 'hi'));
  const heard = await connection.stanza('message');
  expect([heard.ns, heard.child('body', COMPONENT)?.text]).toEqual([COMPONENT, 'hi']);
  connection.write(`<presence from='romeo@example.test/orchard' to='${DOMAIN}'/>`);
  await attached.news.when(() => attached.heard.length > 0);
  const [{ kind, from, to, stanza }] = attached.heard;
  expect([kind, `${from}`, `${to}`, stanza.ns]).toEqual([
    'presence',
    'romeo@example.test/orchard',
    DOMAIN,
    'jabber:client',
  ]);
});

test('what the component refuses goes back; its failure is internal-server-error; answers are not answered', async () => {
  const connection = await connected();
  attached.refuses = new StanzaError('cancel', 'item-not-found');
  connection.write(`<iq type='get' id='1' from='romeo@example.test/a' to='${DOMAIN}'><q xmlns='x'/></iq>`);
  const first = await connection.stanza('iq');
  expect([first.attr('to'), first.child('error', COMPONENT)?.children[0].name]).toEqual([
    'romeo@example.test/a',
    'item-not-found',
  ]);
  attached.refuses = new Error('a bug');
  connection.write(`<iq type='result' id='2' from='romeo@example.test/a' to='${DOMAIN}'/>`);
  connection.write(`<iq type='get' id='3' from='romeo@example.test/a' to='${DOMAIN}'><q xmlns='x'/></iq>`);
  const third = await connection.stanza('iq');
  expect([third.attr('id'), third.child('error')?.children[0].name]).toEqual(['3', 'internal-server-error']);
  expect(log.of('component_failed')).toHaveLength(2);
});

describe('a server that does not let it in is asked again, after longer and longer', () => {
  test.each([
    ['a wrong secret', 'not-authorized'],
    ['nobody configured it', 'host-unknown'],
    ['it is there already', 'conflict'],
  ])('%s', async (_, condition) => {
    connect();
    for (let i = 0; i < 4; i++) {
      const connection = await server.next();
      await connection.handshake();
      connection.error(condition);
    }
    const last = await server.next();
    const waits = log.of('component_unattached').map(({ retry_ms }) => Number(retry_ms));
    expect(log.of('component_unattached').map(({ error }) => error)).toEqual(Array(4).fill(condition));
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(Math.min(5 * 2 ** i, 40));
      expect(wait).toBeLessThan(Math.min(5 * 2 ** i, 40) * 2);
    }
    await last.welcome();
    await attached.news.when(() => attached.told.length > 0);
    expect(attached.told).toEqual(['up']);
    last.socket.destroy();
    await server.next();
    expect(log.of('component_unattached').at(-1)?.retry_ms).toBeLessThan(10);
  });

  test('a header in another namespace', async () => {
    server.greets = false;
    connect();
    const connection = await server.next();
    await connection.when(() => connection.headers.length > 0);
    connection.greet('jabber:client');
    await server.next();
    expect(log.of('component_unattached')[0].error).toBe('invalid-namespace');
  });

  test('no answer', async () => {
    server.greets = false;
    connect(server.port, { first: 5, longest: 40, patience: 50 });
    await server.next();
    await server.next();
    expect(log.of('component_unattached')[0].error).toBe('no answer in time');
  });

  test('nobody listens', async () => {
    const { port } = server;
    await server.stop();
    connect(port);
    const refused = () => log.of('component_unattached').length > 2;
    while (!refused()) await new Promise((resolve) => setImmediate(resolve));
    expect(String(log.of('component_unattached')[0].error)).toContain('ECONNREFUSED');
    server = await ComponentServer.start();
  });
});

test('a connection that is lost is made again; meanwhile the component is told, and what it says is refused', async () => {
  const connection = await connected();
  connection.socket.destroy();
  await attached.news.when(() => attached.told.length === 2);
  expect(attached.told).toEqual(['up', 'down']);
  expect(() => link.take(message('1'))).toThrow('not connected');
  const again = await (await server.next()).welcome();
  await attached.news.when(() => attached.told.length === 3);
  link.take(message('2'));
  expect((await again.stanza('message')).attr('id')).toBe('2');
});

test('a server that never reads: what is too much is refused, until it does', async () => {
  const connection = await connected();
  connection.socket.pause();
  const body = 'x'.repeat(60_000);
  let sent = 0;
  const refused = () => {
    try {
      link.take(message(`${sent}`, body));
      sent++;
      return false;
    } catch (error) {
      expect(error).toMatchObject({ condition: 'resource-constraint' });
      return true;
    }
  };
  while (!refused()) await new Promise((resolve) => setImmediate(resolve));
  connection.socket.resume();
  for (let i = 0; i < sent; i++) expect((await connection.stanza('message')).attr('id')).toBe(`${i}`);
  while (refused()) await new Promise((resolve) => setImmediate(resolve));
  await connection.stanza('message');
});

test('stopped, it says goodbye and does not come back', async () => {
  const connection = await connected();
  await link.stop();
  await connection.when(() => connection.ended);
  expect(attached.told).toEqual(['up', 'down']);
  expect(server.connections).toHaveLength(1);
  expect(log.of('component_unattached')).toEqual([]);
});

test('what it says to itself stays with it', async () => {
  await connected();
  link.take(routed(`<message xmlns='jabber:client' from='${DOMAIN}' to='${DOMAIN}/x' id='1'/>`));
  expect(attached.heard.map(({ stanza }) => stanza.id)).toEqual(['1']);
});
