import { expect, test } from 'vitest';
import type { CoreOptions } from '../../src/core/options.js';
import { streamLimits } from '../../src/modules/stream-limits.js';
import { CoreClient, OPTIONS, testCore } from '../support/core.js';
import { parseXml } from '../support/xml.js';

const told = (stanza: string) => parseXml(stanza).child('limits', 'urn:xmpp:stream-limits:0')?.child('max-bytes')?.text;

test.each<[number, number, readonly string[]]>([
  [16_384, 100_000, ['8192', '100000']],
  [2000, 100_000, ['2000', '100000']],
  [0, 100_000, ['8192', '100000']],
  [16_384, 4000, ['4000', '4000']],
])(
  'XEP-0478 of %i bytes before authentication and %i after it these are told',
  async (early, max_data_held, expected) => {
    const options: Partial<CoreOptions> = { max_data_held, limits: { ...OPTIONS.limits, stanza_before_auth: early } };
    const client = new CoreClient(testCore([streamLimits], options).core);
    await client.when(() => client.stanzas.length === 1);
    client.say("<auth xmlns='test'>romeo</auth>");
    client.end.open({ to: 'example.test' });
    await client.when(() => client.stanzas.length === 3);
    expect([told(client.stanzas[0]), told(client.stanzas[2])]).toEqual(expected);
  },
);

test('a stanza of that size is taken before authentication, and one byte more is not', async () => {
  for (const [size, ended] of [
    [8192, false],
    [8193, true],
  ] as const) {
    const client = new CoreClient(testCore([streamLimits]).core);
    await client.when(() => client.stanzas.length === 1);
    const auth = "<auth xmlns='test'>romeo</auth>";
    client.say(auth.replace('<auth', `<auth a='${'x'.repeat(size - auth.length - 5)}'`));
    expect(client.ending !== undefined).toBe(ended);
  }
});
