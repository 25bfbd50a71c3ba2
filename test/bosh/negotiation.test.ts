import { expect, test } from 'vitest';
import { lowerVersion, negotiate, readContent } from '../../src/bosh/negotiation.js';
import type { BoshOptions } from '../../src/bosh/options.js';
import { scanDocument } from '../../src/xmpp/scanner.js';
import { OPTIONS } from '../support/bosh-engine.js';

function terms(attributes: string, options: Partial<BoshOptions> = {}) {
  const { header } = scanDocument(Buffer.from(`<body xmlns='http://jabber.org/protocol/httpbind' ${attributes}/>`));
  return negotiate(header, { secure: false }, { ...OPTIONS, ...options });
}

test.each([
  ['1.6', '1.6'],
  ['1.10', '1.10'],
  ['1.11', '1.11'],
  ['1.12', '1.11'],
  ['2.0', '1.11'],
  ['0.99', '0.99'],
  ['1.6.1', '1.11'],
  ['x', '1.11'],
  [undefined, '1.11'],
])('7.2 ver %s is answered %s', (asked, answered) => {
  expect(lowerVersion(asked)).toBe(answered);
});

test('7.1 whatever is missing has a default', () => {
  expect(terms('')).toMatchObject({
    legacy: true,
    wait: 60,
    hold: 1,
    requests: 2,
    inactivity: 70,
    polls: false,
    acks: false,
  });
});

test.each([
  [`wait='30' hold='1'`, { wait: 30, hold: 1, requests: 2 }],
  [`wait='300' hold='1'`, { wait: 120 }],
  [`wait='999999999'`, { wait: 120 }],
  [`hold='2'`, { hold: 2, requests: 3 }],
  [`hold='4'`, { hold: 2, requests: 5, sure: 6 }],
  [`hold='5'`, { hold: 2, requests: 6, sure: 6 }],
  [`hold='200'`, { hold: 2, requests: 201, sure: 6 }],
  [`hold='254'`, { hold: 2, requests: 255, sure: 6 }],
  // Larger than 255 is none of its type; and there is no unsigned byte larger than 255.
  [`hold='255'`, { hold: 2, requests: 255, sure: 6 }],
  [`hold='300'`, { hold: 2, requests: 255, sure: 6 }],
  [`hold='0'`, { hold: 0, polls: true, inactivity: 75 }],
  [`wait='0'`, { wait: 0, polls: true, inactivity: 75 }],
  [`inactivity='10'`, { inactivity: 70 }],
  [`inactivity='100'`, { inactivity: 100 }],
  [`inactivity='1000'`, { inactivity: 160 }],
  [`ack='1'`, { acks: true }],
  [`ack='7'`, { acks: false }],
])('7.2 %s gives %j', (attributes, expected) => {
  expect(terms(attributes)).toMatchObject(expected);
});

test('7.2 the window is at least window_size and more than hold', () => {
  expect(terms(`hold='1'`, { window_size: 5 }).requests).toBe(5);
  expect(terms(`hold='1'`, { window_size: 1 }).requests).toBe(2);
  expect(terms(`hold='200'`, { window_size: 100 })).toMatchObject({ requests: 201, sure: 101 });
  expect(terms(`hold='9'`, { max_bosh_connections: 10 })).toMatchObject({ hold: 9, requests: 10, sure: 11 });
});

test.each(['wait="-1"', 'wait="x"', 'hold="1.5"', 'hold=""', 'inactivity="1e3"'])('7.1 %s is refused', (attributes) => {
  expect(() => terms(attributes)).toThrow(/bad-format/);
});

test.each([
  ['text/html', 'text/html'],
  ['text/xml; charset=utf-8', 'text/xml; charset=utf-8'],
  ['application/x; a="b c"', 'application/x; a="b c"'],
  ['text', undefined],
  ['text/html\r\nX-Evil: 1', undefined],
  ['text/html; ä=b', undefined],
  [`text/${'x'.repeat(200)}`, undefined],
])('7.1 content %j can be a header as %j', (content, used) => {
  expect(readContent(content)).toBe(used);
});
