// A component that the clients of one account serve together.

import { describe, expect, test } from 'vitest';
import { clientProxy } from '../../src/modules/client-proxy.js';
import { message } from '../../src/modules/message.js';
import {
  component,
  failed,
  PROXY,
  type Proxied,
  proxied,
  request,
  result,
  SERVICE,
  serving,
  taken,
} from '../support/client-proxy.js';
import { CoreClient, conditionOf, OPTIONS, testCore } from '../support/core.js';
import { BRIDGE, NS, PROGRAM, TestComponent } from '../support/core-component.js';
import type { Xml } from '../support/xml.js';

const INFO = 'http://jabber.org/protocol/disco#info';
const TOKEN = /^[\w-]{22}$/;

const user = ({ core }: Proxied, name = 'romeo') => new CoreClient(core).enter(name);
const only = (client: CoreClient): Xml => {
  const all = taken(client);
  expect(all).toHaveLength(1);
  return all[0];
};
const told = (stanza: Xml) => [stanza.attr('type'), stanza.attr('id'), stanza.attr('from'), conditionOf(stanza)];
const resourceOf = (stanza: Xml) => (stanza.attr('from') ?? '').slice(`${PROXY}/`.length);

describe('requests', () => {
  test('go to a client, from an address that stands for the user, and the answer comes from what he addressed', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    for (const to of [PROXY, `svc@${PROXY}`, `svc@${PROXY}/res ource`, `${PROXY}/x`, `SVC@${PROXY}`]) {
      romeo.say(request('q1', to, 'set', 'body'));
      const asked = only(client);
      expect([asked.attr('to'), asked.attr('type'), asked.attr('id')]).toEqual([`${SERVICE}/a`, 'set', 'q1']);
      expect(asked.child('q')?.text).toBe('body');
      client.say(result(asked));
      const answer = only(romeo);
      expect(told(answer)).toEqual(['result', 'q1', to, undefined]);
      expect(answer.attr('to')).toBe('romeo@example.test/test');
      expect(answer.child('a')?.text).toBe('a');
    }
  });

  test('errors of the client are its answers', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(request('q1'));
    client.say(failed(only(client), 'forbidden'));
    expect(told(only(romeo))).toEqual(['error', 'q1', PROXY, 'forbidden']);
  });

  test('the client can read which address was asked, and who asks', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    const who = 'romeo@example.test/test';
    const seen = (to: string) => {
      romeo.say(request('q1', to));
      const from = only(client).attr('from') ?? '';
      const token = from.slice(from.indexOf('/') + 1).slice(0, 22);
      expect(token).toMatch(TOKEN);
      return from.replace(token, 'TOKEN');
    };
    expect(seen(PROXY)).toBe(`${PROXY}/TOKEN/${who}`);
    expect(seen(`svc@${PROXY}`)).toBe(`svc@${PROXY}/TOKEN/${who}`);
    expect(seen(`svc@${PROXY}/a/b c`)).toBe(`svc@${PROXY}/TOKEN?a%2Fb%20c/${who}`);
    // 1023 bytes are all that a resource may have.
    const [fits, over] = [1023 - 22 - 1, 1023 - 22];
    expect(seen(`svc@${PROXY}/${'x'.repeat(fits)}`)).toBe(`svc@${PROXY}/TOKEN?${'x'.repeat(fits)}`);
    expect(seen(`svc@${PROXY}/${'x'.repeat(over)}`)).toBe(`svc@${PROXY}/TOKEN/${who}`);
    expect(seen(`svc@${PROXY}/${'ä'.repeat(500)}`)).toBe(`svc@${PROXY}/TOKEN/${who}`);
  });

  test('a user whose address is as long as it can be is asked for all the same', async () => {
    const at = await proxied();
    const client = await serving(at, 'a');
    const romeo = await new CoreClient(at.core).enter('r'.repeat(900), 'x'.repeat(1023));
    romeo.say(request('q1'));
    const asked = only(client);
    expect(resourceOf(asked)).toMatch(TOKEN);
    client.say(result(asked));
    expect(told(only(romeo))).toEqual(['result', 'q1', PROXY, undefined]);
  });

  test('two users with the same id, and one twice with the same, each get their own answer', async () => {
    const at = await proxied();
    const client = await serving(at, 'a');
    const [romeo, juliet] = [await user(at, 'romeo'), await user(at, 'juliet')];
    romeo.say(request('1', PROXY, 'get', 'r1'));
    juliet.say(request('1', PROXY, 'get', 'j1'));
    romeo.say(request('1', PROXY, 'get', 'r2'));
    for (const asked of taken(client).reverse()) client.say(result(asked, asked.child('q')?.text));
    expect(taken(romeo).map((each) => each.child('a')?.text)).toEqual(['r2', 'r1']);
    expect(taken(juliet).map((each) => each.child('a')?.text)).toEqual(['j1']);
  });

  test('without a client they are refused, but the component says what it is; with one, it is asked that too', async () => {
    const at = await proxied();
    const romeo = await user(at);
    romeo.say(request('q1'));
    expect(told(only(romeo))).toEqual(['error', 'q1', PROXY, 'service-unavailable']);
    const info = await romeo.ask('get', `<query xmlns='${INFO}'/>`, PROXY);
    expect(info.child('query')?.child('identity')?.attr('name')).toBe('Proxy');
    const client = await serving(at, 'a');
    romeo.say(`<iq xmlns='jabber:client' type='get' id='i' to='${PROXY}'><query xmlns='${INFO}'/></iq>`);
    expect(only(client).child('query', INFO)).toBeDefined();
    romeo.say(request('q2'));
    expect(taken(client)).toHaveLength(1);
    client.say(`<presence xmlns='jabber:client' type='unavailable'/>`);
    expect(taken(romeo).map(told)).toEqual([
      ['error', 'i', PROXY, 'service-unavailable'],
      ['error', 'q2', PROXY, 'service-unavailable'],
    ]);
  });

  test('that nobody answers are remote-server-timeout in time, and what comes later is for nobody', async () => {
    const at = await proxied({ timeout: 10 });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(request('q1'));
    at.clock.now = 5000;
    romeo.say(request('q2'));
    at.clock.now = 9999;
    at.core.sweep();
    expect(taken(romeo)).toEqual([]);
    at.clock.now = 10_000;
    at.core.sweep();
    expect(told(only(romeo))).toEqual(['error', 'q1', PROXY, 'remote-server-timeout']);
    const [first, second] = taken(client);
    client.say(result(first));
    expect(taken(romeo)).toEqual([]);
    client.say(result(second));
    expect(told(only(romeo))).toEqual(['result', 'q2', PROXY, undefined]);
  });

  test('are bounded, in number and in bytes', async () => {
    const at = await proxied({ max_pending: 2, max_pending_bytes: 2000 });
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    for (const id of ['1', '2', '3']) romeo.say(request(id));
    expect(told(only(romeo))).toEqual(['error', '3', PROXY, 'resource-constraint']);
    client.say(result(taken(client)[0]));
    taken(romeo);
    romeo.say(request('4', PROXY, 'get', 'x'.repeat(2000)));
    expect(told(only(romeo))).toEqual(['error', '4', PROXY, 'resource-constraint']);
    const metrics = await at.metrics.text();
    for (const limit of ['max_pending', 'max_pending_bytes'])
      expect(metrics).toContain(`bosh_limits_hit_total{limit="client_proxy.${limit}"} 1\n`);
    expect(metrics).toContain(`bosh_client_proxy_requests_total{host="${PROXY}",outcome="refused"} 2\n`);
    expect(metrics).toContain(`bosh_client_proxy_pending{host="${PROXY}"} 1\n`);
  });

  test('that are none are refused', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(`<iq xmlns='jabber:client' type='get' id='1' to='${PROXY}'/>`);
    expect(told(only(romeo))).toEqual(['error', '1', PROXY, 'bad-request']);
    expect(taken(client)).toEqual([]);
  });
});

