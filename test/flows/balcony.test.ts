import { describe, expect, it } from 'vitest';
import { isHeld, message, subject } from '../protocol/subject.js';
import type { Answer, BoshSession } from '../support/bosh-client.js';
import type { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const LINES = 60;

function line(speaker: string, at: number): string {
  return `${speaker} ${at}`;
}

function script(speaker: string): string[] {
  return Array.from({ length: LINES }, (_, at) => line(speaker, at));
}

function lines(elements: readonly Xml[]): string[] {
  return elements.filter((each) => each.name === 'message').map((each) => each.child('body')?.text ?? '');
}

/** Sends the request with this rid, again where its answer is lost. */
type Send = (session: BoshSession, rid: number, payload: string) => Promise<Answer>;

/** Speaks each line in a request of its own, two in flight, and listens meanwhile until enough was heard. */
async function overBosh(session: BoshSession, to: string, speak: readonly string[], enough: number, send: Send) {
  const heard: string[] = [];
  let before: Promise<Answer> | undefined;
  for (let at = 0; at < speak.length || heard.length < enough; at++) {
    const payload = at < speak.length ? message(to, speak[at]) : '';
    session.rid++;
    const sent = send(session, session.rid, payload);
    heard.push(...lines((await before)?.children ?? []));
    before = sent;
    if (payload !== '') continue;
    heard.push(...lines((await sent).children));
    before = undefined;
  }
  return heard;
}

const once: Send = (session, rid, payload) => session.at(rid, payload);

/** Gives up on every third request after a moment and repeats it. */
const swallowed: Send = (session, rid, payload) => {
  if (rid % 3 !== 0) return once(session, rid, payload);
  return session.at(rid, payload, {}, { signal: AbortSignal.timeout(5) }).catch(() => once(session, rid, payload));
};

async function overWebSocket(client: WsClient, enough: number): Promise<string[]> {
  const heard: string[] = [];
  while (heard.length < enough) heard.push(...lines([await client.next()]));
  return heard;
}

describe('Romeo is below the balcony, on BOSH; Juliet is above, on a WebSocket', () => {
  const s = subject({ polling: 0 });

  it('they speak at the same time, and each hears every line once and in order', async () => {
    const [romeo, juliet] = [await s.user({ wait: 1 }), await s.webSocketUser()];
    for (const text of script('Juliet')) juliet.client.send(message(romeo.jid, text));
    const [his, hers] = await Promise.all([
      overBosh(romeo.session, juliet.jid, script('Romeo'), LINES, once),
      overWebSocket(juliet.client, LINES),
    ]);
    expect(his).toEqual(script('Juliet'));
    expect(hers).toEqual(script('Romeo'));
    juliet.client.cut();
  });

  it('the night swallows every third answer; he repeats his requests, and no line is lost or doubled', async () => {
    const [romeo, juliet] = [await s.user({ wait: 1 }), await s.webSocketUser()];
    for (const text of script('Juliet')) juliet.client.send(message(romeo.jid, text));
    const heard = await overBosh(romeo.session, juliet.jid, script('Romeo'), LINES, swallowed);
    expect(heard).toEqual(script('Juliet'));
    expect(await overWebSocket(juliet.client, LINES)).toEqual(script('Romeo'));
    juliet.client.cut();
  });

  it('his page reloads: sid and rid are all he needs to go on', async () => {
    const [romeo, juliet] = [await s.user({ wait: 5 }), await s.webSocketUser()];
    const { session } = romeo;
    juliet.client.send(message(romeo.jid, 'wherefore art thou?'));
    const heard = await session.receive((each) => each.name === 'message');
    expect(lines([heard])).toEqual(['wherefore art thou?']);
    const abort = new AbortController();
    const before = session.send('', {}, { signal: abort.signal });
    expect(await isHeld(before)).toBe(true);
    abort.abort();
    await expect(before).rejects.toThrow();
    juliet.client.send(message(romeo.jid, 'deny thy father'));
    expect(lines([await session.receive((each) => each.name === 'message')])).toEqual(['deny thy father']);
    juliet.client.cut();
  });

  it('the house burns down: both are told, and when it stands again both may come back', async () => {
    const [romeo, juliet] = [await s.user({ wait: 10 }), await s.webSocketUser()];
    const held = romeo.session.send();
    for (const { jid } of [romeo, juliet]) s.backend(jid).socket.resetAndDestroy();
    expect((await held).verdict).toBe('terminate remote-connection-failed');
    const error = await juliet.client.receive((each) => each.name === 'error');
    expect(error.children[0].name).toBe('remote-connection-failed');
    expect((await s.user()).jid).toContain('@');
    expect((await s.webSocketUser()).jid).toContain('@');
  });
});
