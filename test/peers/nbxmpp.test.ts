// nbxmpp's modules, those of Gajim, at the core: each script has a server and clients of its own, and tells what worked.

import { afterEach, expect, it } from 'vitest';
import type { ServerOptions } from '../../src/index.js';
import { HOUSE, HOUSE_OPTIONS, type House, NODES, openHouse, ROOMS } from '../support/peers/house.js';
import { describeWithPython } from '../support/peers/need.js';
import { PASSWORD } from '../support/peers/peer.js';
import { Script } from '../support/peers/python.js';

const LARGEST = 200_000;

const COMMANDED = { domains: { [HOUSE]: { admins: [`romeo@${HOUSE}`] } } };
const WITH_FILES = {
  components: {
    ...HOUSE_OPTIONS.components,
    [`files.${HOUSE}`]: { module: 'upload', upload: { max_file_size: LARGEST } },
  },
};

describeWithPython(['nbxmpp'], 'nbxmpp', () => {
  let house: House | undefined;

  afterEach(async () => {
    await house?.stop();
    house = undefined;
  });

  async function runs(name: string, people: readonly string[], args: readonly string[], options: ServerOptions = {}) {
    house = await openHouse(people, options);
    const script = new Script(`nbxmpp_${name}.py`, [HOUSE, PASSWORD, String(house.port), ...args]);
    expect(await script.succeeds()).toMatch(/^DONE/m);
  }

  it.each([
    ['archive', 'pages through and configures archives, and blocks', []],
    ['profile', 'publishes avatars, devices, bookmarks and vCards', [`cave@${ROOMS}`, NODES]],
    ['rooms', 'makes rooms, invites, talks, moderates and destroys', [`orchard@${ROOMS}`]],
  ] as const)('%s: it %s', { timeout: 90_000 }, async (name, _, args) => {
    await runs(name, ['romeo', 'juliet', 'nurse'], args);
  });

  it('commands: it lists, fills in, cancels and executes', { timeout: 90_000 }, async () => {
    await runs('commands', ['romeo', 'juliet'], [], COMMANDED);
  });

  it('files: it finds the service, uploads and gets', { timeout: 90_000 }, async () => {
    await runs('files', ['romeo'], [String(LARGEST)], WITH_FILES);
  });
});
