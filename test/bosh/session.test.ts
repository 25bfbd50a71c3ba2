import { describe, expect, test } from 'vitest';
import type { Tls } from '../../src/stream/end.js';
import { StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Client, Engine, FakeHeld, message, shown } from '../support/bosh-engine.js';

const ids = (held: { body: { children: readonly { attr(name: string): string | undefined }[] } }) =>
  held.body.children.map((child) => child.attr('id'));

describe('sending and receiving', () => {
  test('8 payloads go to the server at once, the request is held until there is an answer', () => {
    const client = new Client();
    const held = client.next({}, message('a'));
    expect(client.server.ids).toEqual(['a']);
    expect(held.waits).toBe(true);
    client.engine.say(message('b'));
    expect(ids(held)).toEqual(['b']);
    expect(held.response).toMatchObject({ status: 200, contentType: 'text/xml; charset=utf-8' });
  });

  test('8 no request waits longer than wait', () => {
    const client = new Client();
    const held = client.next();
    client.engine.pass(59_700);
    expect(held.waits).toBe(true);
    client.engine.pass(300);
    expect(held.text).toBe(`<body xmlns='${NS.httpbind}'/>`);
    expect(client.engine.clock.time - held.answeredAt).toBeLessThan(300);
  });

  test('8 no more than hold wait: the oldest is answered when another comes', () => {
    const client = new Client({ hold: 2 });
    const [a, b] = [client.next({}, message('1')), client.next({}, message('2'))];
    expect([a.waits, b.waits]).toEqual([true, true]);
    const c = client.next({}, message('3'));
    expect([a.waits, b.waits, c.waits]).toEqual([false, true, true]);
  });

  test('8 what waits goes with the next request, what comes in one turn in one body', () => {
    const client = new Client();
    client.server.say(message('a'));
    client.server.say(message('b'));
    client.engine.clock.turn();
    const held = client.next();
    expect(ids(held)).toEqual(['a', 'b']);
  });

  test('0206 2 features and SASL stand alone, in their order', () => {
    const client = new Client();
    client.server.say(message('a'));
    client.server.say(`<challenge xmlns='${NS.sasl}'>x</challenge>`);
    client.server.say(`<success xmlns='${NS.sasl}'/>`);
    client.server.say(`<stream:features xmlns:stream='${NS.stream}'/>`);
    client.server.say(message('b'));
    client.server.say(message('c'));
    const bodies = Array.from({ length: 5 }, () => client.next({}, message('x')).body);
    expect(bodies.map((body) => body.children.map((child) => child.name).join())).toEqual([
      'message',
      'challenge',
      'success',
      'features',
      'message,message',
    ]);
    expect(bodies.map((body) => body.attr('xmlns:stream') !== undefined)).toEqual([false, false, false, true, false]);
  });
});

