import { describe, expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Client, message } from '../support/bosh-engine.js';

/** A client with two streams. */
function two() {
  const client = new Client();
  const first = client.creation.body.attr('stream') ?? '';
  const added = client.next({ to: 'other.example', 'xmpp:version': '1.0', 'xmlns:xmpp': NS.xbosh });
  const second = added.body.attr('stream') ?? '';
  const [one, other] = client.engine.servers;
  other.welcome('o1');
  client.engine.clock.turn();
  return { client, added, first, second, one, other };
}

describe('several streams', () => {
  test('16.2 an empty request with to opens another, and its answer names it and nothing of the session', () => {
    const { client, added, first, second, other } = two();
    expect(other.headers[0]).toMatchObject({ to: 'other.example', version: '1.0' });
    expect(second).toMatch(/^[\w-]{16,}$/);
    expect(second).not.toBe(first);
    for (const name of ['sid', 'requests', 'polling', 'hold', 'wait', 'ver'])
      expect(added.body.attr(name)).toBeUndefined();
    const features = client.next({}, message('x'));
    expect([features.body.attr('stream'), features.body.attr('from')]).toEqual([second, 'example.com']);
    expect(client.engine.sessions.streams).toBe(2);
  });

  test('16.3 payloads go to the stream they name, or to all', () => {
    const { client, first, second, one, other } = two();
    client.next({ stream: second }, message('s'));
    client.next({ stream: first }, message('f'));
    client.next({}, message('all'));
    expect([one.ids, other.ids]).toEqual([
      ['f', 'all'],
      ['s', 'all'],
    ]);
  });

  test('16.3 one body is of one stream, which it names, and all get their turn', () => {
    const { client, first, second, one, other } = two();
    client.next({}, message('features'));
    one.say(message('a'));
    other.say(message('b'));
    one.say(message('c'));
    const bodies = [client.next({}, message('1')).body, client.next({}, message('2')).body];
    const said = bodies.map((body) => [body.attr('stream'), ...body.children.map((child) => child.attr('id'))]);
    expect(said.sort()).toEqual(
      [
        [first, 'a', 'c'],
        [second, 'b'],
      ].sort(),
    );
  });

  test('16.3 an unknown stream ends the session; on an empty request it is ignored', () => {
    const { client } = two();
    expect(client.next({ stream: 'nope' }).verdict).toBe('');
    client.engine.pass(3000);
    expect(client.next({ stream: 'nope' }, message('x')).verdict).toBe('terminate item-not-found');
  });

  test('16.4 one is closed by name, the session stays; what comes late for it is ignored', () => {
    const { client, second, one, other } = two();
    client.next({}, message('features'));
    const held = client.next({ stream: second, type: 'terminate' }, message('bye'));
    expect(other.ids.at(-1)).toBe('bye');
    expect([other.closed?.how, one.closed]).toEqual(['closed', undefined]);
    expect([held.verdict, held.body.attr('stream')]).toEqual(['terminate', second]);
    expect(client.engine.sessions.size).toBe(1);
    expect(client.engine.sessions.streams).toBe(1);
    expect(client.next({ stream: second }, message('late')).waits).toBe(true);
  });

  test('16.4 closing the last, or naming none, ends the session', () => {
    const { client, first, second, one, other } = two();
    client.next({}, message('features'));
    client.next({ stream: second, type: 'terminate' });
    client.next({ stream: first, type: 'terminate' });
    expect(client.engine.sessions.size).toBe(0);
    expect([one.closed?.how, other.closed?.how]).toEqual(['closed', 'closed']);
    const all = two();
    all.client.next({ type: 'terminate' }, message('bye'));
    expect([all.one.ids.at(-1), all.other.ids.at(-1)]).toEqual(['bye', 'bye']);
    expect(all.client.engine.sessions.size).toBe(0);
  });

  test('16.5 the error of one server ends its stream alone', () => {
    const { client, second, other } = two();
    client.next({}, message('features'));
    const held = client.next({}, message('x'));
    other.client.close({ how: 'closed', error: new StreamError('host-gone') });
    client.engine.clock.turn();
    expect([held.verdict, held.body.attr('stream')]).toEqual(['terminate host-gone', second]);
    expect(client.engine.sessions.size).toBe(1);
  });

  test('16 more streams than max_streams_per_session are a policy-violation', () => {
    const client = new Client({}, { max_streams_per_session: 2 });
    expect(client.next({ to: 'a.example' }).verdict).toBe('');
    expect(client.next({ to: 'b.example' }).verdict).toBe('terminate policy-violation');
  });

  test('16.2 with one stream allowed, none is named and to is ignored', () => {
    const client = new Client({}, { max_streams_per_session: 1 });
    expect(client.creation.body.attr('stream')).toBeUndefined();
    expect(client.next({ to: 'a.example' }).waits).toBe(true);
    expect(client.engine.servers).toHaveLength(1);
    // Section 11 holds for it as for any empty request.
    expect(client.next({ to: 'a.example' }).verdict).toBe('terminate policy-violation');
  });
});
