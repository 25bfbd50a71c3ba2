// XEP-0198 and XEP-0352 with clients that have no transport.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { csi } from '../../src/modules/csi.js';
import { message } from '../../src/modules/message.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { streamManagement } from '../../src/modules/stream-management.js';
import { CoreClient, DOMAIN, testCore } from '../support/core.js';

const SM = 'urn:xmpp:sm:3';
const chat = (id: string, to = 'romeo@example.test/test') =>
  `<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>hi</body></message>`;
const MODULES = [roster, presence, message, streamManagement, csi];

async function two(said: Partial<typeof moduleOptions.default.stream_management> = {}) {
  const options = { ...moduleOptions.default };
  const domains = {
    'example.test': {
      ...DOMAIN,
      options: { ...options, stream_management: { ...options.stream_management, ...said } },
    },
  };
  const core = testCore(MODULES, { domains });
  const [romeo, juliet] = [
    await new CoreClient(core.core).enter('romeo'),
    await new CoreClient(core.core).enter('juliet'),
  ];
  romeo.say(`<enable xmlns='${SM}' resume='true'/>`);
  const enabled = await romeo.hears('<enabled');
  return { ...core, romeo, juliet, token: / id='([^']+)'/.exec(enabled)?.[1] ?? '' };
}

/** A second connection of Romeo, authenticated and not bound. */
async function back(core: Awaited<ReturnType<typeof two>>['core'], resume: string) {
  const client = new CoreClient(core);
  await client.when(() => client.headers.length === 1);
  client.say("<auth xmlns='test'>romeo</auth>");
  client.end.open({ to: 'example.test' });
  client.stanzas.length = 0;
  client.say(resume);
  return client;
}

const resume = (token: string, h: number) => `<resume xmlns='${SM}' previd='${token}' h='${h}'/>`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('XEP-0198', () => {
  test('4: stanzas of the client are counted from when it was enabled', async () => {
    const { romeo } = await two();
    romeo.say(chat('1', 'juliet@example.test/test'));
    romeo.say(chat('2', 'juliet@example.test/test'));
    romeo.say(`<r xmlns='${SM}'/>`);
    expect(await romeo.hears('<a ')).toBe(`<a xmlns='${SM}' h='2'/>`);
  });

  test('4: the server asks after ten stanzas, and a moment after fewer', async () => {
    const { romeo, juliet } = await two();
    for (let i = 0; i < 10; i++) juliet.say(chat(`${i}`));
    await romeo.hears('<r ');
    romeo.say(`<a xmlns='${SM}' h='10'/>`);
    juliet.say(chat('last'));
    expect(romeo.stanzas.some((xml) => xml.startsWith('<r '))).toBe(false);
    vi.advanceTimersByTime(1000);
    await romeo.hears('<r ');
  });

  test('4: who acknowledges more than was sent is told so', async () => {
    const { romeo } = await two();
    romeo.say(`<a xmlns='${SM}' h='1'/>`);
    const { error } = await romeo.closed();
    expect(error?.condition).toBe('undefined-condition');
    expect(error?.element?.raw.toString()).toContain("h='1' send-count='0'");
  });

  test('3: it is enabled once, and after binding', async () => {
    const { core, romeo } = await two();
    romeo.say(`<enable xmlns='${SM}'/>`);
    await romeo.hears('unexpected-request');
    const early = await back(core, `<enable xmlns='${SM}'/>`);
    await early.hears('unexpected-request');
  });

  test('5: a client that was lost comes back to what it missed, in order, and nothing twice', async () => {
    const { core, romeo, juliet, token, told } = await two();
    juliet.say(chat('1'));
    juliet.say(chat('2'));
    romeo.end.close({ how: 'lost' });
    juliet.say(chat('3'));
    expect(juliet.stanzas).toEqual([]);
    const again = await back(core, resume(token, 1));
    await again.hears(`<resumed xmlns='${SM}' previd='${token}' h='0'/>`);
    expect(again.stanzas.filter((xml) => xml.startsWith('<message')).map((xml) => / id='(\d)'/.exec(xml)?.[1])).toEqual(
      ['2', '3'],
    );
    juliet.say(chat('4'));
    await again.hears("id='4'");
    again.say(chat('5', 'juliet@example.test/test'));
    expect(await juliet.hears("id='5'")).toContain("from='romeo@example.test/test'");
    expect(told).not.toContain('closed romeo@example.test/test');
  });

  test('5: the old connection ends with conflict when its client comes back before it is lost', async () => {
    const { core, romeo, token, told } = await two();
    const again = await back(core, resume(token, 0));
    await again.hears('<resumed');
    expect((await romeo.closed()).error?.condition).toBe('conflict');
    romeo.end.close({ how: 'lost' });
    expect(told).not.toContain('closed romeo@example.test/test');
  });

  test('5: who comes back is not told that something was handled before it is kept', async () => {
    const { core, romeo, token } = await two();
    let kept = () => {};
    const host = core.hosts.get('example.test');
    host?.hooks.of('test').on('message/offline', (routed) => {
      const keeping = new Promise<void>((resolve) => {
        kept = resolve;
      });
      routed.later(keeping);
      return true;
    });
    romeo.say(chat('1', 'nurse@example.test'));
    const again = await back(core, resume(token, 0));
    const other = await new CoreClient(core).enter('nurse');
    expect(other.ending).toBeUndefined();
    expect(again.stanzas.join()).not.toContain('<resumed');
    expect(romeo.ending).toBeUndefined();
    kept();
    expect(await again.hears('<resumed')).toContain(" h='1'");
    expect((await romeo.closed()).error?.condition).toBe('conflict');
  });

  test("5: nobody resumes another account's session, nor one that is over", async () => {
    const { core, romeo, token } = await two();
    const thief = new CoreClient(core);
    await thief.when(() => thief.headers.length === 1);
    thief.say("<auth xmlns='test'>juliet</auth>");
    thief.say(resume(token, 0));
    await thief.hears('item-not-found');
    romeo.end.close({ how: 'closed' });
    const late = await back(core, resume(token, 0));
    await late.hears('item-not-found');
  });

  test('5: of two who come back at once the later has the session, whole; the other is told of a conflict', async () => {
    const { core, romeo, juliet, token, told } = await two();
    juliet.say(chat('1'));
    romeo.end.close({ how: 'lost' });
    const [first, second] = [await back(core, resume(token, 0)), await back(core, resume(token, 0))];
    expect((await first.closed()).error?.condition).toBe('conflict');
    first.end.close({ how: 'lost' });
    await second.hears("id='1'");
    juliet.say(chat('2'));
    await second.hears("id='2'");
    expect(told).not.toContain('closed romeo@example.test/test');
  });

  test.each(['7', '', '-1', '4294967296', 'one'])(
    '5: who comes back with a count that cannot be (%s) does not, and the session waits on',
    async (h) => {
      const { core, romeo, juliet, token } = await two();
      juliet.say(chat('1'));
      romeo.end.close({ how: 'lost' });
      const wrong = await back(core, `<resume xmlns='${SM}' previd='${token}' h='${h}'/>`);
      expect((await wrong.closed()).error).toBeDefined();
      const again = await back(core, resume(token, 0));
      await again.hears("id='1'");
    },
  );

  test('5: after its time the session is over, and what it did not get goes back', async () => {
    const { romeo, juliet, clock, told } = await two({ resume_timeout: 60 });
    juliet.say(chat('1'));
    romeo.end.close({ how: 'lost' });
    clock.now = 59_999;
    vi.advanceTimersByTime(59_999);
    expect(told).not.toContain('closed romeo@example.test/test');
    clock.now = 60_000;
    vi.advanceTimersByTime(1);
    expect(told).toContain('closed romeo@example.test/test');
  });

  test('what is not acknowledged has a limit', async () => {
    const { romeo, juliet } = await two({ max_unacked: 10 });
    for (let i = 0; i < 11; i++) juliet.say(chat(`${i}`));
    expect((await romeo.closed()).error?.condition).toBe('policy-violation');
  });
});

