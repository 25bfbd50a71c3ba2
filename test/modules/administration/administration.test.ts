import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { moduleOptions } from '../../../src/config/modules.js';
import type { DomainOptions } from '../../../src/core/options.js';
import { administration } from '../../../src/modules/administration/administration.js';
import { commands } from '../../../src/modules/commands/commands.js';
import { disco } from '../../../src/modules/disco.js';
import { last } from '../../../src/modules/last.js';
import { presence } from '../../../src/modules/presence.js';
import { register } from '../../../src/modules/register.js';
import { roster } from '../../../src/modules/roster.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { type Driver, StoreError } from '../../../src/storage/store.js';
import {
  ADMIN,
  COMMANDS,
  command,
  conditionsOf,
  errorText,
  type Filled,
  run,
  sessionOf,
  statusOf,
  submit,
  told,
} from '../../support/commands.js';
import { CoreClient, conditionOf, DOMAIN, OPTIONS, testCore } from '../../support/core.js';
import type { Xml } from '../../support/xml.js';

const HOST = 'example.test';
const MODULES = [roster, presence, disco, commands, administration, last, register];
const at = (username: string) => `${username}@${HOST}`;

async function stage({
  max_items = 1000,
  storage,
  ...domain
}: Partial<DomainOptions> & { max_items?: number; storage?: Driver } = {}) {
  const options = { ...moduleOptions.default, administration: { max_items } };
  const said = { ...DOMAIN, admins: ['Bard@Example.test', 'remote@other.test'], options, ...domain };
  const tested = testCore(MODULES, { domains: { [HOST]: said, 'other.test': DOMAIN } }, storage);
  const host = tested.core.hosts.get(HOST);
  if (host === undefined) throw new Error('no host');
  const enter = (user: string, resource?: string) => new CoreClient(tested.core).enter(user, resource);
  const bard = await enter('bard');
  /** As an admin. */
  const tell = (name: string, fields: Filled = {}) => run(bard, `${ADMIN}#${name}`, fields);
  return { ...tested, host, accounts: host.accounts, enter, bard, tell };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const notes = (answer: Xml) =>
  (answer.child('command')?.children ?? [])
    .filter(({ name }) => name === 'note')
    .map((note) => [note.attr('type'), note.text]);

/** Refuses to change what is kept under this key. */
function failing(key: string, condition: 'full' | 'failed' = 'failed'): Driver {
  const driver = new MemoryDriver();
  const open: Driver['open'] = (host, store, kind) => {
    const opened = driver.open(host, store, kind);
    if (store !== 'accounts' || kind !== 'keyvalue') return opened;
    const kept = driver.open(host, store, 'keyvalue');
    const update: typeof kept.update = (name, change) =>
      name === key && refuses ? Promise.reject(new StoreError(condition, 'no')) : kept.update(name, change);
    return { ...methodsOf(kept), update } as typeof opened;
  };
  let refuses = false;
  return Object.assign(Object.create(driver), { open, refuse: () => (refuses = true) });
}

const methodsOf = (store: ReturnType<typeof keyvalue>) => ({
  get: store.get.bind(store),
  set: store.set.bind(store),
  keys: store.keys.bind(store),
});
const keyvalue = () => new MemoryDriver().open('', '', 'keyvalue');

const OFFERED = [
  'add-user',
  'delete-user',
  'disable-user',
  'reenable-user',
  'end-user-session',
  'change-user-password',
  'get-user-roster',
  'get-user-lastlogin',
  'user-stats',
  'get-registered-users-num',
  'get-registered-users-list',
  'get-disabled-users-num',
  'get-disabled-users-list',
  'get-online-users-num',
  'get-online-users-list',
];

describe('XEP-0133 3: who sees what', () => {
  const list = async (client: CoreClient) =>
    (
      await client.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`, HOST)
    ).children[0].children.map((item) => item.attr('node'));

  test('admins see the commands, others see none and may run none', async () => {
    const { bard, enter } = await stage();
    expect(await list(bard)).toEqual(OFFERED.map((name) => `${ADMIN}#${name}`));
    const romeo = await enter('romeo');
    expect(await list(romeo)).toEqual([]);
    for (const name of OFFERED)
      expect(conditionsOf(await command(romeo, `${ADMIN}#${name}`)), name).toEqual(['forbidden']);
  });

  test('nobody is an admin by the resource, or by saying so', async () => {
    const { enter } = await stage();
    const romeo = await enter('romeo', at('bard'));
    expect(await list(romeo)).toEqual([]);
    romeo.say(
      `<iq xmlns='jabber:client' type='set' id='f' to='${HOST}' from='${at('bard')}'><command xmlns='${COMMANDS}' node='${ADMIN}#get-online-users-num'/></iq>`,
    );
    expect(romeo.ending?.error?.condition).toBe('invalid-from');
  });

  test('who is no admin any more does not finish what he began', async () => {
    const { core, bard, accounts } = await stage();
    const sessionid = sessionOf(await command(bard, `${ADMIN}#delete-user`));
    await accounts.create('romeo', 'secret');
    const domains = { [HOST]: { ...DOMAIN, options: moduleOptions.default } };
    core.reload({ ...OPTIONS, domains });
    const inside = submit({ accountjids: at('romeo') });
    expect(conditionsOf(await command(bard, `${ADMIN}#delete-user`, { sessionid, inside }))).toEqual(['forbidden']);
    expect(await accounts.exists('romeo')).toBe(true);
  });

  test('the name of an admin is not for whoever registers first', async () => {
    const { core, accounts } = await stage({ auth: { anonymous: true, register: true } });
    await accounts.delete('bard');
    const client = new CoreClient(core);
    await client.when(() => client.stanzas.length > 0);
    const query = (name: string) =>
      `<query xmlns='jabber:iq:register'><username>${name}</username><password>secret</password></query>`;
    expect(conditionOf(await client.ask('set', query('BARD')))).toBe('conflict');
    expect(conditionOf(await client.ask('set', query('romeo')))).toBeUndefined();
  });
});

