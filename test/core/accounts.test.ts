import { expect, test } from 'vitest';
import { AccountError, Accounts } from '../../src/core/accounts.js';
import { Derivation } from '../../src/core/sasl/derivation.js';
import { HASHES } from '../../src/core/sasl/mechanism.js';
import { MemoryDriver } from '../../src/storage/memory.js';

function opened() {
  const driver = new MemoryDriver();
  const store = driver.open('example.test', 'accounts', 'keyvalue');
  return { driver, store, accounts: new Accounts(store, new Derivation()) };
}

const reason = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error) => (error instanceof AccountError ? error.reason : Promise.reject(error)),
  );

test('an account is created, verified, given another password, and deleted', async () => {
  const { accounts } = opened();
  await accounts.create('user', 'pencil');
  expect(await accounts.exists('user')).toBe(true);
  expect(await accounts.verify('user', 'pencil')).toBe(true);
  expect(await accounts.verify('user', 'Pencil')).toBe(false);
  await accounts.setPassword('user', 'ink');
  expect(await accounts.verify('user', 'pencil')).toBe(false);
  expect(await accounts.verify('user', 'ink')).toBe(true);
  await accounts.delete('user');
  expect(await accounts.exists('user')).toBe(false);
  expect(await accounts.verify('user', 'ink')).toBe(false);
});

test('what is there already or is not there is said, and changes nothing', async () => {
  const { accounts } = opened();
  await accounts.create('user', 'pencil');
  expect(await reason(accounts.create('user', 'ink'))).toBe('exists');
  expect(await reason(accounts.setPassword('nobody', 'ink'))).toBe('unknown');
  expect(await reason(accounts.delete('nobody'))).toBe('unknown');
  expect(await reason(accounts.create('other', ''))).toBe('password');
  expect(await reason(accounts.setPassword('user', 'a\tb'))).toBe('password');
  expect(await reason(accounts.setPassword('user', 'x'.repeat(1024)))).toBe('password');
  expect(await accounts.verify('user', 'pencil')).toBe(true);
  const usernames: string[] = [];
  for await (const username of accounts.usernames()) usernames.push(username);
  expect(usernames).toEqual(['user']);
});

test('of two who create the same account at once, one does', async () => {
  const { accounts } = opened();
  const outcomes = await Promise.all(['pencil', 'ink'].map((password) => reason(accounts.create('user', password))));
  expect(outcomes.sort()).toEqual(['done', 'exists']);
});

test('an account that was deleted while its password was changed stays away', async () => {
  const { accounts } = opened();
  await accounts.create('user', 'pencil');
  const changed = reason(accounts.setPassword('user', 'ink'));
  await accounts.delete('user');
  expect(await changed).toBe('unknown');
  expect(await accounts.exists('user')).toBe(false);
});

test('no password is kept, and nothing that is the same for two accounts with the same password', async () => {
  const { accounts, store } = opened();
  await accounts.create('user', 'canary-pencil');
  await accounts.create('other', 'canary-pencil');
  const [one, other] = [JSON.stringify(await store.get('user')), JSON.stringify(await store.get('other'))];
  for (const text of [one, other]) {
    expect(text).not.toContain('canary');
    expect(text).not.toContain(Buffer.from('canary-pencil').toString('base64').slice(0, 8));
  }
  const values = (text: string) => text.match(/[A-Za-z0-9+/]{20,}=*/g) ?? [];
  expect(values(one)).toHaveLength(9);
  expect(new Set([...values(one), ...values(other)]).size).toBe(18);
});

test('at least 10 000 iterations are kept', async () => {
  const { accounts, store } = opened();
  await accounts.create('user', 'pencil');
  for (const hash of HASHES) {
    expect((await accounts.credentials('user', hash)).iterations).toBeGreaterThanOrEqual(10_000);
  }
  expect(() => new Accounts(store, new Derivation(), 4096)).toThrow(RangeError);
});