describe('SASL2', () => {
  test('XEP-0388 2.6: the features that follow success come without a restart', () => {
    const client = new Client();
    const held = client.next({}, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    client.server.say("<success xmlns='urn:xmpp:sasl:2'/>");
    client.server.say(`<stream:features xmlns:stream='${NS.stream}'><sm xmlns='urn:xmpp:sm:3'/></stream:features>`);
    client.engine.clock.turn();
    expect(held.body.children.map((child) => child.name)).toEqual(['success']);
    const { body } = client.next();
    expect([body.child('features', NS.stream)?.children.length, body.attr('authid')]).toEqual([1, undefined]);
    expect(client.server.headers).toHaveLength(1);
  });

  test('XEP-0388: after an inline resumption no features follow, and nothing waits for them', () => {
    const client = new Client();
    const held = client.next({}, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>");
    client.server.say("<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' previd='x' h='1'/></success>");
    client.server.say(message('sent again'));
    client.engine.clock.turn();
    expect(held.body.children.map((child) => child.name)).toEqual(['success']);
    expect(ids(client.next())).toEqual(['sent again']);
  });
});

describe('request ids', () => {
  test('14.2 requests out of order are processed and answered in order', () => {
    const client = new Client();
    const second = client.at(1002, {}, message('2'));
    expect(client.server.ids).toEqual([]);
    expect(second.waits).toBe(true);
    const first = client.at(1001, {}, message('1'));
    expect(client.server.ids).toEqual(['1', '2']);
    expect([first.waits, second.waits]).toEqual([false, true]);
  });

  test('14.2 a rid behind the window ends the session', () => {
    const client = new Client();
    expect(client.at(1003).verdict).toBe('terminate item-not-found');
    // XEP-0198 section 7: it said no goodbye, so the stream may be resumed.
    expect(client.server.closed).toMatchObject({ how: 'lost' });
    expect(client.at(1001).verdict).toBe('terminate item-not-found');
  });

  test('11 a pause or terminate may come one rid later', () => {
    for (const attributes of [{ pause: 10 }, { type: 'terminate' }]) {
      const client = new Client();
      expect(client.at(1003, attributes).waits).toBe(true);
    }
  });

  test('14.3 a repeat of an answered request gets the identical bytes and is not processed', () => {
    const client = new Client();
    const held = client.next({}, message('a'));
    client.engine.say(message('b'));
    const again = client.at(1001, {}, message('a'));
    expect(again.response?.body).toBe(held.response?.body);
    expect(client.server.ids).toEqual(['a']);
  });

  test('14.3 a repeat of a waiting request gets its answer; the older connection a recoverable error', () => {
    const client = new Client();
    const old = client.next({}, message('a'));
    const now = client.at(1001, {}, message('a'));
    expect(old.verdict).toBe('error');
    expect(now.waits).toBe(true);
    client.engine.say(message('b'));
    expect(ids(now)).toEqual(['b']);
    expect(old.answers).toBe(1);
    expect(client.server.ids).toEqual(['a']);
  });

  test('14.3 so does the repeat of a request that waits for its predecessor', () => {
    const client = new Client();
    const old = client.at(1002, {}, message('2'));
    const now = client.at(1002, {}, message('2'));
    expect([old.verdict, now.waits]).toEqual(['error', true]);
    client.at(1001, {}, message('1'));
    expect(client.server.ids).toEqual(['1', '2']);
  });

  test('14.3 a response that is kept no more ends the session', () => {
    const client = new Client();
    for (let i = 0; i < 5; i++) client.next({}, message(`${i}`));
    expect(client.at(1001, {}, message('0')).verdict).toBe('terminate item-not-found');
    expect(client.engine.sessions.size).toBe(0);
  });

  test.each([
    ['answered', true],
    ['waiting', false],
  ])('14.3 another body under the rid of an %s request ends the session', (_, answered) => {
    const client = new Client();
    client.next({}, message('a'));
    if (answered) client.engine.say(message('b'));
    expect(client.at(1001, {}, message('evil')).verdict).toBe('terminate item-not-found');
    expect(client.server.ids).toEqual(['a']);
  });

  test('14.3 too many repeats of one rid are a policy-violation', () => {
    const client = new Client();
    client.next({}, message('a'));
    client.engine.say(message('b'));
    const verdicts = Array.from({ length: 11 }, () => client.at(1001, {}, message('a')).verdict);
    expect(verdicts.slice(0, 10)).toEqual(Array(10).fill(''));
    expect(verdicts[10]).toBe('terminate policy-violation');
  });

  test('17.3 a request whose predecessor does not come is to be sent again, in time', () => {
    const client = new Client({ wait: 5 });
    const held = client.at(1002, {}, message('2'));
    client.engine.pass(5000);
    expect(held.verdict).toBe('error');
    client.at(1001, {}, message('1'));
    client.at(1002, {}, message('2'));
    expect(client.server.ids).toEqual(['1', '2']);
  });

  test('14.2 a rid above 2^53-1 is behind the window', () => {
    for (const rid of ['9007199254740992', '99999999999999999999']) {
      const client = new Client({ rid: Number.MAX_SAFE_INTEGER });
      expect(client.engine.post({ sid: client.sid, rid }).verdict).toBe('terminate item-not-found');
    }
  });

  test.each(['0', '00', '-1', 'x', '1e3', '01', undefined])('14.1 the rid %s ends the session', (rid) => {
    const client = new Client();
    expect(client.engine.post({ sid: client.sid, rid }).verdict).toBe('terminate bad-request');
    expect(client.engine.sessions.size).toBe(0);
  });
});

describe('broken connections', () => {
  test('what there is to say is not said to a connection that is gone', () => {
    const client = new Client();
    const held = client.next({}, message('a'));
    client.engine.sessions.gone(held);
    client.engine.say(message('b'));
    expect(ids(client.at(1001, {}, message('a')))).toEqual(['b']);
  });

  test('nor lost when the client goes on with the next rid', () => {
    const client = new Client();
    client.engine.sessions.gone(client.next({}, message('a')));
    client.engine.say(message('b'));
    expect(ids(client.next({}, message('c')))).toEqual(['b']);
    expect(client.at(1001, {}, message('a')).text).toBe(`<body xmlns='${NS.httpbind}'/>`);
  });

  test('18.1 a request behind which another waits is answered at once', () => {
    const client = new Client();
    const held = client.next({}, message('a'));
    client.engine.sessions.release(held);
    client.engine.clock.turn();
    expect(held.text).toBe(`<body xmlns='${NS.httpbind}'/>`);
    const early = client.at(1003, {}, message('c'));
    client.engine.sessions.release(early);
    expect(early.verdict).toBe('error');
  });

  test('19.1 a request in the clear does not reach a session that was made over TLS', () => {
    const client = new Client({}, {}, undefined, true);
    const held = client.next({}, message('a'));
    expect([held.dropped, held.response]).toEqual([true, undefined]);
    expect(client.server.received).toEqual([]);
    const secure = client.engine.post({ sid: client.sid, rid: 1001 }, message('b'), true);
    expect(secure.waits).toBe(true);
    expect(client.server.ids).toEqual(['b']);
  });

  test.each<[string, Tls | undefined]>([
    ['without a certificate', shown()],
    ['with another certificate', shown('02')],
    ['whose TLS ended before us', undefined],
  ])('19.1 a request %s does not reach a session that was made with one, nor does its broken body', (_, tls) => {
    const client = new Client({}, {}, undefined, true, shown('01'));
    const { engine, sid } = client;
    const body = `<body xmlns='${NS.httpbind}' sid='${sid}' rid='1001'>`;
    for (const bytes of [`${body}${message('a')}</body>`, `${body}<a>`]) {
      const held = engine.send(bytes, true, tls);
      expect([held.dropped, held.response]).toEqual([true, undefined]);
    }
    expect(client.server.received).toEqual([]);
    expect(engine.post({ sid, rid: 1001 }, message('b'), true, shown('01')).waits).toBe(true);
    expect(client.server.ids).toEqual(['b']);
  });

  test('19.1 a session that was made without a certificate takes requests with one', () => {
    const { engine, sid } = new Client({}, {}, undefined, true, shown());
    expect(engine.post({ sid, rid: 1001 }, message('a'), true, shown('01')).waits).toBe(true);
  });

  test('19.1 upstreams know the certificate of a session, and no channel binding', () => {
    const { server } = new Client({}, {}, undefined, true, shown('01', 'romeo@example.com'));
    const { tls } = server.client;
    expect(tls).toMatchObject({
      version: 'TLSv1.3',
      certificate: { fingerprint: '01', addresses: ['romeo@example.com'] },
    });
    expect(tls?.exporter()).toBeUndefined();
    expect(new Client({}, {}, undefined, true, shown()).server.client.tls).toBeUndefined();
  });
});

describe('acknowledgements', () => {
  test('9.1 a response says what was received beyond its request, and only that', () => {
    const client = new Client({ ack: 1, hold: 2 });
    const [a, b, c] = [1, 2, 3].map((n) => client.next({}, message(`${n}`)));
    expect(a.body.attr('ack')).toBe('1003');
    client.engine.say(message('x'));
    client.engine.say(message('y'));
    expect(b.body.attr('ack')).toBe('1003');
    expect(c.body.attr('ack')).toBeUndefined();
  });

  test('9.1 a request behind a gap is not acknowledged', () => {
    const client = new Client({ ack: 1 });
    const held = client.next({}, message('1'));
    client.at(1003, {}, message('3'));
    client.engine.say(message('x'));
    expect(held.body.attr('ack')).toBeUndefined();
  });

  test('9.1 nothing is acknowledged to a client that did not ask for it', () => {
    const client = new Client({ hold: 2 });
    expect(client.creation.body.attr('ack')).toBeUndefined();
    const held = client.next({}, message('1'));
    client.next({}, message('2'));
    client.next({}, message('3'));
    expect(held.body.attr('ack')).toBeUndefined();
  });

  test('9.2 what is acknowledged is not kept, what is not stays beyond the window', () => {
    const client = new Client({ ack: 1 });
    for (let i = 1; i <= 6; i++) client.next({ ack: 1000 }, message(`${i}`));
    expect(client.at(1001, { ack: 1000 }, message('1')).verdict).toBe('');
    client.next({ ack: 1004 }, message('7'));
    expect(client.at(1005, { ack: 1000 }, message('5')).verdict).toBe('');
    expect(client.at(1004, { ack: 1000 }, message('4')).verdict).toBe('terminate item-not-found');
  });

  test('9.2 a response that is missed for long is reported once, at once', () => {
    const client = new Client({ ack: 1 });
    client.next({}, message('1'));
    client.engine.say(message('x'));
    client.engine.pass(5000);
    const held = client.next({ ack: 1000 }, message('2'));
    expect([held.body.attr('report'), held.body.attr('time')]).toEqual(['1001', '5000']);
    expect(client.next({ ack: 1000 }, message('3')).waits).toBe(true);
  });

  test('9.2 a response that is on its way is not reported', () => {
    const client = new Client({ ack: 1 });
    client.next({}, message('1'));
    client.engine.say(message('x'));
    expect(client.next({ ack: 1000 }, message('2')).waits).toBe(true);
  });
});

describe('inactivity and pause', () => {
  test('10 a client without requests is gone after inactivity, without a word, and unknown from then on', () => {
    const client = new Client();
    client.engine.pass(69_900);
    expect(client.engine.sessions.size).toBe(1);
    client.engine.pass(200);
    expect(client.engine.sessions.size).toBe(0);
    expect(client.server.closed?.how).toBe('lost');
    expect(client.next().verdict).toBe('terminate item-not-found');
  });

  test('10 inactivity counts only while nothing waits', () => {
    const client = new Client({ wait: 120 });
    client.next();
    client.engine.pass(110_000);
    expect(client.engine.sessions.size).toBe(1);
    client.engine.pass(70_000);
    expect(client.engine.sessions.size).toBe(1);
    client.engine.pass(11_000);
    expect(client.engine.sessions.size).toBe(0);
  });

  test('0206 7 what did not reach the client is handed back, oldest first', () => {
    const client = new Client();
    client.next({}, message('1'));
    client.engine.say(message('in a response'));
    client.engine.say(message('queued'));
    client.engine.pass(71_000);
    expect(client.server.closed?.undelivered?.map((stanza) => stanza.id)).toEqual(['in a response', 'queued']);
  });

  test('0206 7 what a later poll shows to have arrived is not', () => {
    const client = new Client();
    client.next({}, message('1'));
    client.engine.say(message('seen'));
    client.engine.sessions.gone(client.next());
    client.engine.pass(71_000);
    expect(client.server.closed?.undelivered ?? []).toEqual([]);
  });

  test.each([
    ['acknowledges', { ack: 1 }],
    ['does not acknowledge', {}],
  ])('9 what a client that %s has is told to whoever asked', (_, attributes) => {
    const client = new Client(attributes);
    const reached: string[] = [];
    const ask = (name: string) => client.server.client.reached(() => reached.push(name));
    client.next({}, message('1'));
    client.engine.say(message('in a response'));
    ask('first');
    client.engine.say(message('queued'));
    ask('second');
    expect(reached).toEqual([]);
    client.next();
    expect(reached).toEqual(['first']);
    client.next();
    expect(reached).toEqual(['first', 'second']);
    ask('nothing');
    expect(reached).toEqual(['first', 'second', 'nothing']);
    client.engine.say(message('lost'));
    ask('lost');
    client.engine.pass(71_000);
    expect(client.server.closed?.how).toBe('lost');
    expect(reached).toEqual(['first', 'second', 'nothing']);
  });

  const missedBy = (client: Client) => client.server.closed?.undelivered?.map((stanza) => stanza.id) ?? [];

  test.each([
    [false, []],
    [true, ['read']],
  ])(
    '0206 7 nor what a client got before it sent something; if the connection broke (%s), it did not',
    (broke, missed) => {
      const client = new Client();
      const held = client.next({}, message('1'));
      client.engine.say(message('read'));
      client.engine.sessions.gone(client.next({}, message('receipt')));
      held.connection.broke = broke;
      client.engine.pass(71_000);
      expect(missedBy(client)).toEqual(missed);
    },
  );

  test('0206 7 a request that came before the response shows nothing, however late it is processed', () => {
    const client = new Client();
    client.server.ready = false;
    client.next({}, message('1'));
    const other = client.next({}, message('2'));
    client.engine.say(message('lost'));
    client.server.ready = true;
    client.server.client.drain();
    client.engine.clock.turn();
    expect(client.server.ids).toEqual(['1', '2']);
    client.engine.sessions.gone(other);
    client.engine.pass(71_000);
    expect(missedBy(client)).toEqual(['lost']);
  });

  test('0206 7 what was asked for again after all counts anew', () => {
    const client = new Client();
    client.next({}, message('1'));
    client.engine.say(message('lost'));
    client.engine.sessions.gone(client.next({}, message('2')));
    client.at(1001, {}, message('1'));
    client.engine.pass(71_000);
    expect(missedBy(client)).toEqual(['lost']);
  });

  test.each([
    [false, []],
    [true, ['polled for']],
  ])('0206 7 a client that polls was there when it was answered, unless its connection broke (%s)', (broke, missed) => {
    const client = new Client({ hold: 0 });
    client.engine.say(message('polled for'));
    const poll = client.next();
    expect(ids(poll)).toEqual(['polled for']);
    poll.connection.broke = broke;
    client.engine.pass(100_000);
    expect(missedBy(client)).toEqual(missed);
  });

  test('10 a pause answers all, without payloads, and lengthens inactivity until the next request', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.engine.say(message('x'));
    client.engine.say(message('y'));
    const pause = client.next({ pause: 100 });
    expect(held.waits).toBe(false);
    expect(pause.text).toBe(`<body xmlns='${NS.httpbind}'/>`);
    client.engine.pass(99_000);
    const next = client.next({}, message('2'));
    expect(ids(next)).toEqual(['y']);
    client.engine.pass(71_000);
    expect(client.engine.sessions.size).toBe(0);
  });

  test('10 a pause answers the request that waits', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.next({ pause: 100 });
    expect(held.waits).toBe(false);
  });

  test('10 a pause may shorten inactivity', () => {
    const client = new Client();
    client.next({ pause: 5 });
    client.engine.pass(5_100);
    expect(client.engine.sessions.size).toBe(0);
  });

  test('14.3 the response to a pause is not kept', () => {
    const client = new Client();
    client.next({ pause: 100 });
    expect(client.at(1001, { pause: 100 }).verdict).toBe('terminate item-not-found');
  });

  test('10 a pause longer than maxpause is a policy-violation', () => {
    expect(new Client().next({ pause: 121 }).verdict).toBe('terminate policy-violation');
  });

  test('10 a pause that is not offered is none: the request is like any other', () => {
    const none = () => new Client({}, { max_pause: 0 });
    expect(none().creation.body.attr('maxpause')).toBeUndefined();
    expect(none().next({ pause: 5 }).waits).toBe(true);
    expect(none().at(1003, { pause: 5 }).verdict).toBe('terminate item-not-found');
    const busy = none();
    busy.next({}, message('1'));
    expect(busy.next({ pause: 5 }).verdict).toBe('terminate policy-violation');
  });

  test('10 a request that overtakes a pause ends it', () => {
    const client = new Client();
    const held = client.at(1002, {}, message('2'));
    expect(client.at(1001, { pause: 100 }).text).toBe(`<body xmlns='${NS.httpbind}'/>`);
    expect(held.waits).toBe(true);
    client.engine.sessions.gone(held);
    client.engine.pass(71_000);
    expect(client.engine.sessions.size).toBe(0);
  });

  test('a process that stood still does not take its clients for silent', () => {
    const client = new Client();
    client.engine.pass(1000);
    client.engine.clock.time += 90_000;
    client.engine.sweep();
    expect(client.engine.sessions.size).toBe(1);
    client.engine.pass(70_100);
    expect(client.engine.sessions.size).toBe(0);
  });
});