describe('an answer counts once, from who was asked, by the token that only he was told', () => {
  async function asked() {
    const at = await proxied();
    const [client, other] = [await serving(at, 'a', 1), await serving(at, 'b', 0)];
    const [romeo, mallory] = [await user(at), await user(at, 'mallory')];
    romeo.say(request('q1'));
    return { at, client, other, romeo, mallory, request: only(client) };
  }

  test.each([
    ['another client of the account', 'other', 'result', undefined],
    ['a user', 'mallory', 'result', undefined],
    ['a user, as an error', 'mallory', 'error', undefined],
    ['the client, with a token that was never given', 'client', 'result', `${PROXY}/${'A'.repeat(22)}`],
    ['the client, without a token', 'client', 'result', PROXY],
    ["the client, to the user's address", 'client', 'result', `${PROXY}/romeo@example.test/test`],
    ['the client, with another id', 'client', 'result', undefined],
  ] as const)('not from %s', async (title, who, type, forged) => {
    const all = await asked();
    const to = forged ?? all.request.attr('from');
    const id = title.endsWith('another id') ? 'q2' : 'q1';
    all[who].say(`<iq xmlns='jabber:client' type='${type}' id='${id}' to='${to}'><a xmlns='urn:q'/></iq>`);
    for (const each of ['client', 'other', 'romeo', 'mallory'] as const) expect(taken(all[each])).toEqual([]);
    expect(await all.at.metrics.text()).toContain('outcome="unsolicited"} 1\n');
    all.client.say(result(all.request));
    expect(told(only(all.romeo))).toEqual(['result', 'q1', PROXY, undefined]);
    all.client.say(result(all.request));
    expect(taken(all.romeo)).toEqual([]);
  });
});

