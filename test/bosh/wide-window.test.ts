// Sessions whose clients ask for more `hold` than usual: `requests`, and with it the window, is larger than that (XEP-0124
// section 7.2). It costs the server no more than its options say, and a usual client is as well off as ever.

import { describe, expect, test } from 'vitest';
import type { BoshOptions } from '../../src/bosh/options.js';
import { Client, type FakeHeld, message, OPTIONS } from '../support/bosh-engine.js';

const HIT = ['limits_hit_total{limit="window_bytes"} 1'];
/** A payload of about a kilobyte. */
const large = (id: string) => message(id, 'x'.repeat(1000));
const tight = (window_bytes: number): Partial<BoshOptions> => ({ limits: { ...OPTIONS.limits, window_bytes } });
const upTo = (rid: number, from = 1001) => Array.from({ length: rid - from + 1 }, (_, i) => from + i);
const named = (rids: readonly number[]) => rids.map((rid) => `m${rid}`);
const answered = (helds: readonly FakeHeld[]) => helds.filter((held) => !held.waits).length;

describe('7.2 requests is larger than the hold that was asked for', () => {
  test.each([
    [5, 6],
    [50, 51],
    [254, 255],
    [255, 255],
  ])('hold=%i may have %i requests out of order, and no more are held than granted', (hold, requests) => {
    const client = new Client({ hold });
    expect([client.creation.body.attr('hold'), client.creation.body.attr('requests')]).toEqual(['2', `${requests}`]);
    const early = upTo(1000 + requests, 1002).reverse();
    const helds = early.map((rid) => client.at(rid, {}, message(`m${rid}`)));
    expect([client.server.ids, answered(helds)]).toEqual([[], 0]);
    helds.push(client.at(1001, {}, message('m1001')));
    expect(client.server.ids).toEqual(named(upTo(1000 + requests)));
    expect(answered(helds)).toBe(requests - 2);
    expect(helds.slice(0, 2).map((held) => held.waits)).toEqual([true, true]);
  });

  test('14.2 and a rid beyond that ends the session', () => {
    expect(new Client({ hold: 50 }).at(1051).waits).toBe(true);
    expect(new Client({ hold: 50 }).at(1052).verdict).toBe('terminate item-not-found');
    expect(new Client({ hold: 50 }).at(1052, { pause: 10 }).waits).toBe(true);
  });

  test('14.3 as many responses can be had again, byte by byte, and one that is older cannot', () => {
    const client = new Client({ hold: 254 });
    const helds = upTo(1400).map((rid) => client.at(rid, {}, message(`m${rid}`)));
    // Answered are 398, and 256 of these are kept.
    for (const rid of [1143, 1200, 1398]) {
      const again = client.at(rid, {}, message(`m${rid}`));
      expect(again.response?.body, `${rid}`).toBe(helds[rid - 1001].response?.body);
    }
    expect(client.at(1142, {}, message('m1142')).verdict).toBe('terminate item-not-found');
  });

  test('11 more than requests without an answer is a policy-violation, and so is an empty one that fills them too soon', () => {
    const fill = (count: number) => {
      const client = new Client({ hold: 9 });
      client.server.ready = false;
      for (let i = 1; i <= count; i++) expect(client.next({}, message(`${i}`)).waits, `${i}`).toBe(true);
      return client;
    };
    expect(fill(10).next({}, message('11')).verdict).toBe('terminate policy-violation');
    expect(fill(9).next().verdict).toBe('terminate policy-violation');
    expect(fill(9).next({}, message('10')).waits).toBe(true);
  });
});

