// External components (XEP-0114) at a core in memory, over streams without a transport.

import { describe, expect, test } from 'vitest';
import type { ComponentOptions } from '../../src/core/options.js';
import { disco } from '../../src/modules/disco.js';
import { message } from '../../src/modules/message.js';
import { roster } from '../../src/modules/roster.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { CoreClient, testCore } from '../support/core.js';
import { BRIDGE, NS, PROGRAM, TestComponent } from '../support/core-component.js';

function build(options: Partial<ComponentOptions> = {}) {
  return testCore([roster, message, disco], { components: { [BRIDGE]: { ...PROGRAM, name: 'Bridge', ...options } } });
}

const chat = (id: string, to = `user@${BRIDGE}`) =>
  `<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>hi</body></message>`;

describe('XEP-0114', () => {
  test('3: who knows the secret is welcome, and then hears and says stanzas in its namespace', async () => {
    const { core } = build();
    const bridge = await new TestComponent(core).prove();
    expect(bridge.stanzas).toEqual([`<handshake xmlns='${NS}'/>`]);
    const romeo = await new CoreClient(core).enter('romeo');
    romeo.say(chat('1'));
    expect(bridge.stanzas[1]).toBe(
      `<message from='romeo@example.test/test' xmlns='${NS}' type='chat' to='user@${BRIDGE}' id='1'><body>hi</body></message>`,
    );
    bridge.say(
      `<message xmlns='${NS}' from='user@${BRIDGE}/x' to='romeo@example.test/test' id='2'><body>ho</body></message>`,
    );
    expect(romeo.stanzas).toEqual([
      `<message xmlns='jabber:client' from='user@${BRIDGE}/x' to='romeo@example.test/test' id='2'><body>ho</body></message>`,
    ]);
  });

  test.each([['a wrong secret', 'other', 'not-authorized']])('%s is refused', async (_, secret, condition) => {
    const bridge = await new TestComponent(build().core).prove(secret);
    expect((await bridge.closed()).error?.condition).toBe(condition);
  });

  test('who proves nothing in time is let go', async () => {
    const { core, clock } = build();
    const [stranger, bridge] = [new TestComponent(core), await new TestComponent(core).prove()];
    clock.now = 119_999;
    core.sweep();
    expect(stranger.ending).toBeUndefined();
    clock.now = 120_000;
    core.sweep();
    expect((await stranger.closed()).error?.condition).toBe('connection-timeout');
    expect(bridge.ending).toBeUndefined();
  });

  test('a component nobody configured is host-unknown', async () => {
    const stranger = new TestComponent(build().core, 'other.example.test');
    expect((await stranger.closed()).error?.condition).toBe('host-unknown');
  });

  test('a second connection is a conflict, and the first lives on', async () => {
    const { core } = build();
    const bridge = await new TestComponent(core).prove();
    const second = await new TestComponent(core).prove();
    expect((await second.closed()).error?.condition).toBe('conflict');
    expect(bridge.ending).toBeUndefined();
  });

  test.each([
    [
      'before the handshake',
      `<message xmlns='${NS}' from='${BRIDGE}' to='romeo@example.test'/>`,
      'not-authorized',
      false,
    ],
    ['without from', `<message xmlns='${NS}' to='romeo@example.test'/>`, 'improper-addressing', true],
    ['without to', `<message xmlns='${NS}' from='${BRIDGE}'/>`, 'improper-addressing', true],
    ['of another domain', `<message xmlns='${NS}' from='example.test' to='romeo@example.test'/>`, 'invalid-from', true],
    [
      'that is none',
      `<other xmlns='${NS}' from='${BRIDGE}' to='romeo@example.test'/>`,
      'unsupported-stanza-type',
      true,
    ],
    [
      'of clients',
      `<message xmlns='jabber:client' from='${BRIDGE}' to='a@example.test'/>`,
      'unsupported-stanza-type',
      true,
    ],
  ])('a stanza %s ends the stream', async (_, xml, condition, proved) => {
    const bridge = new TestComponent(build().core);
    await bridge.when(() => bridge.headers.length === 1);
    if (proved) await bridge.prove();
    bridge.say(xml);
    expect((await bridge.closed()).error?.condition).toBe(condition);
  });
});

