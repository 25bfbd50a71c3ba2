// The built command line on accounts: beside a running server, without one, and with a person at a terminal.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeWith } from '../support/peers/need.js';
import { Running } from '../support/peers/process.js';
import { login } from '../support/sasl.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { WsClient } from '../support/ws-client.js';

const BIN = join(import.meta.dirname, '../../bin/bosh-server.js');

let folder: string;
let config: Readonly<Record<string, unknown>>;
let server: ServerProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bosh-accounts-'));
  config = { domains: { 'example.test': {} }, storage: { driver: 'level', path: join(folder, 'data') } };
  writeFileSync(join(folder, 'bosh.conf.json'), JSON.stringify(config));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** Runs the command with this line on its standard input. */
async function cli(words: readonly string[], line = ''): Promise<{ code: number; said: string }> {
  const child = new Running(process.execPath, [BIN, ...words], { cwd: folder });
  child.write(line);
  await child.exited;
  return { code: await child.stop(), said: child.log };
}

const enter = async (user: string, password: string): Promise<string> =>
  login(await WsClient.open(server?.ws ?? '', 'example.test'), { user, password, resource: 'r' });

const added = { code: 0, said: 'romeo@example.test is added\n' };

test('an account that was added before the server runs can log in; while it runs accounts change at once', async () => {
  expect(await cli(['adduser', 'Romeo@example.test'], 'pencil')).toEqual(added);
  server = await startServer({ config });
  expect(await enter('romeo', 'pencil')).toBe('romeo@example.test/r');
  expect(await cli(['passwd', 'romeo@example.test'], 'ink')).toEqual({
    code: 0,
    said: 'romeo@example.test has a new password\n',
  });
  expect(await enter('romeo', 'ink')).toBe('romeo@example.test/r');
  await expect(enter('romeo', 'pencil')).rejects.toThrow('not-authorized');
  expect(await cli(['disableuser', 'romeo@example.test'])).toEqual({
    code: 0,
    said: 'romeo@example.test is disabled\n',
  });
  await expect(enter('romeo', 'ink')).rejects.toThrow('account-disabled');
  expect(await cli(['enableuser', 'romeo@example.test'])).toEqual({ code: 0, said: 'romeo@example.test is enabled\n' });
  expect(await enter('romeo', 'ink')).toBe('romeo@example.test/r');
  expect(await cli(['adduser', 'juliet@example.test'], 'rose')).toMatchObject({ code: 0 });
  expect(await enter('juliet', 'rose')).toBe('juliet@example.test/r');
  expect(await cli(['deluser', 'romeo@example.test'])).toMatchObject({ code: 0 });
  await expect(enter('romeo', 'ink')).rejects.toThrow('not-authorized');
  expect(server.log()).not.toMatch(/pencil|ink|rose/);
  await server.stop();
  server = undefined;
  expect(await cli(['deluser', 'romeo@example.test'])).toMatchObject({ code: 1 });
  expect(await cli(['deluser', 'juliet@example.test'])).toMatchObject({ code: 0 });
});

test('a server that was killed leaves its socket behind, and commands work all the same', async () => {
  server = await startServer({ config });
  await server.stop('SIGKILL');
  server = undefined;
  expect(await cli(['adduser', 'romeo@example.test'], 'pencil')).toEqual(added);
});

describe('what is wrong is said, with what to do', () => {
  test.each<[string, readonly string[], string, number, string]>([
    ['no address', ['adduser'], '', 2, 'adduser  needs an address\n   fix: write it as in bosh-server adduser romeo@'],
    ['no address of an account', ['passwd', 'example.test'], '', 2, 'example.test  is not the address of an account\n'],
    ['a resource', ['deluser', 'a@example.test/b'], '', 2, 'a@example.test/b  is not the address of an account\n'],
    [
      'a domain of others',
      ['deluser', 'a@b.test'],
      '',
      2,
      'b.test  is no domain that is served here\n   fix: write one',
    ],
    ['too many words', ['deluser', 'a@example.test', 'b'], '', 2, 'b  is more than this command takes\n'],
    ['an empty password', ['adduser', 'a@example.test'], '', 2, 'the password  is empty\n'],
    ['a password of control characters', ['adduser', 'a@example.test'], 'a\u0007', 1, 'the password  is too long, or'],
    ['no account', ['passwd', 'a@example.test'], 'pencil', 1, 'a@example.test  is no account\n   fix: look at'],
    ['a terminal’s orders', ['deluser', 'a\u001b[2J'], '', 2, 'a\ufffd[2J  is not the address'],
    [
      'accounts in memory',
      ['adduser', 'a@example.test', '--storage.driver=memory'],
      '',
      2,
      'storage.driver  is "memory": accounts are gone when the server stops, and no command reaches them\n   fix: keep',
    ],
    ['a wrong option', ['adduser', 'a@example.test', '--prot=1'], '', 2, '--prot  is not a flag\n'],
  ])('%s', async (_, words, line, code, text) => {
    const outcome = await cli(words, line);
    expect(outcome.said).toContain(text);
    expect(outcome.code).toBe(code);
  });

  test('an account that is there', async () => {
    await cli(['adduser', 'romeo@example.test'], 'pencil');
    expect(await cli(['adduser', 'romeo@example.test'], 'pencil')).toEqual({
      code: 1,
      said: 'romeo@example.test  is there already\n   fix: bosh-server passwd romeo@example.test gives it another password\n',
    });
  });

  test('a storage that cannot be had: exit code 4', async () => {
    writeFileSync(join(folder, 'data'), 'a file');
    const { code, said } = await cli(['adduser', 'romeo@example.test'], 'pencil');
    expect([code, said]).toEqual([4, expect.stringContaining('storage.path')]);
  });
});

describeWith(['script'], 'at a terminal', () => {
  /** `script` gives the command a terminal of its own. */
  function typing(): Running {
    const command = `"${process.execPath}" "${BIN}" adduser romeo@example.test`;
    return new Running('script', ['-qefc', command, '/dev/null'], { cwd: folder });
  }

  test('the password is asked twice, and is not shown', async () => {
    const child = typing();
    await child.until(/Password: $/);
    child.write('penxy\b\u007fcil');
    await child.until(/The same again: $/);
    child.write('x\u0015pencil');
    await child.until(/romeo@example\.test is added/);
    expect(await child.exited).toBe(0);
    expect(child.log).not.toMatch(/pen|cil/);
    server = await startServer({ config });
    expect(await enter('romeo', 'pencil')).toBe('romeo@example.test/r');
  });

  test('two that are not the same change nothing', async () => {
    const child = typing();
    await child.until(/Password: $/);
    child.write('pencil');
    await child.until(/The same again: $/);
    child.write('pencils');
    await child.until(/the passwords {2}are not the same/);
    expect(await child.exited).toBe(1);
  });

  test('Ctrl-C breaks it off', async () => {
    const child = typing();
    await child.until(/Password: $/);
    child.write('pen\u0003');
    await child.until(/nothing was changed/);
    expect(await child.exited).toBe(1);
  });
});
