import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from '../../src/control/ask.js';
import { ControlSocket, controlPath } from '../../src/control/socket.js';
import { Accounts } from '../../src/core/accounts.js';
import { Derivation } from '../../src/core/sasl/derivation.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import { MemoryLog } from '../support/memory-log.js';

let folder: string;
let control: ControlSocket | undefined;
let driver: MemoryDriver;
let accounts: Accounts;
let log: MemoryLog;

const listen = (within = folder) =>
  ControlSocket.open(
    within,
    {
      accountsOf: (domain) => (domain === 'example.test' ? accounts : undefined),
      announce: ({ text }) => ({ outcome: 'failed', text: `heard ${text}` }),
    },
    log,
  );

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-control-'));
  log = new MemoryLog();
  driver = new MemoryDriver();
  accounts = new Accounts(driver.open('example.test', 'accounts', 'keyvalue'), new Derivation());
  control = await listen();
});

afterEach(async () => {
  await control?.close();
  rmSync(folder, { recursive: true });
});

const jid = 'User@Example.test';

/** Says these bytes; resolves with all that comes back. */
function raw(bytes: string | Buffer): Promise<string> {
  const socket = connect(controlPath(folder));
  socket.on('error', () => {});
  let said = '';
  socket.on('data', (chunk) => (said += chunk));
  socket.end(bytes);
  return new Promise((resolve) => socket.on('close', () => resolve(said)));
}

test('an account is added, gets another password, and is deleted', async () => {
  const path = controlPath(folder);
  expect(await ask(path, { command: 'adduser', jid, password: 'pencil' })).toEqual({ outcome: 'done' });
  expect(await accounts.verify('user', 'pencil')).toBe(true);
  expect(await ask(path, { command: 'passwd', jid, password: 'ink' })).toEqual({ outcome: 'done' });
  expect(await accounts.verify('user', 'ink')).toBe(true);
  expect(await ask(path, { command: 'deluser', jid })).toEqual({ outcome: 'done' });
  expect(await accounts.exists('user')).toBe(false);
  expect(log.of('account_command')).toEqual([
    { command: 'adduser', account: jid, outcome: 'done' },
    { command: 'passwd', account: jid, outcome: 'done' },
    { command: 'deluser', account: jid, outcome: 'done' },
  ]);
});

test('what is to be announced is told to the one who does it, and the answer is his', async () => {
  const request = { command: 'announce', domain: 'example.test', text: 'News' } as const;
  expect(await ask(controlPath(folder), request)).toEqual({ outcome: 'failed', text: 'heard News' });
  expect(await raw(`${JSON.stringify({ command: 'announce', domain: 'example.test' })}\n`)).toContain('malformed');
});

test('what cannot be done is told', async () => {
  const outcome = async (command: 'adduser' | 'passwd' | 'deluser', address: string, password?: string) =>
    (await ask(controlPath(folder), { command, jid: address, password }))?.outcome;
  expect(await outcome('adduser', jid)).toBe('password');
  expect(await outcome('adduser', jid, 'pencil')).toBe('done');
  expect(await outcome('adduser', jid, 'pencil')).toBe('exists');
  expect(await outcome('passwd', 'other@example.test', 'pencil')).toBe('unknown');
  expect(await outcome('passwd', jid, 'a\u0007b')).toBe('password');
  expect(await outcome('deluser', 'other@example.test')).toBe('unknown');
  expect(await outcome('adduser', 'user@other.test', 'pencil')).toBe('domain');
  expect(await outcome('adduser', 'user@example.test/x', 'pencil')).toBe('malformed');
  expect(await outcome('adduser', 'example.test', 'pencil')).toBe('malformed');
  expect(await outcome('adduser', '@@', 'pencil')).toBe('malformed');
  await driver.stop();
  expect(await outcome('deluser', jid)).toBe('failed');
});

test('it is there for its user only, and what is no request is told so or let go', async () => {
  expect(statSync(controlPath(folder)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['control.sock']);
  for (const line of ['', '{', 'null', '[]', '{"command":"rm"}', '{"command":"adduser"}', '\u0000\u00ff']) {
    expect(await raw(`${line}\n`)).toBe('{"outcome":"malformed"}\n');
  }
  expect(await raw('{"command":"deluser"')).toBe('');
  expect(await raw(Buffer.alloc(100_000, 'x'))).toBe('');
});

test('the password is nowhere in the log', async () => {
  await ask(controlPath(folder), { command: 'adduser', jid, password: 'canary' });
  await raw('{"command":"adduser","password":"canary"}\n');
  expect(log.lines).not.toEqual([]);
  expect(JSON.stringify(log.lines)).not.toContain('canary');
});

test('so many connections at a time; others are let go', async () => {
  const sockets = Array.from({ length: 8 }, () => connect(controlPath(folder)));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const answer = await ask(controlPath(folder), { command: 'deluser', jid });
  expect(answer?.outcome).toBe('failed');
  for (const socket of sockets) socket.destroy();
});

test('when it is closed nobody answers, and a socket that was left behind is taken over', async () => {
  const path = controlPath(folder);
  await control?.close();
  expect(readdirSync(folder)).toEqual([]);
  expect(await ask(path, { command: 'deluser', jid })).toBeUndefined();
  writeFileSync(path, '');
  expect(await ask(path, { command: 'deluser', jid })).toBeUndefined();
  control = await listen();
  expect((await ask(path, { command: 'deluser', jid }))?.outcome).toBe('unknown');
});

test('where it cannot be, the server does without and says so', async () => {
  expect(await listen(join(folder, 'nowhere'))).toBeUndefined();
  expect(await listen(join(folder, 'x'.repeat(120)))).toBeUndefined();
  expect(log.of('control_unavailable')).toHaveLength(2);
});
