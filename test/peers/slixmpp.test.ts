// slixmpp's plugins at the core: each script has a server and clients of its own, and tells what worked.

import { afterEach, expect, it } from 'vitest';
import { HOUSE, type House, NODES, openHouse, ROOMS } from '../support/peers/house.js';
import { describeWithPython } from '../support/peers/need.js';
import { PASSWORD } from '../support/peers/peer.js';
import { Script } from '../support/peers/python.js';

describeWithPython(['slixmpp'], 'slixmpp', () => {
  let house: House | undefined;

  afterEach(async () => {
    await house?.stop();
    house = undefined;
  });

  it.each([
    ['archive', 'pages through, filters and configures archives', [`cave@${ROOMS}`]],
    ['nodes', 'makes nodes at a service, publishes, subscribes and administers', [NODES]],
    ['profile', 'publishes avatars, tune, nickname and bookmarks', [`cave@${ROOMS}`]],
    ['rooms', 'makes rooms, invites, talks, moderates and destroys', [`orchard@${ROOMS}`]],
    ['people', 'blocks, and gets copies for its other clients', []],
  ] as const)('%s: it %s', { timeout: 90_000 }, async (name, _, args) => {
    house = await openHouse(['romeo', 'juliet', 'nurse']);
    const script = new Script(`slixmpp_${name}.py`, [HOUSE, PASSWORD, String(house.port), ...args]);
    expect(await script.succeeds()).toMatch(/^DONE/m);
  });
});
