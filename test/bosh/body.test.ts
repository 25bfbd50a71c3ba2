import { expect, test } from 'vitest';
import { payloadsOf, readBody, readHead, scanLimits, writeBody } from '../../src/bosh/body.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { OPTIONS } from '../support/bosh-engine.js';
import { parseXml } from '../support/xml.js';

const limits = scanLimits(OPTIONS.limits);
const read = (xml: string) => readBody(Buffer.from(xml), limits);
const body = (payload: string) => read(`<body xmlns='${NS.httpbind}' rid='1'>${payload}</body>`);

test('6 a body is read with its attributes and complete payloads of any namespace', () => {
  const { tag, stanzas } = body(`<message xmlns='jabber:client' id='a'/><x xmlns='urn:any'><y/></x>`);
  expect(tag.attr('rid')).toBe('1');
  expect(stanzas.map(({ name, ns }) => [name, ns])).toEqual([
    ['message', 'jabber:client'],
    ['x', 'urn:any'],
  ]);
});

test.each([
  ['without a namespace of its own', `<message id='a'><body>x</body></message>`],
  ['in the namespace of the wrapper', `<message xmlns='${NS.httpbind}' id='a'><body>x</body></message>`],
])('0206 2 a message %s is one of jabber:client', (_, xml) => {
  const [stanza] = body(xml).stanzas;
  expect([stanza.name, stanza.ns, stanza.id]).toEqual(['message', NS.client, 'a']);
  const tree = parseXml(stanza.raw.toString());
  expect(tree.ns).toBe(NS.client);
  expect(tree.child('body', NS.client)?.text).toBe('x');
});

test.each([
  ['no httpbind namespace', '<body rid="1"/>'],
  ['another root', `<message xmlns='${NS.httpbind}'/>`],
  ['a partial element', `<body xmlns='${NS.httpbind}'><message></body>`],
  ['crossed tags', `<body xmlns='${NS.httpbind}'><a><b></a></b></body>`],
  ['a comment', `<body xmlns='${NS.httpbind}'><!-- --></body>`],
  ['a processing instruction', `<body xmlns='${NS.httpbind}'><?x y?></body>`],
  ['a DTD', `<!DOCTYPE body [<!ENTITY a "b">]><body xmlns='${NS.httpbind}'>&a;</body>`],
  ['an unknown entity', `<body xmlns='${NS.httpbind}'><a>&nbsp;</a></body>`],
  ['character data', `<body xmlns='${NS.httpbind}'>text</body>`],
  ['a second root', `<body xmlns='${NS.httpbind}'/><body xmlns='${NS.httpbind}'/>`],
  ['an end that is missing', `<body xmlns='${NS.httpbind}'>`],
  ['nothing', ''],
])('6 %s is refused', (_, xml) => {
  expect(() => read(xml)).toThrow();
});

test.each([
  ['a stream error', `<stream:error xmlns:stream='${NS.stream}'/>`],
  ['stream features', `<features xmlns='${NS.stream}'/>`],
  ['starttls', `<starttls xmlns='${NS.tls}'/>`],
  ['compress', `<compress xmlns='${NS.compress}'/>`],
  ['open', `<open xmlns='${NS.framing}'/>`],
  ['handshake', `<handshake xmlns='${NS.component}'/>`],
  ['what servers say to servers', `<message xmlns='${NS.server}'/>`],
])('0206 2 %s from a client is refused', (_, xml) => {
  expect(() => body(xml)).toThrow(/unsupported-feature/);
});

test('the start tag of a body that is cut off or broken can still be read', () => {
  for (const rest of ['<message>', '<a></b></body>', '<!-- -->']) {
    const tag = readHead(Buffer.from(`<body xmlns='${NS.httpbind}' sid='s'>${rest}`), limits);
    expect(tag?.attr('sid')).toBe('s');
  }
  expect(readHead(Buffer.from('<body'), limits)).toBeUndefined();
});

test('8 an empty body is always the same bytes', () => {
  expect(writeBody('', []).toString()).toBe(`<body xmlns='${NS.httpbind}'/>`);
  expect(writeBody('', [])).toBe(writeBody('', []));
});

test('what is written can be taken apart again', () => {
  const stanzas = [Stanza.from(`<message xmlns='jabber:client'>ä</message>`), Stanza.from(`<r xmlns='${NS.sm3}'/>`)];
  const written = writeBody(` ack='5'`, stanzas);
  expect(parseXml(written.toString()).attr('ack')).toBe('5');
  expect(payloadsOf(written).map((stanza) => stanza.raw.toString())).toEqual(stanzas.map((s) => s.raw.toString()));
});

test('what a server has let pass is read back, whatever a client may say', () => {
  const stanzas = [new Stanza(Buffer.from("<message xmlns='jabber:client' xmlns:p=' ' p:a='1'/>"))];
  const read = payloadsOf(writeBody('', stanzas));
  expect(read.map((stanza) => stanza.raw.toString())).toEqual(stanzas.map((s) => s.raw.toString()));
});
