// What is counted of every stream, and what a client may send before it is authenticated.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/log.js';
import { Metrics } from '../../src/metrics.js';
import { Connector } from '../../src/stream/connector.js';
import type { ClientStream } from '../../src/stream/end.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from '../support/client-stream.js';
import { ScriptedUpstream } from '../support/ws-upstream.js';

const LIMIT = 1000;

/** A house with one client, whose server opens when it is told. */
function house(to = 'example.test', stanza_before_auth = LIMIT) {
  const metrics = new Metrics();
  const proxy = new ScriptedUpstream();
  proxy.answers = false;
  const rates = { sessions: 9, sessions_per_address: 9, creations_per_second: 9, creation_burst: 9 };
  const limits = { rates: false, ...rates, stanza_before_auth };
  const firewall = { allow: ['example.net'], deny: [] };
  const options = { upstreams: { 'Example.test': {} }, firewall, trusted_proxies: [], limits };
  const connector = new Connector(options, { proxy, log: silentLog, metrics });
  const client = new FakeClient();
  const end = connector.attach(client, { to });
  const [server] = proxy.ends;
  /** The series that begin so, without the prefix. */
  const series = async (name: string) =>
    [...(await metrics.text()).matchAll(new RegExp(`^bosh_(${name}\\S* \\S+)$`, 'gm'))].map(([, line]) => line).sort();
  return { connector, client, end, server, guest: server.client as ClientStream, series };
}

const element = (xml: string) => Stanza.from(xml);
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const message = element("<message xmlns='jabber:client'/>");
const iq = (type: string, id: string, payload = '') =>
  element(`<iq xmlns='jabber:client' type='${type}' id='${id}'>${payload}</iq>`);
const large = element(`<iq xmlns='jabber:client' type='set' id='l'><q xmlns='x'>${'x'.repeat(LIMIT)}</q></iq>`);
const success = element(`<success xmlns='${SASL}'/>`);
const auth = (mechanism: string) => element(`<auth xmlns='${SASL}' mechanism='${mechanism}'/>`);

describe('streams', () => {
  test('are counted by state, and by host when they began', async () => {
    const { guest, series } = house();
    expect(await series('sessions\\{')).toEqual([
      'sessions{transport="websocket",state="open"} 0',
      'sessions{transport="websocket",state="opening"} 1',
    ]);
    guest.open({ id: '1' });
    guest.open({ id: '2' });
    expect(await series('sessions')).toEqual([
      'sessions_created_total{transport="websocket",host="example.test"} 1',
      'sessions{transport="websocket",state="open"} 1',
      'sessions{transport="websocket",state="opening"} 0',
    ]);
  });

  test('are counted once when they end, by the reason that was said first', async () => {
    const { guest, end, series } = house();
    end.close({ how: 'lost', error: new StreamError('connection-timeout') });
    guest.close({ how: 'closed' });
    expect(await series('sessions_closed_total')).toEqual([
      'sessions_closed_total{transport="websocket",reason="connection-timeout"} 1',
    ]);
    expect(await series('session_duration_seconds_count')).toEqual(['session_duration_seconds_count 1']);
  });

  test('to a domain that nobody configured have the host other', async () => {
    const { series } = house('example.net');
    expect(await series('sessions_created_total')).toEqual([
      'sessions_created_total{transport="websocket",host="other"} 1',
    ]);
  });
});

describe('elements', () => {
  test('are counted by kind and direction', async () => {
    const { guest, end, series } = house();
    for (const one of [message, message, iq('get', '1'), auth('PLAIN')]) end.stanza(one);
    const presence = element("<presence xmlns='jabber:client'/>");
    const nonzas = ['proceed', 'inactive', 'r', 'a'].map((name) => element(`<${name} xmlns='urn:x'/>`));
    for (const one of [presence, ...nonzas, element("<x:iq xmlns:x='jabber:client'/>")]) guest.stanza(one);
    expect(await series('stanzas_total')).toEqual(
      [
        ['in', 'iq', 1],
        ['in', 'message', 2],
        ['in', 'other', 1],
        ['in', 'presence', 0],
        ['out', 'iq', 0],
        ['out', 'message', 0],
        ['out', 'other', 5],
        ['out', 'presence', 1],
      ].map(([direction, kind, count]) => {
        return `stanzas_total{direction="${direction}",kind="${kind}",host="example.test"} ${count}`;
      }),
    );
  });
});

