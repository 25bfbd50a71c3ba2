// Every limit that ends a session is counted by its name.

import { describe, expect, test } from 'vitest';
import { NS } from '../../src/xmpp/ns.js';
import { Client, Engine, FakeHeld, message, OPTIONS } from '../support/bosh-engine.js';

const hit = (limit: string) => [`limits_hit_total{limit="${limit}"} 1`];

describe('a limit that was in the way is counted', () => {
  test('max_data_held', async () => {
    const { engine, sid } = new Client();
    engine.sessions.oversize(
      Buffer.from(`<body xmlns='${NS.httpbind}' rid='1001' sid='${sid}'>`),
      new FakeHeld(engine.clock),
    );
    expect(await engine.series('limits_hit_total')).toEqual(hit('max_data_held'));
  });

  test('16.2 max_streams_per_session', async () => {
    const client = new Client({}, { max_streams_per_session: 2 });
    client.next({ to: 'b.example' });
    expect(client.next({ to: 'c.example' }).verdict).toBe('terminate policy-violation');
    expect(await client.engine.series('limits_hit_total')).toEqual(hit('max_streams_per_session'));
  });

  test('queue_hard, and the queue while it lasts', async () => {
    const limits = { ...OPTIONS.limits, queue_soft: 100, queue_hard: 500 };
    const { engine } = new Client({}, { limits });
    const said = message('a', 'x'.repeat(300));
    engine.say(said);
    expect(await engine.series('queue_bytes')).toEqual([`queue_bytes{queue="bosh"} ${said.length}`]);
    engine.say(said);
    expect(await engine.series('queue_bytes')).toEqual(['queue_bytes{queue="bosh"} 0']);
    expect(await engine.series('limits_hit_total')).toEqual(hit('queue_hard'));
  });

  test('11 a client that polls too fast', async () => {
    const client = new Client({ hold: 0 });
    for (let i = 0; i < 3; i++) client.next();
    expect(await client.engine.series('limits_hit_total')).toEqual(hit('overactivity'));
  });
});

describe('a body that is not taken is counted by its stream error', () => {
  test.each([
    ['<body', 'not-well-formed'],
    ['<!DOCTYPE body>', 'restricted-xml'],
    [`<body xmlns='urn:x'/>`, 'invalid-namespace'],
  ])('%s: %s', async (xml, reason) => {
    const engine = new Engine();
    engine.send(xml);
    expect(await engine.series('xml_rejected_total')).toEqual([`xml_rejected_total{reason="${reason}"} 1`]);
  });

  test('a stanza over its limits counts as a limit too', async () => {
    const engine = new Engine();
    const deep = '<a>'.repeat(100) + '</a>'.repeat(100);
    engine.post({}, `<message xmlns='${NS.client}'>${deep}</message>`);
    expect(await engine.series('xml_rejected_total')).toEqual(['xml_rejected_total{reason="policy-violation"} 1']);
    expect(await engine.series('limits_hit_total')).toEqual(hit('stanza'));
  });
});
