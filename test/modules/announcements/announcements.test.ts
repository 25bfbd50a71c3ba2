import { afterEach, describe, expect, test, vi } from 'vitest';
import { moduleOptions } from '../../../src/config/modules.js';
import type { Halt } from '../../../src/core/host.js';
import { administration } from '../../../src/modules/administration/administration.js';
import { announcements } from '../../../src/modules/announcements/announcements.js';
import { commands } from '../../../src/modules/commands/commands.js';
import { disco } from '../../../src/modules/disco.js';
import { message } from '../../../src/modules/message.js';
import { offline } from '../../../src/modules/offline.js';
import { presence } from '../../../src/modules/presence.js';
import { roster } from '../../../src/modules/roster.js';
import { MemoryDriver } from '../../../src/storage/memory.js';
import { type Driver, StoreError } from '../../../src/storage/store.js';
import { ADMIN, command, conditionsOf, errorText, run, statusOf, told } from '../../support/commands.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../../support/core.js';
import { parseXml, type Xml } from '../../support/xml.js';

const HOST = 'example.test';
const MODULES = [roster, presence, message, offline, disco, commands, administration, announcements];
const MESSAGE = '<message';

type Options = Partial<(typeof moduleOptions.default)['announcements']>;

const domainsWith = (options: Options) => ({
  [HOST]: {
    ...DOMAIN,
    admins: [`bard@${HOST}`],
    options: { ...moduleOptions.default, announcements: { ...moduleOptions.default.announcements, ...options } },
  },
});

async function stage(options: Options = {}, storage: Driver = new MemoryDriver()) {
  const tested = testCore(MODULES, { domains: domainsWith(options) }, storage);
  const host = tested.core.hosts.get(HOST);
  if (host === undefined) throw new Error('no host');
  const enter = (user: string, resource?: string) => new CoreClient(tested.core).enter(user, resource);
  const bard = await enter('bard');
  const tell = (name: string, fields = {}) => run(bard, `${ADMIN}#${name}`, fields);
  return { ...tested, host, enter, bard, tell };
}

/** The next message that comes. */
async function hears(client: CoreClient): Promise<{ body?: string; subject?: string; type?: string; from?: string }> {
  const xml: Xml = parseXml(await client.hears(MESSAGE));
  return {
    body: xml.child('body')?.text,
    subject: xml.child('subject')?.text,
    type: xml.attr('type'),
    from: xml.attr('from'),
  };
}

/** Whether a message is among what came so far; all that was sent has been handled when this resolves. */
async function heard(client: CoreClient): Promise<boolean> {
  await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
  return client.stanzas.some((xml) => xml.startsWith(MESSAGE));
}

afterEach(() => void vi.useRealTimers());

describe('XEP-0133 4.23: announcements', () => {
  test('all who are there are told, on every client that takes messages; nobody else, and nothing is kept', async () => {
    const { tell, enter, host, log } = await stage();
    const [one, two] = [await (await enter('romeo', 'a')).available(), await (await enter('romeo', 'b')).available(1)];
    const hidden = await enter('juliet');
    const deaf = await (await enter('nurse')).available(-1);
    await host.accounts.create('away', 'secret');
    const answer = await tell('announce', { announcement: ['Attention!', '', 'We go down.'], subject: 'Soon' });
    expect(statusOf(answer)).toBe('completed');
    const said = { type: 'headline', from: HOST, subject: 'Soon', body: 'Attention!\n\nWe go down.' };
    expect([await hears(one), await hears(two)]).toEqual([said, said]);
    expect([await heard(hidden), await heard(deaf)]).toEqual([false, false]);
    const away = await (await enter('away')).available();
    expect(await heard(away)).toBe(false);
    expect(log.of('announcement_sent')).toEqual([{ kind: 'online', users: 2 }]);
  });

  test('all accounts are told, those who are away when they come', async () => {
    const { tell, enter, host, log } = await stage();
    const romeo = await (await enter('romeo')).available();
    await host.accounts.create('away', 'secret');
    await tell('announce-all', { announcement: 'News' });
    expect(await hears(romeo)).toEqual({ type: undefined, from: HOST, subject: undefined, body: 'News' });
    await vi.waitFor(() => expect(log.of('announcement_sent')).toEqual([{ kind: 'all', users: 3 }]));
    const away = await enter('away');
    away.say("<presence xmlns='jabber:client'/>");
    expect((await hears(away)).body).toBe('News');
  });

  test('it is sent a part at a time, and others have their turns in between', async () => {
    const { tell, enter, host, log } = await stage({ per_second: 200 });
    const store = host.deps.storage.open(HOST, 'accounts', 'keyvalue');
    const record = await store.get('bard');
    for (let n = 0; n < 40; n++) await store.set(`user${n}`, record);
    const romeo = await enter('romeo');
    await tell('announce-all', { announcement: 'News' });
    await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>");
    expect(log.of('announcement_sent')).toEqual([]);
    await vi.waitFor(() => expect(log.of('announcement_sent')).toEqual([{ kind: 'all', users: 42 }]));
    let kept = 0;
    for await (const _ of host.deps.storage.open(HOST, 'offline', 'archive').keys()) kept++;
    expect(kept).toBe(42);
  });

  test('only so many are sent at the same time', async () => {
    const { tell, host, metrics } = await stage({ max_underway: 1, per_second: 20 });
    await host.accounts.create('romeo', 'secret');
    await tell('announce-all', { announcement: 'One' });
    expect(conditionsOf(await tell('announce-all', { announcement: 'Two' }))).toEqual(['resource-constraint']);
    expect(conditionsOf(await tell('set-motd', { motd: 'Three' }))).toEqual(['resource-constraint']);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="announcements.max_underway"} 2');
  });

  test('what is too long, or empty, is told nobody', async () => {
    const { tell } = await stage({ max_bytes: 64 });
    expect(errorText(await tell('announce', { announcement: 'x'.repeat(65) }))).toBe(
      'announcement: is longer than 64 bytes',
    );
    expect(errorText(await tell('announce', { announcement: [' ', ''] }))).toBe('announcement: is missing');
  });

  test('a server that stops in the middle says how many were told', async () => {
    const { tell, host, core, log } = await stage({ per_second: 20 });
    for (const name of ['romeo', 'juliet', 'nurse']) await host.accounts.create(name, 'secret');
    await tell('announce-all', { announcement: 'News' });
    await core.stop();
    const [{ told: count, users }] = log.of('announcement_cut_short') as { told: number; users: number }[];
    expect(count).toBeLessThan(users);
    expect(users).toBe(4);
  });

  test('the operator of the machine may tell something too', async () => {
    const { host, enter } = await stage({ max_bytes: 64 });
    const romeo = await (await enter('romeo')).available();
    expect(host.hooks.run('announcing', { text: 'Hear, hear', audience: 'online' })).toBe(true);
    expect((await hears(romeo)).body).toBe('Hear, hear');
    expect(() => host.hooks.run('announcing', { text: 'x'.repeat(65), audience: 'online' })).toThrow('64 bytes');
  });
});