describe('overactivity and polling', () => {
  test('11 an empty request that fills the window too soon is a policy-violation', () => {
    const client = new Client();
    client.next({}, message('1'));
    expect(client.next().verdict).toBe('terminate policy-violation');
  });

  test('11 what waits besides is told other-request', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.next();
    expect(held.verdict).toBe('terminate other-request');
  });

  test('11 after the polling interval it is not, nor with a payload, nor when the connection of the other is gone', () => {
    const patient = new Client();
    patient.next({}, message('1'));
    patient.engine.pass(2000);
    expect(patient.next().waits).toBe(true);
    const busy = new Client();
    busy.next();
    expect(busy.next({}, message('1')).waits).toBe(true);
    const reloaded = new Client();
    reloaded.engine.sessions.gone(reloaded.next());
    expect(reloaded.next().waits).toBe(true);
  });

  test('11 what is due to be answered does not count as unanswered, however many come in one turn', () => {
    const client = new Client();
    const helds = Array.from({ length: 6 }, () => {
      const held = new FakeHeld(client.engine.clock, false);
      const text = `<body xmlns='${NS.httpbind}' rid='${++client.rid}' sid='${client.sid}'>${message(`m${client.rid}`)}</body>`;
      client.engine.sessions.request(Buffer.from(text), held);
      return held;
    });
    client.engine.clock.turn();
    expect(helds.map((held) => held.waits)).toEqual([false, false, false, false, false, true]);
    expect(helds.slice(0, 5).map((held) => held.body.attr('type'))).toEqual(Array(5).fill(undefined));
  });

  test('11 more than requests without an answer is a policy-violation', () => {
    const client = new Client();
    client.server.ready = false;
    client.next({}, message('1'));
    client.next({}, message('2'));
    expect(client.next({}, message('3')).verdict).toBe('terminate policy-violation');
  });

  test.each([{ pause: 10 }, { type: 'terminate' }])(
    '11 one more with %j is not, also when it overtook the others',
    (leave) => {
      const client = new Client();
      client.at(1003, leave);
      expect(client.at(1002, {}, message('2')).waits).toBe(true);
      expect(client.at(1001, {}, message('1')).verdict).not.toBe('terminate policy-violation');
      expect(client.server.ids).toEqual(['1', '2']);
    },
  );

  test.each([{ hold: 0 }, { wait: 0 }])('12 with %j nothing is held', (attributes) => {
    const client = new Client(attributes);
    expect(client.next({}, message('1')).text).toBe(`<body xmlns='${NS.httpbind}'/>`);
  });

  test('12 two empty requests within polling are a policy-violation if the first got nothing', () => {
    const client = new Client({ hold: 0 });
    client.next();
    expect(client.next().verdict).toBe('terminate policy-violation');
  });

  test('12 but not with an interval, a payload in between, a repeat, or something received', () => {
    const client = new Client({ hold: 0 });
    const verdicts = [client.next().verdict];
    client.engine.pass(2000);
    verdicts.push(client.next().verdict, client.at(client.rid).verdict, client.next({}, message('1')).verdict);
    verdicts.push(client.next().verdict);
    client.engine.pass(2000);
    client.engine.say(message('x'));
    verdicts.push(client.next().verdict, client.next().verdict);
    expect(verdicts).toEqual(Array(7).fill(''));
  });

  test('12 without a polling interval anything goes', () => {
    const client = new Client({ hold: 0 }, { polling: 0 });
    expect(client.creation.body.attr('polling')).toBeUndefined();
    expect([client.next().verdict, client.next().verdict]).toEqual(['', '']);
  });
});

