// What a client_proxy carries besides the requests of users, where it is told to.

import { describe, expect, test } from 'vitest';
import { failed, PROXY, type Proxied, proxied, request, result, serving, taken } from '../support/client-proxy.js';
import { CoreClient, conditionOf } from '../support/core.js';
import type { Xml } from '../support/xml.js';

const user = ({ core }: Proxied, name = 'romeo') => new CoreClient(core).enter(name);
const only = (client: CoreClient): Xml => {
  const all = taken(client);
  expect(all).toHaveLength(1);
  return all[0];
};
const message = (to: string, text: string, type = 'chat') =>
  `<message xmlns='jabber:client' type='${type}' to='${to}' id='${text}'><body>${text}</body></message>`;
const presence = (to: string, type?: string) =>
  `<presence xmlns='jabber:client' to='${to}'${type ? ` type='${type}'` : ''}/>`;

describe('by default', () => {
  test('messages are feature-not-implemented, presence bad-request, and goodbyes nothing', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(message(`svc@${PROXY}`, 'm'));
    romeo.say(presence(PROXY));
    romeo.say(presence(PROXY, 'unavailable'));
    expect(taken(romeo).map(conditionOf)).toEqual(['feature-not-implemented', 'bad-request']);
    romeo.say(request('1'));
    const asked = only(client);
    client.say(message(asked.attr('from') ?? '', 'm'));
    client.say(presence(asked.attr('from') ?? ''));
    client.say(request('2', asked.attr('from')));
    expect(taken(client).map(conditionOf)).toEqual(['feature-not-implemented', 'feature-not-implemented']);
    expect(taken(romeo)).toEqual([]);
  });

  test('nobody sees the presence of the component', async () => {
    const at = await proxied();
    const [, romeo] = [await serving(at, 'a'), await user(at)];
    await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>");
    romeo.say(presence(PROXY, 'subscribe'));
    await romeo.hears('feature-not-implemented');
  });
});

describe('with messages', () => {
  test('a user and one of the clients talk, by an address that stays the same', async () => {
    const at = await proxied({ messages: true });
    const [first, second, romeo] = [await serving(at, 'a'), await serving(at, 'b'), await user(at)];
    taken(first);
    const address = `svc@${PROXY}/room`;
    const both = () => [...taken(first), ...taken(second)];
    romeo.say(message(address, 'one'));
    romeo.say(message(address, 'two', 'normal'));
    const [one, two, ...more] = both();
    expect(more).toEqual([]);
    expect([one.attr('to'), two.attr('to')]).toEqual([one.attr('to'), one.attr('to')]);
    expect(two.attr('from')).toBe(one.attr('from'));
    expect([one.textOf('body'), two.attr('type')]).toEqual(['one', 'normal']);
    const client = one.attr('to')?.endsWith('/a') ? first : second;
    const other = client === first ? second : first;
    client.say(message(one.attr('from') ?? '', 'answer'));
    const answer = only(romeo);
    expect([answer.attr('from'), answer.attr('to'), answer.textOf('body')]).toEqual([
      address,
      'romeo@example.test/test',
      'answer',
    ]);
    // The other one takes over when it writes, or when the first is gone.
    other.say(message(one.attr('from') ?? '', 'me too'));
    taken(romeo);
    romeo.say(message(address, 'three'));
    expect(taken(other).map((each) => each.textOf('body'))).toEqual(['three']);
    other.end.close({ how: 'lost' });
    romeo.say(message(address, 'four'));
    expect(taken(client).map((each) => each.textOf('body'))).toEqual(['four']);
    client.end.close({ how: 'lost' });
    romeo.say(message(address, 'five'));
    expect(conditionOf(only(romeo))).toBe('service-unavailable');
  });

  test('presence goes both ways too; one that leaves is not known any more', async () => {
    const at = await proxied({ messages: true });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(presence(`svc@${PROXY}/nick`));
    const seen = only(client);
    expect(seen.name).toBe('presence');
    client.say(presence(seen.attr('from') ?? ''));
    expect(only(romeo).attr('from')).toBe(`svc@${PROXY}/nick`);
    romeo.say(presence(`svc@${PROXY}/nick`, 'unavailable'));
    expect(only(client).attr('type')).toBe('unavailable');
    client.say(message(seen.attr('from') ?? '', 'late'));
    expect(conditionOf(only(client))).toBe('item-not-found');
    expect(taken(romeo)).toEqual([]);
  });

  test('errors are carried back, and never answered', async () => {
    const at = await proxied({ messages: true });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(message(PROXY, 'm'));
    const asked = only(client);
    client.say(message(asked.attr('from') ?? '', 'no', 'error'));
    expect(only(romeo).attr('type')).toBe('error');
    romeo.say(message(PROXY, 'no', 'error'));
    expect(only(client).attr('type')).toBe('error');
    romeo.say(message(`other@${PROXY}`, 'no', 'error'));
    client.say(message(`${PROXY}/~${'A'.repeat(22)}`, 'no', 'error'));
    expect([taken(client), taken(romeo)]).toEqual([[], []]);
  });

  test('a client reaches nobody by an address that it was not given', async () => {
    const at = await proxied({ messages: true });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(message(PROXY, 'm'));
    const from = only(client).attr('from') ?? '';
    const forged = [
      from.replace('~', `~${'A'.repeat(22)}`),
      from.slice(0, -30),
      `${PROXY}/~${'A'.repeat(22)}/romeo@example.test/test`,
    ];
    for (const to of [...forged, `romeo@${PROXY}`, `${PROXY}/romeo@example.test/test`]) client.say(message(to, 'x'));
    const refused = taken(client);
    expect(refused.map(conditionOf)).toEqual(Array(5).fill('item-not-found'));
    expect(taken(romeo)).toEqual([]);
  });
});