test('it is found among the services of its domain', async () => {
  const { core } = build();
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say(
    "<iq xmlns='jabber:client' type='get' id='d' to='example.test'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
  );
  expect(await romeo.hears("id='d'")).toMatch(/<item [^>]*jid=['"]bridge\.example\.test['"][^>]*name=['"]Bridge['"]/);
});

test('what is for a component that is away goes back; or waits so long, and then goes back', async () => {
  const away = build();
  const romeo = await new CoreClient(away.core).enter('romeo');
  romeo.say(chat('1'));
  expect(await romeo.hears("id='1'")).toContain('<service-unavailable');

  const { core, clock } = build({ queue: 10 });
  const juliet = await new CoreClient(core).enter('juliet');
  juliet.say(chat('1'));
  clock.now = 5000;
  juliet.say(chat('2'));
  clock.now = 10_000;
  core.sweep();
  expect(await juliet.hears("id='1'")).toContain('<remote-server-timeout');
  expect(juliet.stanzas).toEqual([]);
  const bridge = await new TestComponent(core).prove();
  expect(bridge.stanzas[1]).toContain("id='2'");
});

test('what waits has a limit of bytes', async () => {
  const { core } = build({ queue: 10, queue_bytes: 300 });
  const romeo = await new CoreClient(core).enter('romeo');
  for (const id of ['1', '2', '3']) romeo.say(chat(id));
  expect(await romeo.hears("id='3'")).toContain('<service-unavailable');
});

test('several connections share the load: a sender keeps to one, and who asked gets the answer', async () => {
  const { core } = build({ multiple: true });
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await new TestComponent(core).prove());
  // Each connection's salt is random: with 100 senders, one that gets none comes once in 10^17 runs.
  const users = [];
  for (let i = 0; i < 100; i++) users.push(await new CoreClient(core).enter(`user${i}`));
  for (const user of users) for (const id of ['1', '2']) user.say(chat(id));
  const senders = all.map(({ stanzas }) => stanzas.flatMap((xml) => /from='(user\d+)@/.exec(xml)?.[1] ?? []));
  expect(senders.flat()).toHaveLength(200);
  for (const heard of senders) {
    expect(heard.length).toBeGreaterThan(0);
    for (const name of heard) expect(heard.filter((each) => each === name)).toHaveLength(2);
  }
  for (const [index, component] of all.entries()) {
    component.say(
      `<iq xmlns='${NS}' type='get' id='ask${index}' from='${BRIDGE}' to='user0@example.test/test'><q xmlns='x'/></iq>`,
    );
    users[0].say(`<iq xmlns='jabber:client' type='result' id='ask${index}' to='${BRIDGE}'/>`);
    expect(component.stanzas.pop()).toContain(`id='ask${index}'`);
  }
  const [first] = all;
  const moved = senders[0];
  first.end.close({ how: 'lost' });
  for (const user of users) user.say(chat('3'));
  const after = all.slice(1).flatMap(({ stanzas }) => stanzas.filter((xml) => xml.includes("id='3'")));
  expect(after).toHaveLength(100);
  expect(moved.length).toBeGreaterThan(0);
});

test('what a component did not get when it was lost goes back', async () => {
  const { core } = build();
  const bridge = await new TestComponent(core).prove();
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say(chat('1'));
  bridge.end.close({ how: 'lost', undelivered: [Stanza.from(bridge.stanzas[1])] });
  expect(await romeo.hears("id='1'")).toContain('<recipient-unavailable');
});

test('a component that does not keep up gets no more', async () => {
  const { core } = build();
  const bridge = await new TestComponent(core).prove();
  bridge.takes = false;
  const romeo = await new CoreClient(core).enter('romeo');
  romeo.say(chat('1'));
  romeo.say(chat('2'));
  expect(await romeo.hears("id='2'")).toContain('<resource-constraint');
  bridge.end.drain();
  romeo.say(chat('3'));
  expect(bridge.stanzas.pop()).toContain("id='3'");
});

test('a component that floods is read more slowly', async () => {
  const { core, clock, metrics } = build({ stanzas_per_second: 2 });
  const bridge = await new TestComponent(core).prove();
  const romeo = await new CoreClient(core).enter('romeo');
  const said = [];
  for (let i = 0; i < 25; i++) {
    said.push(bridge.say(`<message xmlns='${NS}' from='${BRIDGE}' to='romeo@example.test/test' id='${i}'/>`));
  }
  // Its handshake was the first of the twenty that it may send at once.
  expect(said.indexOf(false)).toBe(19);
  expect(romeo.stanzas).toHaveLength(25);
  core.sweep();
  expect(bridge.drained).toBe(0);
  clock.now = 3000;
  core.sweep();
  expect(bridge.drained).toBe(1);
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="stanzas_per_second"} 1\n');
});

test('an error for a component is in its namespace, all of it', async () => {
  const { core } = build();
  const bridge = await new TestComponent(core).prove();
  bridge.say(`<message xmlns='${NS}' from='${BRIDGE}' to='nobody@example.test' id='1'/>`);
  await bridge.when(() => bridge.stanzas.length === 2);
  expect(bridge.stanzas[1]).toContain('type="error"'.replaceAll('"', "'"));
  expect(bridge.stanzas[1]).not.toContain('jabber:client');
});