describe('backpressure', () => {
  test('the server is asked to wait above queue_soft and told to go on when the queue is read', () => {
    const limits = { ...new Engine().options.limits, queue_soft: 1000, queue_hard: 10_000 };
    const client = new Client({}, { limits });
    expect(client.engine.say(message('a', 'x'.repeat(500)))).toBe(true);
    expect(client.engine.say(message('b', 'x'.repeat(600)))).toBe(false);
    client.next({}, message('1'));
    expect(client.server.drains).toBe(0);
    client.next({}, message('2'));
    expect(client.server.drains).toBe(1);
  });

  test('above queue_hard the session ends and the server gets back what was not read', () => {
    const limits = { ...new Engine().options.limits, queue_soft: 1000, queue_hard: 2000 };
    const client = new Client({}, { limits });
    for (const id of ['a', 'b', 'c']) client.engine.say(message(id, 'x'.repeat(800)));
    expect(client.engine.sessions.size).toBe(0);
    expect(client.server.closed?.how).toBe('lost');
    expect(client.server.closed?.undelivered?.map((stanza) => stanza.id)).toEqual(['a', 'b', 'c']);
    expect(client.next().verdict).toBe('terminate policy-violation');
  });

  test('a server that asks to wait gets no later request until it can take more', () => {
    const client = new Client();
    client.server.ready = false;
    client.next({}, message('1'));
    const held = client.next({}, message('2'));
    expect(client.server.ids).toEqual(['1']);
    client.server.ready = true;
    client.server.client.drain();
    client.engine.clock.turn();
    expect(client.server.ids).toEqual(['1', '2']);
    expect(held.waits).toBe(true);
  });

  test('a server that answers at once does not have a later request processed inside of an earlier one', () => {
    const client = new Client();
    client.server.onStanza = () => client.server.client.drain();
    client.at(1002, {}, message('3'));
    client.at(1001, {}, message('1') + message('2'));
    expect(client.server.ids).toEqual(['1', '2', '3']);
  });
});

describe('shutdown', () => {
  test('17.2 all sessions are told system-shutdown, also those that ask later', () => {
    const engine = new Engine();
    const [a, b] = [new Client({}, {}, engine), new Client({}, {}, engine)];
    const held = a.next({}, message('1'));
    engine.sessions.stop(new StreamError('system-shutdown'));
    expect(held.verdict).toBe('terminate system-shutdown');
    expect(b.next().verdict).toBe('terminate system-shutdown');
    expect(engine.sessions.size).toBe(0);
    expect([a.server.closed?.how, b.server.closed?.how]).toEqual(['closed', 'closed']);
  });

  test('17.2 or where to go instead', () => {
    const client = new Client();
    const held = client.next({}, message('1'));
    client.engine.sessions.stop(new StreamError('system-shutdown', undefined, { location: 'https://other.example/b' }));
    expect(held.verdict).toBe('terminate see-other-uri');
    expect(held.body.child('uri', NS.httpbind)?.text).toBe('https://other.example/b');
  });
});