describe('with requests', () => {
  test('a client asks a user who has spoken, and gets the answer with its own id', async () => {
    const at = await proxied({ requests: true });
    const [client, romeo, mallory] = [await serving(at, 'a'), await user(at), await user(at, 'mallory')];
    romeo.say(request('1', `svc@${PROXY}`));
    const asked = only(client);
    client.say(result(asked));
    taken(romeo);
    const from = asked.attr('from') ?? '';
    client.say(request('c1', from, 'get', 'who?'));
    const question = only(romeo);
    expect([question.attr('from'), question.child('q')?.text]).toEqual([`svc@${PROXY}`, 'who?']);
    expect(question.attr('id')).not.toBe('c1');
    mallory.say(result(question, 'me'));
    romeo.say(`<iq xmlns='jabber:client' type='result' id='c1' to='svc@${PROXY}'/>`);
    romeo.say(`<iq xmlns='jabber:client' type='result' id='${question.attr('id')}' to='other@${PROXY}'/>`);
    expect(taken(client)).toEqual([]);
    romeo.say(result(question, 'romeo'));
    const answer = only(client);
    expect([answer.attr('from'), answer.attr('id'), answer.child('a')?.text]).toEqual([from, 'c1', 'romeo']);
    romeo.say(result(question, 'again'));
    expect(taken(client)).toEqual([]);
  });

  test('a user who answers with an error, or not at all', async () => {
    const at = await proxied({ requests: true, timeout: 10 });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(request('1'));
    const from = only(client).attr('from') ?? '';
    client.say(request('c1', from));
    romeo.say(failed(only(romeo), 'service-unavailable'));
    expect(conditionOf(only(client))).toBe('service-unavailable');
    client.say(request('c2', from));
    at.clock.now = 20_000;
    at.core.sweep();
    expect(taken(client).map((each) => [each.attr('id'), conditionOf(each)])).toEqual([
      ['c2', 'remote-server-timeout'],
    ]);
  });

  test('who has not spoken for longest is forgotten first', async () => {
    const at = await proxied({ requests: true, max_users: 2 });
    const client = await serving(at, 'a');
    const users = [await user(at, 'romeo'), await user(at, 'juliet'), await user(at, 'nurse')];
    const addresses = users.map((each) => {
      each.say(request('1'));
      return only(client).attr('from') ?? '';
    });
    for (const to of addresses) client.say(request('c', to));
    expect(conditionOf(only(client))).toBe('item-not-found');
    expect(users.map((each) => taken(each).length)).toEqual([0, 1, 1]);
  });
});
