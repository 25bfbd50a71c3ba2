import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/xmpp/limits.js';
import { PlainScan } from '../../src/xmpp/plain-scan.js';
import { Chance } from '../support/random-xml.js';
import { pieces, scanChunks } from '../support/scan.js';

const USUAL = [
  `<message from='a@b/c' to="d@e" type='chat' id='1' xml:lang='en'><body>It's ]] 1 &lt; 2 &amp;c.</body></message>`,
  `<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:roster'><item jid='x' name="it's"/></query></iq>`,
  "<presence\n><show >away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' ver='\u00e9\u4e2d\uff0c'/></presence >",
  "<r xmlns='urn:xmpp:sm:3'/>",
  "<x xmlns='http://www.w3.org/2000/svg' a='http://www.w3.org/2000/xmlns/'><y xmlns='http://www.w3.org/1999/xhtml' /></x>",
];
const WORDS = [
  ...['<', '>', '/', '&', ';', "'", '"', '=', ' ', ':', ']]>', 'a', '1', '.', '\u0000', '\ufffe', '&#1;', '&#x41;'],
  ...['<!', '<?', '<![CDATA[x]]>', 'xmlns', ' xmlns:a="u"', ' xml:lang="x"', " a='b'", '</', '\u00e9', 'http://www'],
  ...["'http://www.w3.org/XML/1998/namespace'", "'http://www.w3.org/2000/xmlns/'", '<a/>', '</a>'],
];

/** A usual element with something put in, taken out or put in its place. */
function changed(chance: Chance): Buffer {
  let text = USUAL[chance.below(USUAL.length)];
  for (let changes = chance.below(3); changes > 0; changes--) {
    const at = 1 + chance.below(text.length);
    const word = chance.once(3) ? '' : WORDS[chance.below(WORDS.length)];
    text = text.slice(0, at) + word + text.slice(at + chance.below(3));
  }
  return Buffer.from(text);
}

test('what is read at one go is what is read byte by byte', () => {
  const chance = new Chance(7395);
  const plain = new PlainScan();
  let taken = 0;
  for (let i = 0; i < 50_000; i++) {
    const bytes = changed(chance);
    const end = plain.element(bytes, 0, bytes.length, DEFAULT_LIMITS);
    const whole = scanChunks([bytes], { alone: true, defaultNs: 'u' });
    const cut = scanChunks(
      pieces(bytes, () => 1),
      { alone: true, defaultNs: 'u' },
    );
    if (!isDeepStrictEqual(cut, whole)) expect.fail(`${bytes}\n${JSON.stringify(whole)}\n${JSON.stringify(cut)}`);
    if (end > 0) {
      taken++;
      if (cut.stanzas.length !== 1) expect.fail(`only at one go: ${bytes}`);
    }
  }
  expect(taken).toBeGreaterThan(15_000);
});

test('what is usual is read at one go', () => {
  const plain = new PlainScan();
  for (const xml of USUAL.filter((each) => !each.includes(' >') || each.includes('<show >'))) {
    const bytes = Buffer.from(xml.replace('</presence >', '</presence>'));
    expect(plain.element(bytes, 0, bytes.length, DEFAULT_LIMITS)).toBe(bytes.length);
    for (let cut = 0; cut < bytes.length; cut++) expect(plain.element(bytes, 0, cut, DEFAULT_LIMITS)).toBe(0);
  }
});
