// Few bytes from a client that would become many in here, or on their way to a server.

import { describe, expect, test } from 'vitest';
import { readBody } from '../../src/bosh/body.js';
import { Backlog } from '../../src/proxy/backlog.js';
import { DraftFraming } from '../../src/websocket/draft.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { DEFAULT_LIMITS } from '../../src/xmpp/scanner.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { Client, message } from '../support/bosh-engine.js';

const violation = expect.objectContaining({ condition: 'policy-violation' });

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('what stanzas inherit from their wrapper', () => {
  const LIMITS = { ...DEFAULT_LIMITS, stanza: Number.MAX_SAFE_INTEGER };
  const body = (ns: string, count: number, stanza = '<p:a/>') =>
    Buffer.from(`<body xmlns='${NS.httpbind}' xmlns:p='${ns}'>${stanza.repeat(count)}</body>`);

  test('XEP-0124 6: a long namespace is not written into thousands of stanzas: policy-violation, and nothing is forwarded', () => {
    const client = new Client();
    const held = client.next({ 'xmlns:p': 'u'.repeat(40_000) }, '<p:a/>'.repeat(8000));
    expect(held.verdict).toBe('terminate policy-violation');
    expect(client.server.received).toEqual([]);
  });

  test.each([
    [900, 8000],
    [60, 8000],
    [20, 8000],
  ])(
    'a namespace of %i bytes in %i stanzas is refused: the payloads of a body grow to four times its bytes at most',
    (length, count) => {
      expect(thrown(() => readBody(body('u'.repeat(length), count), LIMITS))).toEqual(violation);
    },
  );

  test('what clients send stays far from that', () => {
    const few = readBody(body('u'.repeat(900), 50), LIMITS);
    expect(few.stanzas).toHaveLength(50);
    const presence = "<presence to='room@muc.example/nick'/>";
    expect(readBody(body('urn:p', 2000, presence), LIMITS).stanzas).toHaveLength(2000);
  });

  test('the framing before RFC 7395 reads its header with every message, so that is short', () => {
    const header = (length: number) =>
      Buffer.from(
        `<stream:stream to='a' xmlns='${NS.client}' xmlns:stream='${NS.stream}' xmlns:p='${'u'.repeat(length)}'>`,
      );
    expect(thrown(() => new DraftFraming().read(header(60_000), DEFAULT_LIMITS))).toEqual(violation);
    expect(thrown(() => new DraftFraming().read(header(900), DEFAULT_LIMITS))).toBeUndefined();
  });
});

describe('many small stanzas', () => {
  test('XEP-0124 14.2: a request that came too early waits as one piece, and is forwarded in order when its turn comes', () => {
    const client = new Client();
    const ids = Array.from({ length: 100 }, (_, i) => `m${i}`);
    const early = client.at(client.rid + 2, {}, ids.map((id) => message(id, '&lt;]]&gt; \u00e9')).join(''));
    expect(client.server.received).toEqual([]);
    client.at(client.rid + 1, {}, message('first'));
    expect(client.server.ids).toEqual(['first', ...ids]);
    expect(client.server.received[1].raw.toString()).toBe(message('m0', '&lt;]]&gt; \u00e9'));
    expect(early.waits).toBe(true);
  });

  test('before the stream is open they count with what they take, not with their bytes alone', async () => {
    let overflows = 0;
    const backlog = new Backlog(262_144, 1_048_576, () => overflows++);
    const stanza = Stanza.from("<a xmlns='jabber:client'/>");
    for (let i = 0; i < 400; i++) expect(backlog.stanza(stanza)).toBe(true);
    for (let i = 0; i < 100; i++) backlog.stanza(stanza);
    expect(backlog.stanza(stanza)).toBe(false);
    for (let i = 0; i < 2000; i++) backlog.stanza(stanza);
    await new Promise((resolve) => setImmediate(resolve));
    expect(overflows).toBeGreaterThan(0);
  });
});

test('errors of this kind are the client\u2019s, not ours', () => {
  expect(thrown(() => new DraftFraming().read(Buffer.alloc(4000, 'x'), DEFAULT_LIMITS))).toBeInstanceOf(StreamError);
});
