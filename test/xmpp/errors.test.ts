import { describe, expect, test } from 'vitest';
import { errorAnswer } from '../../src/xmpp/answer.js';
import { bounce } from '../../src/xmpp/bounce.js';
import { STREAM_CONDITIONS, StanzaError, StreamError } from '../../src/xmpp/errors.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { lastWords, readStreamError, streamErrorStanza } from '../../src/xmpp/stream-error.js';

const STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

describe('RFC 6120 section 4.9, stream errors', () => {
  test.each(STREAM_CONDITIONS)('4.9.3 %s is written and read back', (condition) => {
    const stanza = streamErrorStanza(new StreamError(condition, 'a < b & "c"'));
    expect([stanza.name, stanza.ns]).toEqual(['error', 'http://etherx.jabber.org/streams']);
    expect(Stanza.from(stanza.raw.toString()).payload).toEqual({ name: condition, ns: STREAMS });
    expect(readStreamError(stanza)).toMatchObject({ condition, text: 'a < b & "c"', element: stanza });
  });

  test('4.9.3.19 see-other-host says where', () => {
    const stanza = streamErrorStanza(new StreamError('see-other-host', undefined, { location: '[2001:db8::1]:9&' }));
    expect(readStreamError(stanza)).toMatchObject({ condition: 'see-other-host', location: '[2001:db8::1]:9&' });
  });

  test('4.9.1.1 inside a stream it uses the prefix of the header and ends the stream', () => {
    const words = lastWords(new StreamError('see-other-host', undefined, { location: 'b.example' })).toString();
    expect(words).toBe(
      `<stream:error><see-other-host xmlns='${STREAMS}'>b.example</see-other-host></stream:error></stream:stream>`,
    );
  });

  test("the server's own element is passed on as it is", () => {
    const element = Stanza.from(
      `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><new-one xmlns='${STREAMS}'/><x xmlns='app'/></stream:error>`,
    );
    const error = readStreamError(element);
    expect(error.condition).toBe('undefined-condition');
    expect(streamErrorStanza(error)).toBe(element);
  });
});

describe('RFC 6120 section 8.3, stanza errors', () => {
  test('the answer goes back where the stanza came from', () => {
    const iq = Stanza.from(`<iq xmlns='jabber:client' type='get' id='1' from='a@b/c' to='d'><q xmlns='u'>x</q></iq>`);
    const answer = errorAnswer(iq, new StanzaError('cancel', 'item-not-found', 'no <such> thing'));
    expect([answer.type, answer.id, answer.to, answer.from]).toEqual(['error', '1', 'a@b/c', 'd']);
    expect(answer.tree.children).toHaveLength(1);
    const error = answer.tree.getChild('error', 'jabber:client');
    expect(error?.attrs.type).toBe('cancel');
    expect(error?.getChild('item-not-found', STANZAS)).toBeDefined();
    expect(error?.getChildText('text', STANZAS)).toBe('no <such> thing');
  });

  test.each([`<iq/>`, `<iq to='x' />`, `<p:iq xmlns:p='it&apos;s "u"'\n/>`, `<iq><a/></iq >`, `<iq xmlns='u'>t</iq>`])(
    'the answer to %s is well-formed, with and without what was sent',
    (text) => {
      const stanza = Stanza.from(text);
      for (const payload of [false, true]) {
        const answer = errorAnswer(stanza, new StanzaError('wait', 'resource-constraint'), payload);
        const again = Stanza.from(answer.raw.toString());
        expect([again.name, again.ns, again.type]).toEqual([stanza.name, stanza.ns, 'error']);
        expect(again.payload?.name).toBe(payload && stanza.payload ? stanza.payload.name : 'error');
      }
    },
  );
});

describe('XEP-0206 section 7, stanzas for a client that is gone', () => {
  const of = (name: string, type?: string) =>
    bounce(
      Stanza.from(`<${name} xmlns='jabber:client' from='s' to='c'${type ? ` type='${type}'` : ''}><b/></${name}>`),
    );

  test.each([undefined, 'chat', 'normal', 'headline', 'groupchat'])('a message of type %s comes back', (type) => {
    const answer = of('message', type);
    expect([answer?.to, answer?.from, answer?.type]).toEqual(['s', 'c', 'error']);
    expect(answer?.tree.getChild('error')?.attrs.type).toBe('wait');
    expect(answer?.tree.getChild('error')?.getChild('recipient-unavailable', STANZAS)).toBeDefined();
  });

  test.each(['get', 'set'])('an iq of type %s is answered', (type) => {
    const answer = of('iq', type);
    expect([answer?.to, answer?.type]).toEqual(['s', 'error']);
    expect(answer?.tree.getChild('error')?.attrs.type).toBe('cancel');
    expect(answer?.tree.getChild('error')?.getChild('service-unavailable', STANZAS)).toBeDefined();
  });

  test.each([
    ['message', 'error'],
    ['iq', 'result'],
    ['iq', 'error'],
    ['presence', undefined],
    ['presence', 'unavailable'],
    ['presence', 'subscribe'],
    ['r', undefined],
    ['features', undefined],
  ])('a %s of type %s is dropped', (name, type) => {
    expect(of(name, type)).toBeUndefined();
  });
});
