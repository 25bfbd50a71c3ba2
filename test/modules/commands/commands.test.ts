import { describe, expect, test } from 'vitest';
import { moduleOptions } from '../../../src/config/modules.js';
import type { Command } from '../../../src/core/command.js';
import type { Module } from '../../../src/core/module.js';
import { commands } from '../../../src/modules/commands/commands.js';
import { formStage } from '../../../src/modules/commands/stage.js';
import { disco } from '../../../src/modules/disco.js';
import { presence } from '../../../src/modules/presence.js';
import { roster } from '../../../src/modules/roster.js';
import { StoreError } from '../../../src/storage/store.js';
import { StanzaError } from '../../../src/xmpp/errors.js';
import {
  COMMANDS,
  command,
  conditionsOf,
  errorText,
  sessionOf,
  statusOf,
  submit,
  told,
} from '../../support/commands.js';
import { CoreClient, DOMAIN, testCore } from '../../support/core.js';

const FORM = { formType: 'test', title: 'Names', instructions: 'Say them.' };
const name = { name: 'name', type: 'text-single', label: 'Name', required: true, maxBytes: 10 } as const;
const who = { name: 'who', type: 'jid-multi', label: 'Who', maxValues: 2 } as const;

/** Commands to try, and what lets the slow one go on. */
function offered() {
  let go: (() => void) | undefined;
  let begun = 0;
  const done = (text: string) => ({ notes: [{ type: 'info' as const, text }] });
  const last = (first: string) =>
    formStage({ ...FORM, fields: [{ ...name, name: 'other' }] }, (answers) =>
      done(`${first} ${answers.text('other')}`),
    );
  const all: Command[] = [
    { node: 'simple', name: 'Simple', mayRun: () => true, run: ({ from }) => done(from.toString()) },
    {
      node: 'two',
      name: 'Two stages',
      mayRun: () => true,
      run: () => formStage({ ...FORM, fields: [name, who] }, (answers) => last(answers.text('name')), false),
    },
    {
      node: 'slow',
      name: 'Slow',
      mayRun: () => true,
      run: () =>
        formStage({ ...FORM, fields: [] }, async () => {
          begun++;
          await new Promise<void>((resolve) => {
            go = resolve;
          });
          return done('at last');
        }),
    },
    { node: 'secret', name: 'For Juliet', mayRun: ({ local }) => local === 'juliet', run: () => done('here') },
    {
      node: 'refusing',
      name: 'Refuses',
      mayRun: () => true,
      run: () =>
        formStage({ ...FORM, fields: [name] }, (answers) => {
          if (answers.text('name') === 'store') throw new StoreError('full', 'no room');
          if (answers.text('name') === 'bug') throw new Error('a bug');
          throw new StanzaError('cancel', 'conflict', 'taken');
        }),
    },
  ];
  const module: Module = {
    name: 'offering',
    about: 'For tests.',
    specifications: [],
    load: ({ hooks }) => void hooks.on('commands', (event) => void event.commands.push(...all)),
  };
  return { module, letGo: () => go?.(), begun: () => begun };
}

async function stage(options: Partial<(typeof moduleOptions.default)['commands']> = {}) {
  const { module, ...rest } = offered();
  const said = { ...moduleOptions.default, commands: { ...moduleOptions.default.commands, ...options } };
  const domains = { 'example.test': { ...DOMAIN, options: said } };
  const tested = testCore([roster, presence, disco, commands, module], { domains });
  const enter = (user: string, resource?: string) => new CoreClient(tested.core).enter(user, resource);
  return { ...tested, ...rest, enter, romeo: await enter('romeo') };
}

const query = (what: 'info' | 'items', node?: string) =>
  `<query xmlns='http://jabber.org/protocol/disco#${what}'${node === undefined ? '' : ` node='${node}'`}/>`;

