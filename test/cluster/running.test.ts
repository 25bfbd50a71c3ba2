// The life of a server of several processes: how it is started, reloaded, looked after and stopped.

import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { BoshSession } from '../support/bosh-client.js';
import { Resident } from '../support/resident.js';
import { login } from '../support/sasl.js';
import { startServer } from '../support/server.js';
import { StubServer } from '../support/stub-server.js';
import { DOMAIN, ended, Workers } from '../support/workers.js';
import { WsClient } from '../support/ws-client.js';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function running(workers = 2, config: Readonly<Record<string, unknown>> = {}): Promise<Workers> {
  const started = await Workers.start(workers, config);
  stops.push(() => started.stop());
  return started;
}

const enter = (workers: Workers) => Resident.enter('websocket', workers.place, { mechanism: 'ANONYMOUS' });
const temporary = () => readdirSync(tmpdir()).filter((name) => name.startsWith('bosh-server-'));

describe('started', () => {
  it('one worker is the server itself', async () => {
    const workers = await running(1);
    expect(workers.told('worker_started')).toEqual([]);
    expect((await workers.metrics()).has('bosh_workers')).toBe(false);
    expect((await BoshSession.create(workers.server.bosh, DOMAIN)).sid).toMatch(/^0-/);
  });

  it('at a port that is taken, it says so and ends with 4, and no process stays', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const config = { domains: { [DOMAIN]: {} }, workers: 2 };
    const server = await startServer({ config, flags: [`--port=${port}`] }).catch((error: Error) => error.message);
    expect(server).toContain(`port  ${port} on 127.0.0.1 is in use`);
    taken.close();
  });

  it('all are behind the port, and no folder stays when it stops', async () => {
    const before = temporary();
    const workers = await Workers.start(3);
    const sids = await Promise.all(Array.from({ length: 9 }, () => BoshSession.create(workers.server.bosh, DOMAIN)));
    expect(new Set(sids.map(({ sid }) => sid.split('-')[0]))).toEqual(new Set(['1', '2', '3']));
    expect(await workers.stop()).toBe(0);
    expect(temporary().filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('reloaded', () => {
  it('all take the new configuration, and nobody has to go', async () => {
    const workers = await running();
    const residents = await Promise.all(Array.from({ length: 4 }, () => enter(workers)));
    workers.configure({
      domains: { [DOMAIN]: { auth: { anonymous: true } }, 'new.example': { auth: { anonymous: true } } },
    });
    workers.hup();
    await workers.tells('config_reloaded');
    for (let at = 0; at < 4; at++) {
      const client = await WsClient.open(workers.server.ws, 'new.example');
      expect((await client.features()).name).toBe('features');
      client.cut();
    }
    for (const resident of residents) expect(await resident.ping()).toBe(true);
    expect((await workers.metrics()).get('bosh_config_last_reload_success')).toBe(1);
  });

  it('a wrong configuration changes none of them', async () => {
    const workers = await running();
    workers.configure({ domains: { [DOMAIN]: { modules: ['no-such-module'] } } });
    workers.hup();
    await workers.tells('config_rejected');
    for (let at = 0; at < 4; at++) await (await enter(workers)).leave();
    expect((await workers.metrics()).get('bosh_config_last_reload_success')).toBe(0);
  });

  it('a worker that starts later has the new one', async () => {
    const workers = await running();
    workers.configure({ domains: { 'new.example': { auth: { anonymous: true } } } });
    workers.hup();
    await workers.tells('config_reloaded');
    process.kill(workers.pid(1), 'SIGKILL');
    process.kill(workers.pid(2), 'SIGKILL');
    await workers.tells('worker_started', 4);
    for (let at = 0; at < 4; at++) {
      const client = await WsClient.open(workers.server.ws, 'new.example');
      expect((await client.features()).name).toBe('features');
      client.cut();
    }
  });
});

describe('stopped', () => {
  it('by SIGTERM to all its processes, as a service manager sends it, every client is told, and it ends with 0', async () => {
    const workers = await Workers.start(2);
    const session = () => BoshSession.create(workers.server.bosh, DOMAIN, { wait: 30 });
    const sessions = await Promise.all(Array.from({ length: 4 }, session));
    for (const each of sessions) await each.features();
    const held = sessions.map((each) => each.send());
    const sockets = await Promise.all(Array.from({ length: 4 }, () => WsClient.open(workers.server.ws, DOMAIN)));
    for (const socket of sockets) await socket.features();
    const pids = [1, 2].map((worker) => workers.pid(worker));
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    const code = workers.stop('SIGTERM');
    for (const answer of await Promise.all(held)) expect(answer.verdict).toBe('terminate system-shutdown');
    for (const socket of sockets) {
      expect((await socket.next()).child('system-shutdown')).toBeDefined();
      expect(await socket.closed).toBe(1001);
    }
    expect(await code).toBe(0);
    for (const pid of pids) await ended(pid);
    expect(workers.told('worker_lost')).toEqual([]);
  });

  it('while a worker is stopped by its debugger, it ends all the same', async () => {
    const workers = await Workers.start(2, { drain: { timeout: 1 } });
    process.kill(workers.pid(1), 'SIGSTOP');
    expect(await workers.stop()).toBe(0);
    await ended(workers.pid(1));
  });
});

describe('looked after', () => {
  it('a worker that hangs is replaced; what it carried is lost, and forwarded requests are told', async () => {
    const workers = await running();
    const residents = await Promise.all(Array.from({ length: 4 }, () => enter(workers)));
    const create = () => BoshSession.create(workers.server.bosh, DOMAIN, { wait: 60 });
    const sessions = await Promise.all(Array.from({ length: 4 }, create));
    const stuck = sessions.filter(({ sid }) => sid.startsWith('1-'));
    process.kill(workers.pid(1), 'SIGSTOP');
    // Over connections to both: those to the one that hangs get no answer.
    const verdicts = stuck.flatMap((session) =>
      Array.from({ length: 3 }, () =>
        session
          .send()
          .then(({ verdict }) => verdict)
          .catch(() => 'cut'),
      ),
    );
    await workers.tells('worker_hung');
    for (const verdict of await Promise.all(verdicts)) expect(verdict).toMatch(/^(cut|terminate item-not-found)$/);
    await workers.tells('worker_started', 3);
    const left = await Promise.all(residents.map((resident) => resident.ping()));
    expect(new Set(left)).toEqual(new Set([true, false]));
    expect(workers.told('worker_lost')).toMatchObject([{ worker: 1, signal: 'SIGKILL' }]);
  }, 40_000);

  it('without the first process, the workers end', async () => {
    const workers = await Workers.start(2);
    const resident = await enter(workers);
    const pids = [1, 2].map((worker) => workers.pid(worker));
    process.kill(workers.server.process.pid, 'SIGKILL');
    for (const pid of pids) await ended(pid);
    expect(await resident.ping()).toBe(false);
    await workers.stop();
  });

  it('what the counters of a dead worker said stays in the sum', async () => {
    const workers = await running();
    const residents = await Promise.all(Array.from({ length: 6 }, () => enter(workers)));
    const created = `bosh_sessions_created_total{transport="websocket",host="${DOMAIN}"}`;
    const before = await workers.metrics();
    expect(before.get(created)).toBe(6);
    process.kill(workers.pid(1), 'SIGKILL');
    process.kill(workers.pid(2), 'SIGKILL');
    await workers.tells('worker_started', 4);
    const after = await workers.metrics();
    expect(after.get(created)).toBe(6);
    expect(after.get('bosh_ws_connections')).toBe(0);
    expect(after.get('bosh_ws_ping_rtt_seconds_count')).toBe(before.get('bosh_ws_ping_rtt_seconds_count'));
    for (const resident of residents) await resident.ping();
    expect(residents.every(({ gone }) => gone)).toBe(true);
  });

  it('a server elsewhere sees the clients of a dead worker as lost, and no others', async () => {
    const stub = await StubServer.start();
    stops.push(() => stub.stop());
    const upstreams = { 'elsewhere.example': { host: '127.0.0.1', port: stub.port, tls: 'none' } };
    const workers = await running(2, { upstreams });
    const clients = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = await WsClient.open(workers.server.ws, 'elsewhere.example');
        return { client, backend: stub.find(await login(client, { user: 'romeo', password: 'secret' })) };
      }),
    );
    process.kill(workers.pid(1), 'SIGKILL');
    await Promise.race(clients.map(({ client }) => client.closed));
    await workers.tells('worker_started', 3);
    const gone = clients.filter(({ client }) => client.socket.readyState === client.socket.CLOSED);
    expect([gone.length > 0, gone.length < 4]).toEqual([true, true]);
    for (const { backend } of gone) expect(await backend.end).toBe('lost');
    for (const { client, backend } of clients.filter((each) => !gone.includes(each))) {
      backend.write('<message><body>still here</body></message>');
      await client.receive((element) => element.textOf('body') === 'still here');
    }
  });
});

it('an address has no more sessions than it may in all workers together', async () => {
  const limits = { sessions_per_address: 5, creation_burst: 100 };
  const workers = await running(3, { trusted_proxies: [], limits });
  const open = async () => {
    const client = await WsClient.open(workers.server.ws, DOMAIN);
    const first = await client.receive(({ name }) => name !== 'open');
    return first.name;
  };
  const names: string[] = [];
  for (let at = 0; at < 9; at++) names.push(await open());
  expect(names.filter((name) => name === 'features')).toHaveLength(5);
});
