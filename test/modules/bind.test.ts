// Binding with accounts whose data is slow to come, and whose clients come and go meanwhile.

import { describe, expect, test } from 'vitest';
import type { Module } from '../../src/core/module.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { ROSTERS } from '../../src/modules/rosters.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { CoreClient, OPTIONS, shown, testCore } from '../support/core.js';
import { SlowDriver } from '../support/slow-driver.js';

const module = (name: string, load: Module['load']): Module => ({
  name,
  about: 'For tests.',
  specifications: [],
  load,
});

const binding = (resource: string) =>
  `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;

/** A client that has asked for a resource, and waits. */
async function asking(core: CoreClient['core'], username: string, resource: string): Promise<CoreClient> {
  const client = new CoreClient(core);
  await client.when(() => client.headers.length === 1);
  client.say(`<auth xmlns='test'>${username}</auth>`);
  client.say(binding(resource));
  return client;
}

describe('the data of an account', () => {
  test('is there for a client that replaces the only other one (RFC 6120 section 7.7.2.2)', async () => {
    const { core } = testCore([roster, presence]);
    const juliet = await new CoreClient(core).enter('juliet');
    await shown(await new CoreClient(core).enter('romeo'), juliet);
    await juliet.available();
    const again = await new CoreClient(core).enter('romeo');
    again.say("<presence xmlns='jabber:client'><show>chat</show></presence>");
    expect(await juliet.hears('<show>chat</show>')).toContain("from='romeo@example.test/test'");
  });

  test('is there for a client that comes while the last one leaves', async () => {
    const driver = new SlowDriver();
    const slow = module('slow', (host) => {
      const store = host.open('slow', 'keyvalue');
      host.hooks.on('session-binding', ({ waits }) => void waits.push(store.get('')));
    });
    const { core } = testCore([roster, presence, slow], {}, driver);
    const juliet = await new CoreClient(core).enter('juliet');
    const romeo = await new CoreClient(core).enter('romeo');
    await shown(romeo, juliet);
    await juliet.available();
    driver.hold('slow');
    const next = await asking(core, 'romeo', 'other');
    await driver.asked('slow');
    romeo.end.close({ how: 'closed' });
    driver.release('slow');
    await next.hears("id='bind'");
    next.say("<presence xmlns='jabber:client'><show>chat</show></presence>");
    expect(await juliet.hears('<show>chat</show>')).toContain("from='romeo@example.test/other'");
  });

  test('is not kept for a client that left before it was there', async () => {
    const driver = new SlowDriver();
    const rosters: { get?: (username: string) => unknown } = {};
    const curious: Module = {
      ...module(
        'curious',
        (host) => void Object.assign(rosters, { get: (name: string) => host.use(ROSTERS).get(name) }),
      ),
      needs: ['roster'],
    };
    const { core, told } = testCore([roster, curious], {}, driver);
    driver.hold('roster');
    const romeo = await asking(core, 'romeo', 'test');
    await driver.asked('roster');
    romeo.end.close({ how: 'lost' });
    driver.release('roster');
    await new CoreClient(core).enter('juliet');
    expect(rosters.get?.('romeo')).toBeUndefined();
    expect(rosters.get?.('juliet')).toBeDefined();
    expect(told.filter((line) => line.includes('romeo'))).toEqual([]);
  });
});

test('the limit of resources holds for clients that come at once; who replaces one does not count', async () => {
  const driver = new SlowDriver();
  const limits = { ...OPTIONS.limits, sessions_per_user: 2 };
  const { core } = testCore([roster], { limits }, driver);
  driver.hold('roster');
  const clients = await Promise.all(['one', 'two', 'three'].map((resource) => asking(core, 'romeo', resource)));
  await driver.asked('roster');
  driver.release('roster');
  const answers = await Promise.all(clients.map((client) => client.hears("id='bind'")));
  expect(answers.filter((xml) => xml.includes('resource-constraint'))).toHaveLength(1);
  const taken = core.hosts.get('example.test')?.sessions.of('romeo').at(0)?.jid.resource ?? '';
  const again = await asking(core, 'romeo', taken);
  expect(await again.hears("id='bind'")).toContain(`romeo@example.test/${taken}</jid>`);
  expect(core.hosts.get('example.test')?.sessions.of('romeo')).toHaveLength(2);
});

test('a session that is ended by who hears of it is over, and not among the others', async () => {
  const strict = module('strict', ({ hooks }) => {
    hooks.on('session-created', ({ session }) => session.end(new StreamError('policy-violation')));
  });
  const { core, told } = testCore([strict]);
  const romeo = await asking(core, 'romeo', 'test');
  expect((await romeo.closed()).error?.condition).toBe('policy-violation');
  expect(core.hosts.get('example.test')?.sessions.size).toBe(0);
  expect(told).toContain('closed romeo@example.test/test');
});