describe('log-ins', () => {
  test('RFC 6120 6.4 are counted by mechanism and outcome', async () => {
    const { guest, end, series } = house();
    end.stanza(auth('SCRAM-SHA-1'));
    guest.stanza(element(`<failure xmlns='${SASL}'><not-authorized/></failure>`));
    end.stanza(auth('SCRAM-SHA-1'));
    guest.stanza(element(`<challenge xmlns='${SASL}'/>`));
    guest.stanza(success);
    end.stanza(auth('PLAIN'));
    guest.stanza(success);
    expect(await series('auth_total')).toEqual([
      'auth_total{host="example.test",mechanism="SCRAM-SHA-1",outcome="failure"} 1',
      'auth_total{host="example.test",mechanism="SCRAM-SHA-1",outcome="success"} 1',
    ]);
  });

  test.each([
    ['HT-SHA-256-ENDP', 'HT'],
    ['MADE-UP', 'other'],
    ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256-PLUS'],
  ])('XEP-0388 %s is counted as %s', async (mechanism, label) => {
    const { guest, end, series } = house();
    end.stanza(element(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'/>`));
    guest.stanza(element("<success xmlns='urn:xmpp:sasl:2'/>"));
    expect(await series('auth_total')).toContain(
      `auth_total{host="example.test",mechanism="${label}",outcome="success"} 1`,
    );
  });
});

describe('before authentication', () => {
  const over = async (prepare: (all: ReturnType<typeof house>) => void) => {
    const all = house();
    prepare(all);
    expect(all.end.stanza(large)).toBe(true);
    return all;
  };

  test('a large stanza ends the stream on both sides and is not passed on', async () => {
    const { client, server, connector, series, end } = await over(() => {});
    expect(client.ending).toMatchObject({ how: 'closed', error: { condition: 'policy-violation' } });
    expect(server.endings).toHaveLength(1);
    expect(server.stanzas).toEqual([]);
    expect(connector.size).toBe(0);
    expect(await series('limits_hit_total')).toEqual(['limits_hit_total{limit="stanza_before_auth"} 1']);
    end.stanza(message);
    end.close({ how: 'closed' });
    expect(server.stanzas).toEqual([]);
    expect(server.endings).toHaveLength(1);
  });

  test('it stays so after a failure', async () => {
    const { server } = await over(({ guest }) => guest.stanza(element(`<failure xmlns='${SASL}'/>`)));
    expect(server.stanzas).toEqual([]);
  });

  test.each(['urn:example', 'jabber:client'])('<success/> in %s is none', async (ns) => {
    const { server } = await over(({ guest }) => guest.stanza(element(`<success xmlns='${ns}'/>`)));
    expect(server.stanzas).toEqual([]);
  });

  test('what the client says of success does not count', async () => {
    const { server } = await over(({ end }) => end.stanza(success));
    expect(server.stanzas).toHaveLength(1);
  });

  test.each([
    ['RFC 6120 6.4.6 SASL', success],
    ['XEP-0388 SASL2', element("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier/></success>")],
    ['a message that is delivered', message],
  ])('%s ends it', async (_, said) => {
    const { server } = await over(({ guest }) => guest.stanza(said));
    expect(server.stanzas).toHaveLength(1);
  });

  test('XEP-0078 the result of jabber:iq:auth ends it, another result does not', async () => {
    const query = "<query xmlns='jabber:iq:auth'><username>romeo</username></query>";
    const asked = (id: string) => (all: ReturnType<typeof house>) => {
      all.end.stanza(iq('set', 'a', query));
      all.guest.stanza(iq('result', id));
    };
    expect((await over(asked('a'))).server.stanzas).toHaveLength(2);
    expect((await over(asked('b'))).server.stanzas).toHaveLength(1);
  });

  test('0 sets no limit', () => {
    const { end, server } = house('example.test', 0);
    end.stanza(large);
    expect(server.stanzas).toHaveLength(1);
  });
});

describe('who was asked to wait', () => {
  const step = fc.constantFrom(
    'client full',
    'client takes',
    'client drains',
    'server full',
    'server takes',
    'server drains',
    'end',
  );

  test('is counted once a side, until it can go on or the stream ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, byClient) => {
        const { client, server, guest, end, series } = house();
        const waits = { client: 0, server: 0 };
        for (const one of steps) {
          if (one.startsWith('client ')) client.takes = one !== 'client full';
          if (one.startsWith('server ')) server.ready = one !== 'server full';
          if (one === 'client drains') {
            end.drain();
            waits.server = 0;
          } else if (one === 'server drains') {
            guest.drain();
            waits.client = 0;
          } else if (one === 'end') break;
          else if (one.startsWith('client')) {
            if (!guest.stanza(message)) waits.server = 1;
          } else if (!end.stanza(message)) waits.client = 1;
        }
        const read = () => series('backpressure_paused');
        const told = (of: typeof waits) =>
          (['client', 'server'] as const).map((side) => `backpressure_paused{side="${side}"} ${of[side]}`);
        expect(await read()).toEqual(told(waits));
        (byClient ? end : guest).close({ how: 'lost' });
        expect(await read()).toEqual(told({ client: 0, server: 0 }));
        expect((await series('sessions\\{')).every((line) => line.endsWith(' 0'))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