test('made-up keys look like real ones, and are the same after a restart', async () => {
  const { accounts, store } = opened();
  await accounts.create('user', 'pencil');
  for (const hash of HASHES) {
    const [real, made] = [await accounts.credentials('user', hash), await accounts.credentials('nobody', hash)];
    expect([real.known, made.known]).toEqual([true, false]);
    expect([made.salt.length, made.iterations]).toEqual([real.salt.length, real.iterations]);
    expect([made.storedKey.length, made.serverKey.length]).toEqual([real.storedKey.length, real.serverKey.length]);
    expect(await new Accounts(store, new Derivation()).credentials('nobody', hash)).toEqual(made);
    expect(await opened().accounts.credentials('nobody', hash)).not.toEqual(made);
  }
});

test('who wants to know hears of a deletion, and it is over when they are done', async () => {
  const { accounts } = opened();
  const told: string[] = [];
  const forget = accounts.onDelete((username) => void told.push(`forgotten ${username}`));
  accounts.onDelete(async (username) => {
    expect(await accounts.exists(username)).toBe(false);
    told.push(username);
  });
  forget();
  await accounts.create('user', 'pencil');
  told.length = 0;
  await accounts.delete('user');
  expect(told).toEqual(['user']);
});

test('one that fails at a deletion keeps no other from it, and is told', async () => {
  const { accounts } = opened();
  const told: string[] = [];
  await accounts.create('user', 'pencil');
  accounts.onDelete(() => {
    throw new Error('broken');
  });
  accounts.onDelete((username) => void told.push(username));
  await expect(accounts.delete('user')).rejects.toThrow(AggregateError);
  expect(told).toEqual(['user']);
  expect(await accounts.exists('user')).toBe(false);
});

test('an account is made only when nothing is left of one that was not deleted as a whole', async () => {
  const { accounts } = opened();
  const left = new Set(['user']);
  let broken = true;
  accounts.onDelete(async (username) => {
    if (broken) throw new Error('broken');
    left.delete(username);
  });
  await expect(accounts.create('user', 'pencil')).rejects.toThrow('broken');
  expect(await accounts.exists('user')).toBe(false);
  broken = false;
  const both = await Promise.allSettled([accounts.create('user', 'pencil'), accounts.create('user', 'brush')]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(left).toEqual(new Set());
});

test('keys that cannot be read are an error of the store', async () => {
  const { accounts, store } = opened();
  await store.set('user', { scram: { 'sha-256': { salt: 1 } } });
  await expect(accounts.verify('user', 'pencil')).rejects.toMatchObject({ name: 'StoreError' });
});

test('an account that is disabled says so, keeps its password and may be enabled again', async () => {
  const { accounts } = opened();
  const told: string[] = [];
  const undo = accounts.onDisable((username) => void told.push(username));
  await accounts.create('user', 'pencil');
  await accounts.create('other', 'pencil');
  expect(await accounts.standing('user')).toBe('enabled');
  await accounts.disable('user');
  expect([await accounts.standing('user'), await accounts.exists('user')]).toEqual(['disabled', true]);
  await accounts.setPassword('user', 'ink');
  expect(await accounts.standing('user')).toBe('disabled');
  const disabled: string[] = [];
  for await (const username of accounts.disabled()) disabled.push(username);
  expect(disabled).toEqual(['user']);
  await accounts.enable('user');
  expect([await accounts.standing('user'), await accounts.verify('user', 'ink')]).toEqual(['enabled', true]);
  undo();
  await accounts.disable('other');
  expect(told).toEqual(['user']);
});

test('what is not there is neither disabled nor enabled, and one that was disabled may be deleted and made anew', async () => {
  const { accounts } = opened();
  expect(await accounts.standing('user')).toBeUndefined();
  expect(await reason(accounts.disable('user'))).toBe('unknown');
  expect(await reason(accounts.enable('user'))).toBe('unknown');
  await accounts.create('user', 'pencil');
  await accounts.disable('user');
  await accounts.delete('user');
  await accounts.create('user', 'pencil');
  expect(await accounts.standing('user')).toBe('enabled');
});