describe('XEP-0050 2: finding commands', () => {
  test('2.1 the host says that it takes commands', async () => {
    const { romeo } = await stage();
    const info = (await romeo.ask('get', query('info'), 'example.test')).children[0];
    expect(info.children.map((each) => each.attr('var'))).toContain(COMMANDS);
  });

  test('2.2 the list has those that the one who asks may run', async () => {
    const { romeo, enter } = await stage();
    const list = async (client: CoreClient) =>
      (await client.ask('get', query('items', COMMANDS), 'example.test')).children[0].children.map((each) => [
        each.attr('jid'),
        each.attr('node'),
        each.attr('name'),
      ]);
    expect(await list(romeo)).toEqual([
      ['example.test', 'simple', 'Simple'],
      ['example.test', 'two', 'Two stages'],
      ['example.test', 'slow', 'Slow'],
      ['example.test', 'refusing', 'Refuses'],
    ]);
    expect((await list(await enter('juliet'))).map(([, node]) => node)).toContain('secret');
  });

  test('2.2 the list and each command describe themselves; one that is not for the one who asks is forbidden', async () => {
    const { romeo } = await stage();
    const info = async (node: string) => romeo.ask('get', query('info', node), 'example.test');
    const [list] = (await info(COMMANDS)).children[0].children;
    expect([list.attr('category'), list.attr('type')]).toEqual(['automation', 'command-list']);
    const [identity, ...features] = (await info('two')).children[0].children;
    expect(['category', 'type', 'name'].map((each) => identity.attr(each))).toEqual([
      'automation',
      'command-node',
      'Two stages',
    ]);
    expect(features.map((each) => each.attr('var'))).toEqual([COMMANDS, 'jabber:x:data']);
    expect(conditionsOf(await info('secret'))).toEqual(['forbidden']);
    expect(conditionsOf(await info('nothing'))).toEqual(['item-not-found']);
  });
});

describe('XEP-0050 2.4: executing', () => {
  test('2.4.1 a command without a form is completed at once', async () => {
    const { romeo } = await stage();
    const answer = await command(romeo, 'simple');
    expect(statusOf(answer)).toBe('completed');
    expect(answer.child('command')?.child('note')?.text).toBe('romeo@example.test/test');
    expect(answer.child('command')?.attr('xml:lang')).toBe('en');
    expect(conditionsOf(await command(romeo, 'simple', { sessionid: sessionOf(answer) }))).toEqual([
      'not-allowed',
      'session-expired',
    ]);
  });

  test('2.4.2 stage after stage, back and forth again', async () => {
    const { romeo } = await stage();
    const first = await command(romeo, 'two', { action: 'execute' });
    const sessionid = sessionOf(first);
    const actions = (answer: typeof first) => {
      const all = answer.child('command')?.child('actions');
      return [all?.attr('execute'), ...(all?.children.map((each) => each.name) ?? [])];
    };
    expect(actions(first)).toEqual(['next', 'next']);
    const filled = { sessionid, inside: submit({ name: 'one' }, 'test') };
    const second = await command(romeo, 'two', { ...filled, action: 'next' });
    expect([sessionOf(second), ...actions(second)]).toEqual([sessionid, 'complete', 'prev', 'complete']);
    expect(actions(await command(romeo, 'two', { sessionid, action: 'prev' }))).toEqual(['next', 'next']);
    const changed = { sessionid, inside: submit({ name: 'two' }, 'test') };
    await command(romeo, 'two', changed);
    const last = await command(romeo, 'two', { sessionid, inside: submit({ other: 'three' }, 'test') });
    expect([statusOf(last), last.child('command')?.child('note')?.text]).toEqual(['completed', 'two three']);
  });

  test('2.4.3 it may be canceled, and is over then', async () => {
    const { romeo } = await stage();
    const sessionid = sessionOf(await command(romeo, 'two'));
    expect(statusOf(await command(romeo, 'two', { sessionid, action: 'cancel' }))).toBe('canceled');
    expect(conditionsOf(await command(romeo, 'two', { sessionid, action: 'cancel' }))).toContain('session-expired');
  });
});