describe('a client that goes', () => {
  test.each([
    ['by its word', (client: CoreClient) => client.say("<presence xmlns='jabber:client' type='unavailable'/>")],
    ['with its connection', (client: CoreClient) => client.end.close({ how: 'lost' })],
  ])('%s leaves what it has not answered to another', async (_, leave) => {
    const at = await proxied();
    const [first, second, romeo] = [await serving(at, 'a', 1), await serving(at, 'b', 0), await user(at)];
    for (const id of ['1', '2', '3']) romeo.say(request(id, PROXY, 'set'));
    const asked = taken(first);
    first.say(result(asked[0]));
    leave(first);
    taken(first);
    const again = taken(second).filter(({ name }) => name === 'iq');
    expect(again.map((each) => each.attr('id'))).toEqual(['2', '3']);
    // Its own token counts no more.
    first.say(result(asked[1], 'late'));
    for (const each of again) second.say(result(each, 'second'));
    expect(taken(romeo).map((each) => each.child('a')?.text)).toEqual(['a', 'second', 'second']);
  });

  test('and says that it did not take a request: another is asked, each once, three at most', async () => {
    const at = await proxied({ policy: 'round_robin' });
    const clients = [];
    for (const resource of ['a', 'b', 'c', 'd']) clients.push(await serving(at, resource));
    const romeo = await user(at);
    romeo.say(request('1'));
    const refused: string[] = [];
    for (let i = 0; i < 4; i++) {
      for (const client of clients) {
        for (const asked of taken(client).filter(({ name }) => name === 'iq')) {
          refused.push(asked.attr('to') ?? '');
          client.say(failed(asked, i % 2 ? 'service-unavailable' : 'recipient-unavailable'));
        }
      }
    }
    expect(new Set(refused).size).toBe(3);
    expect(refused).toHaveLength(3);
    expect(conditionOf(only(romeo))).toMatch(/unavailable/);
  });
});