describe('XEP-0133 4.24 to 4.26: the message of the day', () => {
  test('4.24 each user gets it once: now, or when a client of theirs is there the next time', async () => {
    const { tell, enter } = await stage();
    const romeo = await (await enter('romeo', 'a')).available();
    expect(statusOf(await tell('set-motd', { motd: ['Good', 'day'] }))).toBe('completed');
    expect(await hears(romeo)).toEqual({ type: 'headline', from: HOST, subject: undefined, body: 'Good\nday' });
    const again = await (await enter('romeo', 'b')).available();
    await again.available(1);
    expect([await heard(again), await heard(romeo)]).toEqual([false, false]);
    const juliet = await enter('juliet');
    await juliet.available(-1);
    expect(await heard(juliet)).toBe(false);
    juliet.say("<presence xmlns='jabber:client'/>");
    expect((await hears(juliet)).body).toBe('Good\nday');
  });

  test('4.24 it outlives a restart, and so does who has seen it', async () => {
    const storage = new MemoryDriver();
    const before = await stage({}, storage);
    const romeo = await (await before.enter('romeo')).available();
    await before.tell('set-motd', { motd: 'Good day' });
    await hears(romeo);
    await vi.waitFor(async () => expect(await storage.open(HOST, 'motd', 'keyvalue').get('romeo')).toBeDefined());
    const after = await stage({}, storage);
    const back = await (await after.enter('romeo')).available();
    const juliet = await (await after.enter('juliet')).available();
    expect((await hears(juliet)).body).toBe('Good day');
    expect(await heard(back)).toBe(false);
  });

  test('4.24 who loses the connection before it is known to have come gets it again', async () => {
    const { tell, enter, host } = await stage();
    const romeo = await enter('romeo', 'a');
    romeo.reaches = false;
    await romeo.available();
    await tell('set-motd', { motd: 'Good day' });
    await hears(romeo);
    const other = await (await enter('romeo', 'b')).available();
    expect(await heard(other)).toBe(false);
    romeo.end.close({ how: 'lost' });
    expect((await hears(other)).body).toBe('Good day');
    await vi.waitFor(async () =>
      expect(await host.deps.storage.open(HOST, 'motd', 'keyvalue').get('romeo')).toBeDefined(),
    );
  });

  test('4.25 it is mended for those who have not seen it; its form has what there is', async () => {
    const { tell, enter, bard } = await stage();
    const romeo = await (await enter('romeo')).available();
    await tell('set-motd', { motd: ['God', 'day'], subject: 'Today' });
    await hears(romeo);
    const form = await command(bard, `${ADMIN}#edit-motd`);
    expect([told(form, 'motd'), told(form, 'subject')]).toEqual([['God', 'day'], ['Today']]);
    await tell('edit-motd', { motd: 'Good day' });
    const juliet = await (await enter('juliet')).available();
    expect((await hears(juliet)).body).toBe('Good day');
    expect(await heard(romeo)).toBe(false);
    await tell('set-motd', { motd: 'Another day' });
    expect([(await hears(romeo)).body, (await hears(juliet)).body]).toEqual(['Another day', 'Another day']);
  });

  test('4.26 it is deleted; where there is none there is nothing to edit or delete', async () => {
    const { tell, enter } = await stage();
    expect(conditionsOf(await tell('delete-motd'))).toEqual(['item-not-found']);
    expect(conditionsOf(await tell('edit-motd', { motd: 'x' }))).toEqual(['item-not-found']);
    await tell('set-motd', { motd: 'Good day' });
    expect(statusOf(await tell('delete-motd'))).toBe('completed');
    expect(await heard(await (await enter('juliet')).available())).toBe(false);
  });

  test('of an account that is deleted it is forgotten who has seen it', async () => {
    const { tell, enter, host } = await stage();
    await tell('set-motd', { motd: 'Good day' });
    await hears(await (await enter('romeo')).available());
    const store = host.deps.storage.open(HOST, 'motd', 'keyvalue');
    await vi.waitFor(async () => expect(await store.get('romeo')).toBeDefined());
    await host.accounts.delete('romeo');
    expect(await store.get('romeo')).toBeUndefined();
  });

  test('a store that fails: nothing is said to be set, and nobody is sent away', async () => {
    const driver = new MemoryDriver();
    const motd = driver.open(HOST, 'motd', 'keyvalue');
    const failed = () => Promise.reject(new StoreError('failed', 'no'));
    const open: Driver['open'] = (host, store, kind) =>
      store === 'motd'
        ? ({ get: motd.get.bind(motd), set: failed, update: failed, keys: motd.keys } as never)
        : driver.open(host, store, kind);
    const { tell, enter, log } = await stage({}, { bytes: 0, open, stop: () => driver.stop() });
    expect(conditionsOf(await tell('set-motd', { motd: 'Good day' }))).toEqual(['internal-server-error']);
    const romeo = await (await enter('romeo')).available();
    expect(await heard(romeo)).toBe(false);
    await motd.set('/motd', { id: 'x', text: 'Good day' });
    const again = await stage({}, { bytes: 0, open, stop: () => driver.stop() });
    const juliet = await (await again.enter('juliet')).available();
    expect((await hears(juliet)).body).toBe('Good day');
    await vi.waitFor(() => expect(again.log.of('motd_failed')).toHaveLength(1));
    expect([juliet.ending, log.of('motd_failed')]).toEqual([undefined, []]);
  });
});

