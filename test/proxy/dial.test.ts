// RFC 8305: whichever address answers first.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Dial, interleave } from '../../src/proxy/dial.js';
import { closedPort } from '../support/xmpp-server.js';

let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer((socket) => socket.on('error', () => {}).end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const dial = (addresses: string[], to = port) =>
  new Promise<Socket>((connected, unconnected) => {
    new Dial(addresses, to, { timeout: 2000, stagger: 10_000 }, { connected, unconnected }).next();
  });
const reason = (work: Promise<unknown>) =>
  work.then(
    () => 'connected',
    (error: { reason: string }) => error.reason,
  );

test('both families take turns, IPv6 first', () => {
  expect(interleave(['1.1.1.1', '2.2.2.2', '::1', '3.3.3.3', '::2'])).toEqual([
    '::1',
    '1.1.1.1',
    '::2',
    '2.2.2.2',
    '3.3.3.3',
  ]);
  expect(interleave([])).toEqual([]);
});

describe('dialling', () => {
  test('an address that refuses is followed by the next at once', async () => {
    const socket = await dial(['127.0.0.2', '127.0.0.1']);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test('when all refuse it is refused', async () => {
    expect(await reason(dial(['127.0.0.1', '127.0.0.2'], await closedPort()))).toBe('refused');
  });

  test('no address is a failure of the DNS', async () => {
    expect(await reason(dial([]))).toBe('dns');
  });

  test('giving up ends it, and nobody is told', async () => {
    const told: string[] = [];
    const arrived = once(server, 'connection');
    const dialled = { connected: () => told.push('connected'), unconnected: () => told.push('unconnected') };
    const given = new Dial(['127.0.0.1'], port, { timeout: 2000 }, dialled);
    given.next();
    given.abort();
    // Those who dial afterwards arrive afterwards.
    (await dial(['127.0.0.1'])).destroy();
    const [first] = (await arrived) as [Socket];
    if (!first.closed) await once(first, 'close');
    expect(told).toEqual([]);
  });
});