describe('who is asked', () => {
  const answerers = async (policy: string, priorities: readonly number[], requests: number, answer = false) => {
    const at = await proxied({ policy });
    const clients: CoreClient[] = [];
    for (const [i, priority] of priorities.entries()) clients.push(await serving(at, `r${i}`, priority));
    for (const client of clients) taken(client);
    const users = [await user(at, 'romeo'), await user(at, 'juliet'), await user(at, 'nurse')];
    const order: number[] = [];
    for (let n = 0; n < requests; n++) {
      users[n % users.length].say(request(`${n}`));
      for (const [i, client] of clients.entries()) {
        for (const asked of taken(client)) {
          order.push(i);
          if (answer) client.say(result(asked));
        }
      }
    }
    return order;
  };

  test('those of the highest priority, never one with a negative', async () => {
    expect(new Set(await answerers('random', [-1, 3, 5, 5], 30))).toEqual(new Set([2, 3]));
    expect(await answerers('random', [-1], 3)).toEqual([]);
  });

  test('round_robin: one after the other', async () => {
    expect(await answerers('round_robin', [0, 0, 0], 6)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('least_pending: who has least to do, in turns where that is equal', async () => {
    const order = await answerers('least_pending', [0, 0, 0], 30);
    for (const i of [0, 1, 2]) expect(order.filter((each) => each === i)).toHaveLength(10);
    expect(new Set(await answerers('least_pending', [0, 0, 0], 6, true)).size).toBe(3);
    const at = await proxied({ policy: 'least_pending' });
    const [busy, idle, romeo] = [await serving(at, 'a'), await serving(at, 'b'), await user(at)];
    for (let n = 0; n < 10; n++) {
      romeo.say(request(`${n}`));
      for (const asked of taken(idle).filter(({ name }) => name === 'iq')) idle.say(result(asked));
    }
    expect(taken(busy).filter(({ name }) => name === 'iq')).toHaveLength(1);
  });

  test('sticky: the same one for the same user, and who goes moves only its own', async () => {
    const at = await proxied({ policy: 'sticky' });
    const clients = new Map<string, CoreClient>();
    for (const resource of ['a', 'b', 'c']) clients.set(resource, await serving(at, resource));
    const users: CoreClient[] = [];
    for (let i = 0; i < 12; i++) users.push(await user(at, `user${i}`));
    const served = () => {
      const by = new Map<string, string>();
      for (const each of users) each.say(request('1'));
      for (const [resource, client] of clients) {
        for (const asked of taken(client).filter(({ name }) => name === 'iq')) {
          by.set(resourceOf(asked).slice(23), resource);
          client.say(result(asked));
        }
      }
      return by;
    };
    const before = served();
    expect(before.size).toBe(12);
    expect(new Set(before.values()).size).toBe(3);
    expect(served()).toEqual(before);
    clients.get('b')?.end.close({ how: 'lost' });
    for (const [who, resource] of served()) if (before.get(who) !== 'b') expect(resource).toBe(before.get(who));
  });

  test('no more than so many are known', async () => {
    const at = await proxied({ max_clients: 1 });
    const [first, second, romeo] = [await serving(at, 'a', 0), await serving(at, 'b', 5), await user(at)];
    taken(first);
    romeo.say(request('1'));
    expect([taken(first).length, taken(second).length]).toEqual([1, 0]);
    expect(await at.metrics.text()).toContain('limit="client_proxy.max_clients"');
  });
});

describe('the subscription', () => {
  test('is asked for again, less and less often, until it is there; then who is there is asked', async () => {
    const bot = `bot@${BRIDGE}`;
    const components = { [BRIDGE]: PROGRAM, [PROXY]: component({}, bot) };
    const at = testCore([message], { components }, undefined, [clientProxy]);
    const bridge = new TestComponent(at.core);
    const state = () => at.log.of('client_proxy_subscription').at(-1)?.state;
    expect(state()).toBe('unreachable');
    await bridge.prove();
    const says = (type: string) => bridge.say(`<presence xmlns='${NS}' type='${type}' from='${bot}' to='${PROXY}'/>`);
    const heard = () => bridge.stanzas.splice(0).flatMap((xml) => /^<presence.* type='(\w+)'/.exec(xml)?.[1] ?? []);
    const times: number[] = [];
    const until = (end: number) => {
      for (; at.clock.now < end; at.clock.now += 1000) {
        at.core.sweep();
        if (heard().includes('subscribe')) times.push(at.clock.now / 1000);
      }
    };
    until(200_000);
    expect(times).toEqual([10, 30, 70, 150]);
    expect(state()).toBe('asked');
    says('unsubscribed');
    expect(state()).toBe('refused');
    until(400_000);
    says('subscribed');
    expect([state(), heard()]).toEqual(['subscribed', ['probe']]);
    until(20_000_000);
    expect(times).toEqual([10, 30, 70, 150, 310]);
    says('unsubscribed');
    until(20_040_000);
    expect(times.slice(5)).toEqual([20_010, 20_020]);
  });

  test('is there once the account says yes; taken back, nobody is asked, and it is asked for again', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    const value = async (name: string) =>
      (await at.metrics.text()).match(new RegExp(`bosh_${name}{host="${PROXY}"} (\\d+)`))?.[1];
    expect([await value('client_proxy_subscribed'), await value('client_proxy_clients')]).toEqual(['1', '1']);
    client.say(`<presence xmlns='jabber:client' type='unsubscribed' to='${PROXY}'/>`);
    await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
    expect([await value('client_proxy_subscribed'), await value('client_proxy_clients')]).toEqual(['0', '0']);
    romeo.say(request('1'));
    expect(conditionOf(only(romeo))).toBe('service-unavailable');
    taken(client);
    at.clock.now = 3_600_000;
    at.core.sweep();
    await client.hears("type='subscribe'");
  });

  test('a component that comes anew learns who is there', async () => {
    const at = await proxied();
    const [client, romeo] = [await serving(at, 'a'), await user(at)];
    romeo.say(request('1'));
    taken(client);
    at.core.reload(OPTIONS);
    expect(told(only(romeo))).toEqual(['error', '1', PROXY, 'service-unavailable']);
    romeo.say(request('2'));
    expect(conditionOf(only(romeo))).toBe('remote-server-not-found');
    at.core.reload({ ...OPTIONS, components: { [PROXY]: component() } });
    const there = async () => (await at.metrics.text()).includes(`clients{host="${PROXY}"} 1`);
    while (!(await there())) await new Promise((resolve) => setImmediate(resolve));
    romeo.say(request('3'));
    client.say(result(only(client)));
    expect(told(only(romeo))).toEqual(['result', '3', PROXY, undefined]);
  });

  test('who may see the component is told that it is there', async () => {
    const at = await proxied();
    const client = await serving(at, 'a');
    client.say(`<presence xmlns='jabber:client' type='subscribe' to='${PROXY}'/>`);
    await client.hears("type='subscribed'");
  });
});