describe('XEP-0050 4.4: errors', () => {
  test.each([
    ['an action that is none', 'two', { action: 'dance' }, ['bad-request', 'malformed-action']],
    ['an action that cannot begin', 'two', { action: 'complete' }, ['bad-request', 'bad-action']],
    ['a language that is not spoken', 'two', { lang: 'fr-ca' }, ['bad-request', 'bad-locale']],
    ['a session that never was', 'two', { sessionid: 'x' }, ['bad-request', 'bad-sessionid']],
    ['a session without a name', 'two', { sessionid: '' }, ['bad-request', 'bad-sessionid']],
    ['a command that is not there', 'none', {}, ['item-not-found']],
    ['a command that is for others', 'secret', {}, ['forbidden']],
  ])('%s', async (_, node, saying, conditions) => {
    const { romeo } = await stage();
    expect(conditionsOf(await command(romeo, node, saying))).toEqual(conditions);
  });

  test('an error says of which command and session it is, and nothing of what was filled in', async () => {
    const { romeo } = await stage();
    const sessionid = sessionOf(await command(romeo, 'two'));
    const answer = await command(romeo, 'two', { sessionid, action: 'next', inside: submit({ name: '' }, 'test') });
    const [echo, error] = answer.children;
    expect([echo.name, echo.attr('node'), echo.attr('sessionid'), echo.children]).toEqual([
      'command',
      'two',
      sessionid,
      [],
    ]);
    expect(error.name).toBe('error');
    const long = await command(romeo, 'two', { sessionid: 'x'.repeat(2000) });
    expect([conditionsOf(long), long.child('command')?.attr('sessionid')]).toEqual([
      ['bad-request', 'bad-sessionid'],
      undefined,
    ]);
  });

  test('the language of the stream is no wish', async () => {
    const { romeo } = await stage();
    romeo.say(
      `<iq xmlns='jabber:client' type='set' id='l' to='example.test' xml:lang='de'><command xmlns='${COMMANDS}' node='simple'/></iq>`,
    );
    expect(await romeo.hears("id='l'")).toContain("status='completed'");
  });

  test('a command has a node', async () => {
    const { romeo } = await stage();
    expect(conditionsOf(await romeo.ask('set', `<command xmlns='${COMMANDS}'/>`, 'example.test'))).toEqual([
      'bad-request',
    ]);
  });

  test.each([
    ['the last before its time', 'complete'],
    ['back from the first', 'prev'],
  ])('%s is a bad action, and changes nothing', async (_, action) => {
    const { romeo } = await stage();
    const sessionid = sessionOf(await command(romeo, 'two'));
    const inside = submit({ name: 'one' }, 'test');
    expect(conditionsOf(await command(romeo, 'two', { sessionid, action, inside }))).toContain('bad-action');
    expect(statusOf(await command(romeo, 'two', { sessionid, inside }))).toBe('executing');
  });

  test.each<[string, string, string]>([
    ['no form', '', 'a form that is filled in is missing'],
    ['a form that asks', "<x xmlns='jabber:x:data' type='form'/>", 'a form that is filled in is missing'],
    ['another form', submit({ name: 'a' }, 'other'), 'FORM_TYPE: is of another form'],
    ['nothing where something must be', submit({ name: ' ' }, 'test'), 'name: is missing'],
    ['too much', submit({ name: 'x'.repeat(11) }, 'test'), 'name: is longer than 10 bytes'],
    ['two values of one', submit({ name: ['a', 'b'] }, 'test'), 'name: has one value'],
    ['several things', submit({ name: '', who: ['a@b', '@@'] }, 'test'), 'name: is missing; who: @@ is no address'],
    ['too many values', submit({ name: 'a', who: ['a@b', 'b@c', 'c@d'] }, 'test'), 'who: has at most 2 values'],
    [
      'a field twice',
      submit({ name: 'a' }, 'test').replace('</x>', "<field var='name'><value>b</value></field></x>"),
      'name: is there twice',
    ],
  ])('a bad payload is told field by field, and may be mended: %s', async (_, inside, text) => {
    const { romeo } = await stage();
    const sessionid = sessionOf(await command(romeo, 'two'));
    const answer = await command(romeo, 'two', { sessionid, action: 'next', inside });
    expect(conditionsOf(answer)).toEqual(['bad-request', 'bad-payload']);
    expect(errorText(answer)).toBe(text);
    expect(statusOf(await command(romeo, 'two', { sessionid, inside: submit({ name: 'a' }, 'test') }))).toBe(
      'executing',
    );
  });

  test('what a command refuses may be tried again; what nobody is to blame for ends it', async () => {
    const { romeo, told: events } = await stage();
    const sessionid = sessionOf(await command(romeo, 'refusing'));
    const trying = (name: string) => command(romeo, 'refusing', { sessionid, inside: submit({ name }, 'test') });
    expect(conditionsOf(await trying('x'))).toEqual(['conflict']);
    expect(conditionsOf(await trying('store'))).toEqual(['resource-constraint']);
    expect(conditionsOf(await trying('bug'))).toEqual(['internal-server-error']);
    expect(events.filter((event) => event.startsWith('failed'))).toHaveLength(1);
    expect(conditionsOf(await trying('x'))).toContain('session-expired');
  });
});

