// TLS on the backend leg against real servers (RFC 6120 section 5 and 13.7, XEP-0368): verified, or no stream at all.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../support/certs.js';
import { type Edge, PEERS, startEdge } from '../support/peers/edge.js';
import { describeWith } from '../support/peers/need.js';
import { type Peer, WRONG_DOMAIN } from '../support/peers/peer.js';
import { type Relay, startRelay } from '../support/peers/relay.js';
import { authenticate, login } from '../support/peers/user.js';

const TRANSPORTS = ['bosh', 'websocket'] as const;
const SHORTER_THAN_A_STREAM_HEADER = 80;

for (const { name, program, start } of PEERS) {
  describeWith([program, 'openssl'], `TLS towards ${name}`, () => {
    let peer: Peer;
    let stranger: CertificateAuthority;
    const ends: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      peer = await start();
      stranger = new CertificateAuthority('Stranger');
    });
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });
    afterAll(async () => {
      await peer?.stop();
      stranger?.remove();
    });

    async function edge(upstream: Record<string, unknown>, config?: Record<string, unknown>): Promise<Edge> {
      const started = await startEdge(peer, upstream, config);
      ends.push(() => started.stop());
      return started;
    }

    async function relay(target: number, rewrite?: (chunk: Buffer) => Buffer): Promise<Relay> {
      const started = await startRelay(target, rewrite);
      ends.push(() => started.stop());
      return started;
    }

    it('STARTTLS: nothing of the log-in crosses in the clear', async () => {
      const between = await relay(peer.port);
      const at = await edge({ port: between.port });
      for (const transport of TRANSPORTS) await (await login(transport, at, 'romeo', { mechanism: 'PLAIN' })).close();
      expect(between.sent().toString('latin1')).toMatch('<starttls');
      expect(between.sent().toString('latin1')).not.toMatch(/<auth|<iq|romeo/);
    });

    it('direct TLS (XEP-0368): the first byte is a TLS record', async () => {
      const between = await relay(peer.tlsPort);
      const at = await edge({ port: between.port, tls: 'direct' });
      for (const transport of TRANSPORTS) await (await login(transport, at, 'romeo', { mechanism: 'PLAIN' })).close();
      expect(between.sent()[0]).toBe(0x16);
      expect(between.sent().toString('latin1')).not.toMatch(/<stream|<starttls/);
    });

    describe.each(['starttls', 'direct'] as const)('%s', (tls) => {
      it.each(TRANSPORTS)(
        'a certificate of an unknown CA is refused over %s, and nothing follows',
        async (transport) => {
          const between = await relay(tls === 'direct' ? peer.tlsPort : peer.port);
          const at = await edge({ port: between.port, tls, ca: stranger.caFile });
          await expect(authenticate(transport, at, 'romeo')).rejects.toThrow('remote-connection-failed');
          expect(between.connections).toBe(1);
          expect(longestRecord(between.sent())).toBeLessThan(SHORTER_THAN_A_STREAM_HEADER);
        },
      );
    });

    it.each(TRANSPORTS)(
      'a removed STARTTLS offer ends the stream over %s: no fall-back to plain text',
      async (transport) => {
        const between = await relay(peer.port, withoutStartTls);
        const at = await edge({ port: between.port });
        await expect(authenticate(transport, at, 'romeo')).rejects.toThrow('remote-connection-failed');
        expect(between.sent().toString('latin1')).not.toMatch('<auth');
      },
    );

    it('tls "optional" goes on without TLS where none is offered, as configured', async () => {
      const between = await relay(peer.port, withoutStartTls);
      const at = await edge({ port: between.port, tls: 'optional' });
      await (await login('websocket', at, 'romeo')).close();
      expect(between.sent().toString('latin1')).toMatch('<auth');
    });

    if (name === 'prosody')
      it.each(TRANSPORTS)('a certificate for another domain is refused over %s', async (transport) => {
        const upstreams = { [WRONG_DOMAIN]: { host: '127.0.0.1', port: peer.port, tls: 'starttls', ca: peer.ca } };
        const at = await edge({}, { upstreams });
        const attempt = authenticate(transport, at, 'romeo', { domain: WRONG_DOMAIN });
        await expect(attempt).rejects.toThrow('remote-connection-failed');
      });
  });
}

/** The longest application data record: behind a TLS 1.3 handshake "Finished" and an alert look like such records too. */
function longestRecord(sent: Buffer): number {
  let longest = 0;
  let at = Math.max(sent.indexOf(Buffer.from([0x16, 0x03, 0x01])), 0);
  while (at + 5 <= sent.length) {
    const length = sent.readUInt16BE(at + 3);
    if (sent[at] === 0x17) longest = Math.max(longest, length);
    at += 5 + length;
  }
  return longest;
}

function withoutStartTls(chunk: Buffer): Buffer {
  const text = chunk
    .toString('latin1')
    .replace(/<starttls xmlns=(['"])urn:ietf:params:xml:ns:xmpp-tls\1(\/>|>.*?<\/starttls>)/, '');
  return Buffer.from(text, 'latin1');
}
