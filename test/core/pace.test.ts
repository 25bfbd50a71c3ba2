import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace } from '../../src/core/pace.js';
import { message } from '../../src/modules/message.js';
import { ping } from '../../src/modules/ping.js';
import { CoreClient, OPTIONS, testCore } from '../support/core.js';

const LIMITS = { stanzas_per_second: 2, stanza_burst: 3, bytes_per_second: 100, byte_burst: 1000 };

test('a burst is taken at once, and then as much as the rate allows', () => {
  const pace = new Pace();
  for (let i = 0; i < 3; i++) expect(pace.take(1, 0, LIMITS)).toBeUndefined();
  expect(pace.take(1, 0, LIMITS)).toBe('stanzas_per_second');
  expect(pace.ahead(499, LIMITS)).toBe('stanzas_per_second');
  expect(pace.ahead(500, LIMITS)).toBeUndefined();
  expect(pace.take(1, 500, LIMITS)).toBe('stanzas_per_second');
});

test('bytes are counted too, and a large stanza is paid for afterwards', () => {
  const pace = new Pace();
  expect(pace.take(1500, 0, LIMITS)).toBe('bytes_per_second');
  expect(pace.ahead(4999, LIMITS)).toBe('bytes_per_second');
  expect(pace.ahead(5000, LIMITS)).toBeUndefined();
});

test('who was quiet for long may send one burst, not many', () => {
  const pace = new Pace();
  const burst = (now: number) => [1, 2, 3].map(() => pace.take(1, now, LIMITS));
  burst(0);
  expect(burst(1_000_000)).toEqual([undefined, undefined, undefined]);
  expect(pace.take(1, 1_000_000, LIMITS)).toBe('stanzas_per_second');
});

test('0 is no limit', () => {
  const pace = new Pace();
  const limits = { ...LIMITS, stanzas_per_second: 0, bytes_per_second: 0 };
  for (let i = 0; i < 10_000; i++) expect(pace.take(10_000, 0, limits)).toBeUndefined();
});

test('over any time no more passes than the burst, the rate, and the one stanza that was too much', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2000), fc.nat(300)), { maxLength: 200 }), (steps) => {
      const pace = new Pace();
      let [now, stanzas, bytes] = [0, 0, 0];
      for (const [pause, size] of steps) {
        now += pause;
        if (pace.ahead(now, LIMITS) !== undefined) continue;
        pace.take(size, now, LIMITS);
        stanzas++;
        bytes += size;
        expect(stanzas).toBeLessThanOrEqual(3 + 1 + (now / 1000) * 2);
        expect(bytes).toBeLessThanOrEqual(1000 + 300 + (now / 1000) * 100);
      }
    }),
  );
});

const asked = (id: number) => `<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`;

async function shaped(limits: object = LIMITS) {
  const all = testCore([ping, message], { limits: { ...OPTIONS.limits, ...limits } });
  const client = await new CoreClient(all.core, 'example.test').enter('romeo');
  // What it said to get in is paid for.
  const later = (ms: number) => {
    all.clock.now += ms;
    all.core.sweep();
  };
  later(100_000);
  client.drained = 0;
  return { ...all, client, later };
}

test('a client that floods is read more slowly, and all that it sent is answered in its order', async () => {
  const { client, later, metrics, core } = await shaped();
  const taken = Array.from({ length: 10 }, (_, id) => client.say(asked(id)));
  expect(taken).toEqual([true, true, true, ...Array(7).fill(false)]);
  expect(client.stanzas).toHaveLength(4);
  expect(client.drained).toBe(0);
  const other = await new CoreClient(core).enter('juliet');
  other.say(asked(1));
  await other.hears("id='1'");
  for (let i = 5; i <= 10; i++) {
    later(500);
    expect(client.stanzas).toHaveLength(i);
  }
  expect(client.drained).toBe(0);
  later(500);
  expect(client.drained).toBe(1);
  expect(client.stanzas.map((xml) => /id='(\d+)'/.exec(xml)?.[1])).toEqual([...'0123456789']);
  expect(client.ending).toBeUndefined();
  expect(await metrics.text()).toContain('bosh_limits_hit_total{limit="stanzas_per_second"} 7');
});

test('what a client sent before it went is looked at all the same, and at once', async () => {
  const { client, told, core } = await shaped();
  const other = await new CoreClient(core).enter('juliet');
  for (let id = 0; id < 4; id++) client.say(asked(id));
  client.say("<message xmlns='jabber:client' to='juliet@example.test/test' id='last'/>");
  expect(other.stanzas).toEqual([]);
  client.end.close({ how: 'closed' });
  expect(other.stanzas).toHaveLength(1);
  expect(told.at(-1)).toBe('closed romeo@example.test/test');
});

test('without rates there is no pace, also for who was waiting for it', async () => {
  const { client, core, later } = await shaped();
  for (let id = 0; id < 10; id++) client.say(asked(id));
  core.reload({ ...OPTIONS, limits: { ...OPTIONS.limits, ...LIMITS, rates: false } });
  later(1);
  expect(client.stanzas).toHaveLength(10);
  expect(client.drained).toBe(1);
});