describe('XEP-0133 4.1 to 4.7: changing accounts', () => {
  const romeo = { accountjid: at('Romeo'), password: 'pencil', 'password-verify': 'pencil' };

  test('4.1 an account is added', async () => {
    const { tell, accounts, log } = await stage();
    expect(statusOf(await tell('add-user', romeo))).toBe('completed');
    expect(await accounts.verify('romeo', 'pencil')).toBe(true);
    expect(log.of('admin_command')).toEqual([{ command: 'add-user', by: at('bard'), accounts: ['romeo'] }]);
    expect(JSON.stringify(log.lines)).not.toContain('pencil');
  });

  test.each<[string, Filled, string[], string]>([
    ['no password', { ...romeo, password: '' }, ['bad-request', 'bad-payload'], 'password: is missing'],
    [
      'two passwords',
      { ...romeo, 'password-verify': 'ink' },
      ['bad-request', 'bad-payload'],
      'password-verify: is not the same as password',
    ],
    [
      'another domain',
      { ...romeo, accountjid: 'romeo@other.test' },
      ['bad-request', 'bad-payload'],
      'accountjid: romeo@other.test is of another domain',
    ],
    [
      'a client',
      { ...romeo, accountjid: `${at('romeo')}/x` },
      ['bad-request', 'bad-payload'],
      `accountjid: ${at('romeo')}/x is a client, not an account`,
    ],
    ['the domain', { ...romeo, accountjid: HOST }, ['bad-request', 'bad-payload'], `accountjid: ${HOST} is no account`],
    [
      'a password that cannot be typed',
      { ...romeo, password: 'a&#x200B;', 'password-verify': 'a&#x200B;' },
      ['bad-request', 'bad-payload'],
      'password: is too long, or has characters that cannot be typed everywhere',
    ],
    ['an account that is there', { ...romeo, accountjid: at('bard') }, ['conflict'], 'there is an account bard'],
  ])('4.1 %s is refused', async (_, fields, conditions, text) => {
    const { tell, accounts } = await stage();
    const answer = await tell('add-user', fields);
    expect([conditionsOf(answer), errorText(answer)]).toEqual([conditions, text]);
    expect(await accounts.exists('romeo')).toBe(false);
  });

  test('4.1 4.7 where somebody may read along no password is taken', async () => {
    const { core } = await stage();
    const bard = await Object.assign(new CoreClient(core), { secure: false }).enter('bard', 'plain');
    for (const name of ['add-user', 'change-user-password'])
      expect(conditionsOf(await command(bard, `${ADMIN}#${name}`))).toEqual(['not-authorized']);
  });

  test('4.2 accounts are deleted, and who uses them is gone', async () => {
    const { tell, accounts, enter } = await stage();
    const [one, two] = [await enter('romeo'), await enter('juliet')];
    const answer = await tell('delete-user', { accountjids: [at('romeo'), ` ${at('JULIET')} `, at('romeo')] });
    expect(notes(answer)).toEqual([['info', 'done for 2 accounts']]);
    expect([one, two].map(({ ending }) => ending?.error?.condition)).toEqual(['not-authorized', 'not-authorized']);
    expect([await accounts.exists('romeo'), await accounts.exists('juliet')]).toEqual([false, false]);
  });

  test('4.2 4.3 one that is not there keeps all from being done; nobody locks himself out', async () => {
    const { tell, accounts } = await stage();
    await accounts.create('romeo', 'secret');
    for (const name of ['delete-user', 'disable-user', 'reenable-user']) {
      const unknown = await tell(name, { accountjids: [at('romeo'), at('nobody')] });
      expect([conditionsOf(unknown), errorText(unknown)]).toEqual([['item-not-found'], 'there is no account nobody']);
      expect(conditionsOf(await tell(name, { accountjids: [at('romeo'), at('bard')] }))).toEqual(['not-allowed']);
    }
    expect([await accounts.standing('romeo'), await accounts.standing('bard')]).toEqual(['enabled', 'enabled']);
  });

  test('4.3 4.4 accounts are disabled, and enabled again; nothing of theirs is lost', async () => {
    const { tell, accounts, enter } = await stage();
    const romeo = await enter('romeo');
    await tell('disable-user', { accountjids: at('romeo') });
    expect(romeo.ending?.error?.condition).toBe('not-authorized');
    expect(await accounts.standing('romeo')).toBe('disabled');
    await tell('reenable-user', { accountjids: at('romeo') });
    expect([await accounts.standing('romeo'), await accounts.verify('romeo', 'secret')]).toEqual(['enabled', true]);
  });

  test('4.2 a store that fails in the middle: what was done is told, and what was not', async () => {
    const storage = failing('juliet') as Driver & { refuse(): void };
    const { tell, accounts } = await stage({ storage });
    for (const name of ['romeo', 'juliet', 'nurse']) await accounts.create(name, 'secret');
    storage.refuse();
    const answer = await tell('delete-user', { accountjids: ['romeo', 'juliet', 'nurse'].map(at) });
    expect(notes(answer)).toEqual([
      ['info', 'done for 2 accounts'],
      ['error', 'juliet: it could not be stored'],
    ]);
    expect([await accounts.exists('romeo'), await accounts.exists('juliet'), await accounts.exists('nurse')]).toEqual([
      false,
      true,
      false,
    ]);
    expect(conditionsOf(await tell('delete-user', { accountjids: at('juliet') }))).toEqual(['internal-server-error']);
  });

  test('4.1 a store that is full is not the fault of the admin, who may try again', async () => {
    const storage = failing('romeo', 'full') as Driver & { refuse(): void };
    const { tell } = await stage({ storage });
    storage.refuse();
    expect(conditionsOf(await tell('add-user', romeo))).toEqual(['resource-constraint']);
  });

  test('4.5 all sessions of an account end, or one of them', async () => {
    const { tell, enter, bard } = await stage();
    const [one, two, other] = [await enter('romeo', 'a'), await enter('romeo', 'b'), await enter('juliet')];
    expect(notes(await tell('end-user-session', { accountjids: `${at('romeo')}/a` }))).toEqual([
      ['info', '1 sessions are ended'],
    ]);
    await one.when(() => one.ending !== undefined);
    expect([two.ending, other.ending]).toEqual([undefined, undefined]);
    await tell('end-user-session', { accountjids: [at('romeo'), at('juliet'), at('bard')] });
    await other.when(() => [two, other, bard].every(({ ending }) => ending !== undefined));
  });

  test('4.7 an account gets another password', async () => {
    const { tell, accounts } = await stage();
    await accounts.create('romeo', 'pencil');
    const { accountjid } = romeo;
    expect(statusOf(await tell('change-user-password', { accountjid, password: 'ink' }))).toBe('completed');
    expect(await accounts.verify('romeo', 'ink')).toBe(true);
    const nobody = { accountjid: at('nobody'), password: 'ink' };
    expect(conditionsOf(await tell('change-user-password', nobody))).toEqual(['item-not-found']);
  });

  test('a command changes only so many accounts', async () => {
    const { tell } = await stage({ max_items: 2 });
    expect(errorText(await tell('disable-user', { accountjids: ['a', 'b', 'c'].map(at) }))).toBe(
      'accountjids: has at most 2 values',
    );
  });
});

