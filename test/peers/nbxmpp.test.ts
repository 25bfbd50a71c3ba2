// nbxmpp's modules, those of Gajim, at the core: each script has a server and clients of its own, and tells what worked.

import { afterEach, expect, it } from 'vitest';
import { HOUSE, type House, NODES, openHouse, ROOMS } from '../support/peers/house.js';
import { describeWithPython } from '../support/peers/need.js';
import { PASSWORD } from '../support/peers/peer.js';
import { Script } from '../support/peers/python.js';

describeWithPython(['nbxmpp'], 'nbxmpp', () => {
  let house: House | undefined;

  afterEach(async () => {
    await house?.stop();
    house = undefined;
  });

  it.each([
    ['archive', 'pages through and configures archives, and blocks', []],
    ['profile', 'publishes avatars, devices, bookmarks and vCards', [`cave@${ROOMS}`, NODES]],
    ['rooms', 'makes rooms, invites, talks, moderates and destroys', [`orchard@${ROOMS}`]],
  ] as const)('%s: it %s', { timeout: 90_000 }, async (name, _, args) => {
    house = await openHouse(['romeo', 'juliet', 'nurse']);
    const script = new Script(`nbxmpp_${name}.py`, [HOUSE, PASSWORD, String(house.port), ...args]);
    expect(await script.succeeds()).toMatch(/^DONE/m);
  });
});