describe('XEP-0050 3.3: sessions', () => {
  test('another client, or another command, does not go on with it', async () => {
    const { romeo, enter } = await stage();
    const sessionid = sessionOf(await command(romeo, 'two'));
    const inside = submit({ name: 'one' }, 'test');
    for (const other of [await enter('juliet'), await enter('romeo', 'other')]) {
      expect(conditionsOf(await command(other, 'two', { sessionid, inside }))).toContain('bad-sessionid');
      expect(conditionsOf(await command(other, 'two', { sessionid, action: 'cancel' }))).toContain('bad-sessionid');
    }
    expect(conditionsOf(await command(romeo, 'slow', { sessionid, inside }))).toContain('bad-sessionid');
    expect(statusOf(await command(romeo, 'two', { sessionid, inside }))).toBe('executing');
  });

  test('what is being done is not done twice', async () => {
    const { romeo, letGo, begun } = await stage();
    const sessionid = sessionOf(await command(romeo, 'slow'));
    const saying = { sessionid, inside: submit({}, 'test') };
    const first = command(romeo, 'slow', saying);
    expect(conditionsOf(await command(romeo, 'slow', saying))).toEqual(['unexpected-request']);
    expect(conditionsOf(await command(romeo, 'slow', { ...saying, action: 'cancel' }))).toEqual(['unexpected-request']);
    letGo();
    expect(statusOf(await first)).toBe('completed');
    expect(conditionsOf(await command(romeo, 'slow', saying))).toContain('session-expired');
    expect(begun()).toBe(1);
  });

  test('who does not go on in time has to begin anew', async () => {
    const { romeo, clock } = await stage({ timeout: 60 });
    const sessionid = sessionOf(await command(romeo, 'two'));
    const saying = { sessionid, inside: submit({ name: 'one' }, 'test') };
    clock.now += 59_999;
    expect(statusOf(await command(romeo, 'two', saying))).toBe('executing');
    clock.now += 59_999;
    expect(statusOf(await command(romeo, 'two', { sessionid, action: 'prev' }))).toBe('executing');
    clock.now += 60_000;
    expect(conditionsOf(await command(romeo, 'two', saying))).toContain('session-expired');
  });

  test('one user begins only so many, from all his clients; those that are over do not count', async () => {
    const { romeo, enter, metrics } = await stage({ max_sessions_per_user: 2 });
    const other = await enter('romeo', 'other');
    const sessionid = sessionOf(await command(romeo, 'two'));
    await command(other, 'two');
    const refused = await command(romeo, 'two');
    expect(conditionsOf(refused)).toEqual(['resource-constraint']);
    expect(conditionsOf(await command(romeo, 'simple'))).toEqual(['resource-constraint']);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="commands.max_sessions_per_user"} 2');
    expect(statusOf(await command(await enter('juliet'), 'two'))).toBe('executing');
    await command(romeo, 'two', { sessionid, action: 'cancel' });
    expect(statusOf(await command(romeo, 'two'))).toBe('executing');
    other.end.close({ how: 'closed' });
    expect(statusOf(await command(romeo, 'two'))).toBe('executing');
  });

  test('all users together begin only so many', async () => {
    const { romeo, enter, metrics, clock } = await stage({ max_sessions: 2, timeout: 60 });
    await command(romeo, 'two');
    await command(await enter('juliet'), 'two');
    const nurse = await enter('nurse');
    expect(conditionsOf(await command(nurse, 'two'))).toEqual(['resource-constraint']);
    expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="commands.max_sessions"} 1');
    clock.now += 60_000;
    expect(statusOf(await command(nurse, 'two'))).toBe('executing');
  });

  test('a form is shown with what can be filled in', async () => {
    const { romeo } = await stage();
    const answer = await command(romeo, 'two');
    expect(told(answer, 'FORM_TYPE')).toEqual(['test']);
    const field = answer
      .child('command')
      ?.child('x')
      ?.children.find((each) => each.attr('var') === 'name');
    expect([field?.attr('type'), field?.attr('label'), field?.child('required') !== undefined]).toEqual([
      'text-single',
      'Name',
      true,
    ]);
  });
});
