import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { version } from '../../src/modules/version.js';
import { CoreClient, testCore } from '../support/core.js';

test('XEP-0092 the host tells its name and version, and not what it runs on', async () => {
  const { core } = testCore([version]);
  const romeo = await new CoreClient(core).enter('romeo');
  const [query] = (await romeo.ask('get', "<query xmlns='jabber:iq:version'/>", 'example.test')).children;
  const about = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(query.children.map(({ name, text }) => [name, text])).toEqual([
    ['name', 'bosh-server'],
    ['version', about.version],
  ]);
});