describe('XEP-0133 4.30 and 4.31: stopping the server', () => {
  test('where it is not allowed it is not there', async () => {
    const { tell } = await stage();
    for (const name of ['shutdown', 'restart']) expect(conditionsOf(await tell(name))).toEqual(['item-not-found']);
  });

  test.each<[Halt]>([['shutdown'], ['restart']])(
    '%s: users are told, and after a while the server is asked',
    async (how) => {
      const { tell, enter, host } = await stage({ shutdown: true });
      const romeo = await (await enter('romeo')).available();
      const halted: Halt[] = [];
      Object.assign(host.deps.events, { halt: (_: string, asked: Halt) => halted.push(asked) > 0 });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const fields = { delay: '120', announcement: 'Two minutes!' };
      expect(statusOf(await tell(how, fields))).toBe('completed');
      expect((await hears(romeo)).body).toBe('Two minutes!');
      expect(conditionsOf(await tell(how, fields))).toEqual(['conflict']);
      vi.advanceTimersByTime(119_999);
      expect(halted).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(halted).toEqual([how]);
    },
  );

  test('where nobody can stop the server, that is logged', async () => {
    const { tell, log } = await stage({ shutdown: true });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await tell('shutdown', { delay: '0' });
    vi.advanceTimersByTime(1);
    expect(log.of('halt_refused')).toEqual([{ how: 'shutdown' }]);
  });

  test('a delay that cannot be chosen is refused', async () => {
    const { tell } = await stage({ shutdown: true });
    expect(errorText(await tell('shutdown', { delay: '7' }))).toBe('delay: is none of what can be chosen');
  });

  test('before the server stops its users hear a last word, if there is one', async () => {
    const { core, enter } = await stage({ shutdown_notice: 'Back in a moment' });
    const [romeo, hidden] = [await (await enter('romeo')).available(-1), await enter('juliet')];
    await core.drain();
    expect(await hears(romeo)).toEqual({ type: 'headline', from: HOST, subject: undefined, body: 'Back in a moment' });
    expect(await heard(hidden)).toBe(false);
    core.reload({ ...OPTIONS, domains: domainsWith({}) });
    await core.drain();
    expect(await heard(romeo)).toBe(false);
  });
});