describe('XEP-0133 4.6 and 4.8 to 4.20: asking', () => {
  test('4.6 what a password is nobody is told', async () => {
    const { tell } = await stage();
    expect(conditionsOf(await tell('get-user-password', { accountjid: at('bard') }))).toEqual(['item-not-found']);
  });

  test('4.8 the contacts of an account', async () => {
    const { tell, enter } = await stage();
    const romeo = await enter('romeo');
    await romeo.ask('set', "<query xmlns='jabber:iq:roster'><item jid='juliet@example.test' name='Jule'/></query>");
    const answer = await tell('get-user-roster', { accountjids: at('romeo') });
    const query = answer.child('command')?.child('x')?.child('query');
    expect(query?.children.map((item) => [item.attr('jid'), item.attr('name')])).toEqual([
      ['juliet@example.test', 'Jule'],
    ]);
    expect(told(answer, 'accountjids')).toEqual([at('romeo')]);
    expect(conditionsOf(await tell('get-user-roster', { accountjids: at('nobody') }))).toEqual(['item-not-found']);
  });

  test('4.9 when an account was last used: since when it is there, or until when it was', async () => {
    const { tell, enter, accounts, host } = await stage();
    await accounts.create('nurse', 'secret');
    const asking = (name: string) => tell('get-user-lastlogin', { accountjids: at(name) });
    expect(notes(await asking('nurse'))).toEqual([['info', 'it is not known to have been used']]);
    vi.setSystemTime('2026-01-01T12:00:00Z');
    const romeo = await enter('romeo');
    vi.setSystemTime('2026-01-01T13:00:00Z');
    expect(told(await asking('romeo'), 'lastlogin')).toEqual(['2026-01-01T12:00:00Z']);
    romeo.end.close({ how: 'closed' });
    // A change that is asked for later is made later.
    await host.deps.storage.open(HOST, 'last', 'keyvalue').update('romeo', (there) => there);
    vi.setSystemTime('2026-01-01T14:00:00Z');
    expect(told(await asking('romeo'), 'lastlogin')).toEqual(['2026-01-01T13:00:00Z']);
  });

  test('4.10 statistics of an account', async () => {
    const { tell, enter } = await stage();
    const romeo = await enter('romeo', 'garden');
    await romeo.ask('set', "<query xmlns='jabber:iq:roster'><item jid='juliet@example.test'/></query>");
    const answer = await tell('user-stats', { accountjid: at('romeo') });
    expect(told(answer, 'rostersize')).toEqual(['1']);
    expect(told(answer, 'onlineresources')).toEqual(['garden']);
    expect(told(answer, 'ipaddresses')).toEqual([romeo.remoteAddress]);
  });

  test('4.13 to 4.15 how many there are', async () => {
    const { tell, accounts, enter } = await stage();
    await enter('romeo', 'a');
    await enter('romeo', 'b');
    for (const name of ['juliet', 'nurse']) await accounts.create(name, 'secret');
    await accounts.disable('nurse');
    const num = async (which: string) => told(await tell(`get-${which}-users-num`), `${which}usersnum`);
    expect([await num('registered'), await num('disabled'), await num('online')]).toEqual([['4'], ['1'], ['2']]);
  });

  test('4.18 to 4.20 who they are, as many as are wanted and allowed', async () => {
    const { tell, accounts } = await stage({ max_items: 30 });
    const store = accounts;
    await store.create('nurse', 'secret');
    await store.disable('nurse');
    const list = async (which: string, max_items: string) => {
      const answer = await tell(`get-${which}-users-list`, { max_items });
      return [told(answer, `${which}userjids`), notes(answer)];
    };
    expect(await list('disabled', 'none')).toEqual([[at('nurse')], []]);
    expect(await list('online', '25')).toEqual([[at('bard')], []]);
    const [all] = await list('registered', '100');
    expect((all as string[]).sort()).toEqual([at('bard'), at('nurse')]);
    expect(errorText(await tell('get-online-users-list', { max_items: '7' }))).toBe(
      'max_items: is none of what can be chosen',
    );
  });

  test('4.18 a list that is cut off says so', async () => {
    const { tell, host } = await stage({ max_items: 30 });
    const store = host.deps.storage.open(HOST, 'accounts', 'keyvalue');
    const record = await store.get('bard');
    for (let n = 0; n < 40; n++) await store.set(`user${n}`, record);
    const count = async (max_items: string) => {
      const answer = await tell('get-registered-users-list', { max_items });
      return [told(answer, 'registereduserjids')?.length, ...notes(answer)];
    };
    expect(await count('25')).toEqual([25, ['warn', 'there are more than these 25']]);
    expect(await count('none')).toEqual([30, ['warn', 'there are more than these 30']]);
  });
});
