import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeAttribute, escapeText, unescapeAttribute, unescapeText } from '../../src/xmpp/escape.js';
import { readHeader, writeHeader } from '../../src/xmpp/header.js';
import { NS } from '../../src/xmpp/ns.js';
import { Scanner, type StartTag } from '../../src/xmpp/scanner.js';
import { saxesReads } from '../support/oracles.js';

/** What a peer makes of a header. */
function heard(bytes: Buffer): StartTag {
  const tags: StartTag[] = [];
  new Scanner({ header: (tag) => tags.push(tag), stanza() {}, end() {} }).push(bytes);
  return tags[0];
}

test('4.7 a header is written for TCP and read back', () => {
  const header = { to: 'a.example', from: "o'k@b", id: '<1>', version: '1.0', lang: 'de' };
  const tag = heard(writeHeader(header));
  expect([tag.name, tag.ns, tag.attr('xmlns')]).toEqual(['stream', NS.stream, 'jabber:client']);
  expect(readHeader(tag)).toEqual(header);
  expect(heard(writeHeader({}, NS.component)).attr('xmlns')).toBe(NS.component);
  expect(readHeader(heard(writeHeader({})))).toEqual({});
});

test('further attributes are written, but never instead of its own', () => {
  const extra = new Map(Object.entries({ ua: 'x&y', to: 'evil', xmlns: 'evil', 'xmlns:stream': 'evil', version: '2' }));
  const tag = heard(writeHeader({ to: 'good', extra }));
  expect([tag.attr('ua'), tag.attr('to'), tag.attr('version'), tag.ns]).toEqual(['x&y', 'good', undefined, NS.stream]);
});

test('what is escaped is read back by us and by others, whatever XML can hold of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML cannot hold
      const legal = text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, '\ufffd');
      expect(unescapeAttribute(escapeAttribute(text))).toBe(legal);
      expect(unescapeText(escapeText(text))).toBe(legal);
      const reading = saxesReads(
        `<r><a b='${escapeAttribute(text)}' c="${escapeAttribute(text)}">${escapeText(text)}</a></r>`,
      );
      const json = JSON.stringify(legal);
      expect(reading?.children[0]).toBe(
        `<{}a {}b=${json} {}c=${json}>${legal.replace(/[<>]/g, encodeURIComponent)}</>`,
      );
    }),
    { numRuns: 3000 },
  );
});