describe('XEP-0352', () => {
  test('presence and typing wait until the client is looked at, or something important comes', async () => {
    const { romeo, juliet } = await two();
    romeo.say("<inactive xmlns='urn:xmpp:csi:0'/>");
    const away = (show: string) =>
      juliet.say(`<presence xmlns='jabber:client' to='romeo@example.test/test'><show>${show}</show></presence>`);
    away('away');
    away('xa');
    juliet.say(
      "<message xmlns='jabber:client' type='chat' to='romeo@example.test/test'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    );
    expect(romeo.stanzas).toEqual([]);
    juliet.say(chat('1'));
    expect(romeo.stanzas).toHaveLength(3);
    expect(romeo.stanzas[0]).toContain('<show>xa</show>');
    romeo.stanzas.length = 0;
    away('dnd');
    expect(romeo.stanzas).toEqual([]);
    romeo.say("<active xmlns='urn:xmpp:csi:0'/>");
    expect(romeo.stanzas).toHaveLength(1);
  });

  test('no more is held back than fits into a few bytes', async () => {
    const { core, romeo, juliet } = await two();
    const nurse = await new CoreClient(core).enter('nurse');
    romeo.say("<inactive xmlns='urn:xmpp:csi:0'/>");
    const status = `<status>${'x'.repeat(30_000)}</status>`;
    const shown = `<presence xmlns='jabber:client' to='romeo@example.test/test'>${status}</presence>`;
    for (let n = 0; n < 9; n++) juliet.say(shown);
    nurse.say(shown);
    expect(romeo.stanzas).toEqual([]);
    const angelica = await new CoreClient(core).enter('angelica');
    angelica.say(shown);
    expect(romeo.stanzas.map((xml) => / from='(\w+)/.exec(xml)?.[1])).toEqual(['juliet', 'nurse', 'angelica']);
  });

  test('what is held back when the connection is lost is there when the client comes back', async () => {
    const { core, romeo, juliet, token } = await two();
    romeo.say("<inactive xmlns='urn:xmpp:csi:0'/>");
    juliet.say("<presence xmlns='jabber:client' to='romeo@example.test/test'><show>away</show></presence>");
    romeo.end.close({ how: 'lost' });
    const again = await back(core, resume(token, 0));
    await again.hears('<show>away</show>');
  });
});