describe('requests that wait for an earlier one', () => {
  const fill = (client: Client, count: number) =>
    upTo(1001 + count, 1002).map((rid) => client.at(rid, {}, large(`m${rid}`)));

  test('beyond window_bytes the session ends with policy-violation, and nothing of them is forwarded', async () => {
    const client = new Client({ hold: 50 }, tight(20_000));
    const helds = fill(client, 30);
    const last = helds.findIndex(({ verdict }) => verdict === 'terminate policy-violation');
    // Each takes a little more than its bytes.
    expect(last).toBeGreaterThan(8);
    expect(last).toBeLessThan(18);
    expect(helds.slice(0, last).map(({ verdict }) => verdict)).toEqual(Array(last).fill('terminate other-request'));
    expect([client.server.ids, client.server.closed?.how]).toEqual([[], 'closed']);
    expect(await client.engine.series('limits_hit_total')).toEqual(HIT);
  });

  test('of small ones the window can be full', () => {
    const client = new Client({ hold: 255 });
    const helds = upTo(1255, 1002).map((rid) => client.at(rid, {}, message(`m${rid}`)));
    expect(answered(helds)).toBe(0);
  });

  test('many elements of few bytes count for what they take', () => {
    const client = new Client({ hold: 255 });
    const helds = upTo(1255, 1002).map((rid) => client.at(rid, {}, '<a/>'.repeat(16)));
    expect(answered(helds)).toBe(helds.length);
  });

  test('bytes that are no payload count too', () => {
    const client = new Client({ hold: 50 }, tight(20_000));
    const helds = upTo(1031, 1002).map((rid) => client.at(rid, { x: 'x'.repeat(2000) }, '<a/>'));
    expect(answered(helds)).toBe(helds.length);
  });

  test('those whose connections are gone count as well', () => {
    const client = new Client({ hold: 50 }, tight(20_000));
    for (let rid = 1002; rid <= 1020; rid++) client.engine.sessions.gone(client.at(rid, {}, large(`m${rid}`)));
    expect(client.engine.sessions.size).toBe(0);
  });

  test('those that a server cannot take yet are no different', () => {
    const client = new Client({ hold: 50 }, tight(20_000));
    client.server.ready = false;
    for (let rid = 1001; rid <= 1020; rid++) client.at(rid, {}, large(`m${rid}`));
    expect([client.engine.sessions.size, client.server.ids]).toEqual([0, ['m1001']]);
  });

  test('what had its turn counts no more', () => {
    const client = new Client({ hold: 20 }, tight(8000));
    for (let round = 0; round < 20; round++) {
      const [first, ...others] = upTo(client.rid + 6, client.rid + 1);
      for (const rid of [...others, first]) client.at(rid, {}, large(`m${rid}`));
      client.rid += 6;
    }
    expect(client.server.ids).toEqual(named(upTo(1120)));
  });

  test.each([1, 2, 4, 50])('with hold=%i as many as ever fit, whatever their size', (hold) => {
    const client = new Client({ hold }, tight(1024));
    const usual = Math.min(hold, 4) + 1;
    fill(client, usual - 1);
    client.at(1001 + usual, { pause: 10 }, large(`m${1001 + usual}`));
    client.at(1001, {}, large('m1001'));
    expect(client.server.ids).toEqual(named(upTo(1001 + usual)));
    expect(client.engine.sessions.size).toBe(1);
  });
});

describe('responses that are kept', () => {
  /** Takes 30 responses of a kilobyte. */
  const read = (attributes: { hold: number; ack?: number }) => {
    const client = new Client(attributes, tight(10_000));
    const texts = upTo(1030).map((rid) => {
      client.server.say(large(`s${rid}`));
      return client.at(rid, { ack: attributes.ack && 1000 }, message(`m${rid}`)).text;
    });
    client.rid = 1030;
    const again = (rid: number) => client.at(rid, { ack: attributes.ack && 1000 }, message(`m${rid}`));
    return { client, texts, again };
  };

  test.each([{ hold: 50 }, { hold: 50, ack: 1 }])(
    'with %j only as many as window_bytes holds: the others are lost, and the client learns that',
    async (attributes) => {
      const { client, texts, again } = read(attributes);
      expect(client.engine.sessions.counts.unackedBytes).toBeLessThan(10_000);
      for (const rid of [1023, 1026, 1030]) expect(again(rid).text).toBe(texts[rid - 1001]);
      expect(again(1020).verdict).toBe('terminate item-not-found');
      expect(await client.engine.series('limits_hit_total')).toEqual(HIT);
    },
  );

  test.each([{ hold: 4 }, { hold: 4, ack: 1 }, { hold: 200 }, { hold: 200, ack: 1 }])(
    'with %j no fewer are kept than a usual client may miss, whatever their size',
    (attributes) => {
      const client = new Client(attributes, tight(1024));
      const ack = attributes.ack && 1000;
      const texts = upTo(1020).map((rid) => {
        client.server.say(large(`s${rid}`));
        return client.at(rid, { ack }, message(`m${rid}`)).text;
      });
      for (const rid of upTo(1020, 1015))
        expect(client.at(rid, { ack }, message(`m${rid}`)).text).toBe(texts[rid - 1001]);
      expect(client.at(1014, { ack }, message('m1014')).verdict).toBe('terminate item-not-found');
    },
  );

  test('a repeat that no window would have kept is not counted as a limit', async () => {
    const client = new Client({ hold: 1 });
    for (let i = 0; i < 5; i++) client.next({}, message(`${i}`));
    expect(client.at(1001, {}, message('0')).verdict).toBe('terminate item-not-found');
    expect(await client.engine.series('limits_hit_total')).toEqual([]);
  });
});
