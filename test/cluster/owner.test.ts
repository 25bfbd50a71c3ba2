import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBody, scanLimits } from '../../src/bosh/body.js';
import { ownerOf } from '../../src/cluster/owner.js';
import { OPTIONS } from '../support/bosh-engine.js';

const HTTPBIND = "xmlns='http://jabber.org/protocol/httpbind'";

describe('the process that has the session', () => {
  test.each<[string, number | undefined]>([
    [`<body sid='3-abc' rid='1' ${HTTPBIND}/>`, 3],
    [`<body ${HTTPBIND} rid="7" sid="12-a'b"/>`, 12],
    [`<?xml version='1.0'?>\n<body ${HTTPBIND}\n\tsid = '5-x'>`, 5],
    [`<b:body xmlns:b='http://jabber.org/protocol/httpbind' sid='5-x'/>`, 5],
    [`<body to=' sid="9-x" ' sid='4-x'/>`, 4],
    [`<body to='>' sid='4-x'/>`, 4],
    [`<body xml:sid='9-x' sid='4-x'/>`, 4],
    [`<body insid='9-x' side='8-x' sid='4-x'/>`, 4],
    [`<body rid='1'><message sid='9-x'/></body>`, undefined],
    [`<body rid='1'>sid='9-x'</body>`, undefined],
    [`<body sid='12345678-x'/>`, undefined],
    [`<body sid='-x'/>`, undefined],
    [`<body sid='12'/>`, undefined],
    [`<body sid='1e3-x'/>`, undefined],
    [`<body sid='../1-x'/>`, undefined],
    [`<body sid='`, undefined],
    [`<body sid=`, undefined],
    [`<body sid`, undefined],
    [`<body to='x`, undefined],
    [`<body`, undefined],
    ['<?xml', undefined],
    ['sid=1-x', undefined],
    ['', undefined],
  ])('%s', (text, owner) => {
    expect(ownerOf(Buffer.from(text))).toBe(owner);
  });

  test('is found wherever the sid stands among the attributes, as the scanner reads them', () => {
    const names = fc.constantFrom('rid', 'to', 'xml:lang', 'key', 'ver', 'ack');
    const attribute = fc.tuple(names, fc.string({ maxLength: 12 }), fc.constantFrom("'", '"'));
    const all = fc.uniqueArray(attribute, { selector: ([name]) => name, maxLength: 5 });
    fc.assert(
      fc.property(all, fc.nat({ max: 9_999_999 }), fc.nat({ max: 5 }), (attributes, number, at) => {
        const texts = attributes.map(
          ([name, value, quote]) => `${name}=${quote}${value.replace(/[&<'"]/g, '')}${quote}`,
        );
        texts.splice(at, 0, `sid='${number}-abc'`);
        const body = Buffer.from(`<body ${HTTPBIND} ${texts.join('\n ')}/>`);
        const sid = readBody(Buffer.from(body), scanLimits(OPTIONS.limits)).tag.attr('sid');
        expect(ownerOf(body)).toBe(Number(sid?.split('-')[0]));
      }),
    );
  });

  test('no bytes whatever keep it from coming to an end', () => {
    const piece = fc.constantFrom('<', '>', '?', "'", '"', '=', ' ', 'sid', '1-', '/', 'body', 'x');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const owner = ownerOf(Buffer.from(pieces.join('')));
        expect(owner === undefined || Number.isInteger(owner)).toBe(true);
      }),
    );
  });
});
