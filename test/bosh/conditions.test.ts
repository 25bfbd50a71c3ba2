import { expect, test } from 'vitest';
import { faultOf, terminalBody, terminalOf, terminalResponse } from '../../src/bosh/conditions.js';
import { type StreamCondition, StreamError } from '../../src/xmpp/errors.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { parseXml } from '../support/xml.js';

test.each<[StreamCondition, string]>([
  ['host-gone', 'host-gone'],
  ['host-unknown', 'host-unknown'],
  ['improper-addressing', 'improper-addressing'],
  ['internal-server-error', 'internal-server-error'],
  ['policy-violation', 'policy-violation'],
  ['remote-connection-failed', 'remote-connection-failed'],
  ['connection-timeout', 'remote-connection-failed'],
  ['system-shutdown', 'system-shutdown'],
  ['resource-constraint', 'undefined-condition'],
  ['undefined-condition', 'undefined-condition'],
  ['conflict', 'remote-stream-error'],
  ['not-authorized', 'remote-stream-error'],
  ['see-other-host', 'remote-stream-error'],
])('17.2 %s becomes %s', (condition, terminal) => {
  expect(terminalOf(new StreamError(condition)).condition).toBe(terminal);
});

test('17.2 what has no condition of its own is said in the body', () => {
  const body = parseXml(terminalBody(terminalOf(new StreamError('resource-constraint', 'full <up>'))).toString());
  const error = body.child('error', NS.stream);
  expect(error?.child('resource-constraint', NS.streams)).toBeDefined();
  expect(error?.child('text', NS.streams)?.text).toBe('full <up>');
});

test('0206 6 a server error is copied, and the wrapper declares its prefix', () => {
  const element = Stanza.from(
    `<stream:error xmlns:stream='${NS.stream}'><conflict xmlns='${NS.streams}'/><x xmlns='app'/></stream:error>`,
  );
  const text = terminalBody(terminalOf(new StreamError('conflict', undefined, { element }))).toString();
  expect(text).toMatch(/^<body [^>]*xmlns:stream='http:\/\/etherx.jabber.org\/streams'/);
  expect(text).toContain(element.raw.toString());
  expect(parseXml(text).attr('condition')).toBe('remote-stream-error');
});

test('17.2 see-other-uri carries the URI', () => {
  const error = new StreamError('system-shutdown', undefined, { location: 'https://other.example/bosh?a=1&b=2' });
  const body = parseXml(terminalBody(terminalOf(error)).toString());
  expect(body.attr('condition')).toBe('see-other-uri');
  expect(body.child('uri', NS.httpbind)?.text).toBe('https://other.example/bosh?a=1&b=2');
});

test('a connection that was lost is remote-connection-failed, a stream that was closed is a plain goodbye', () => {
  expect(terminalOf(undefined, 'lost')).toEqual({ condition: 'remote-connection-failed' });
  expect(parseXml(terminalBody(terminalOf(undefined, 'closed')).toString()).attr('condition')).toBeUndefined();
});

test('17.2 a fault in a request is bad-request, a limit policy-violation, a bug internal-server-error', () => {
  expect(faultOf(new StreamError('not-well-formed'))).toBe('bad-request');
  expect(faultOf(new StreamError('restricted-xml'))).toBe('bad-request');
  expect(faultOf(new StreamError('policy-violation'))).toBe('policy-violation');
  expect(faultOf(new TypeError('bug'))).toBe('internal-server-error');
});

test.each([
  ['bad-request', 400],
  ['policy-violation', 403],
  ['item-not-found', 404],
  ['remote-connection-failed', 200],
  ['other-request', 200],
] as const)('17.1 a client without ver gets %s as HTTP %i, one with ver as 200', (condition, status) => {
  expect(terminalResponse({ condition }, undefined, true).status).toBe(status);
  expect(terminalResponse({ condition }, undefined, false).status).toBe(200);
});
