import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Element } from '../../src/xmpp/element.js';
import { attribute } from '../../src/xmpp/escape.js';
import { scanDocument, scanStanza } from '../../src/xmpp/scanner.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { Attributes } from '../../src/xmpp/tag.js';
import { saxesReads } from '../support/oracles.js';

const read = (raw: Buffer) => saxesReads(`<r>${raw}</r>`)?.children[0];

describe('what a stanza tells of itself', () => {
  const stanza = Stanza.from(
    `<stream:m xmlns='jabber:client' xmlns:stream = "urn:s" to="a&amp;b" from='&#x41;&#66;' id='x\ty\r\nz' type='' xml:lang='de' a='>'> t <p:b xmlns:p='urn:p'/></stream:m>`,
  );

  test('local name, namespace, attributes unescaped and normalised', () => {
    expect([stanza.name, stanza.ns]).toEqual(['m', 'urn:s']);
    expect([stanza.to, stanza.from, stanza.id, stanza.type]).toEqual(['a&b', 'AB', 'x y z', '']);
    expect([stanza.attr('xml:lang'), stanza.attr('a'), stanza.attr('lang')]).toEqual(['de', '>', undefined]);
  });

  test('its payload is the first child, with the namespace it inherits or declares', () => {
    expect(stanza.payload).toEqual({ name: 'b', ns: 'urn:p' });
    expect(Stanza.from(`<iq xmlns='u'><q><r/></q></iq>`).payload).toEqual({ name: 'q', ns: 'u' });
    expect(Stanza.from(`<iq xmlns='u'><q xmlns=''/></iq>`).payload).toEqual({ name: 'q', ns: '' });
    expect(Stanza.from(`<iq xmlns='u' xmlns:p='v'><p:q/></iq>`).payload).toEqual({ name: 'q', ns: 'v' });
    for (const none of ['<iq/>', '<iq></iq>', '<iq>text</iq >']) expect(Stanza.from(none).payload).toBeUndefined();
  });

  test('names and values beyond ASCII', () => {
    const wide = Stanza.from(`<\u0436 \u00e9='\u4e2d' to='j\u00fcrgen@\u0440.\u0440\u0444'/>`);
    expect([wide.name, wide.attr('\u00e9'), wide.to]).toEqual(['\u0436', '\u4e2d', 'j\u00fcrgen@\u0440.\u0440\u0444']);
    expect(wide.with({ '\u00e9': undefined }).attr('\u00e9')).toBeUndefined();
  });

  test('a lasting copy says the same, and keeps no more than its own bytes in memory', () => {
    const chat = Buffer.concat([Buffer.alloc(5000), Buffer.from("<message to='b'>hi</message>")]);
    const copy = new Stanza(chat.subarray(5000), 'jabber:client').lasting;
    expect([String(copy.raw), copy.ns, copy.to]).toEqual(["<message to='b'>hi</message>", 'jabber:client', 'b']);
    expect(copy.raw.buffer.byteLength).toBe(copy.raw.length);
  });

  test('message, presence and iq without prefix are told from everything else', () => {
    const kinds = ['<message>', '<message/>', '<message a="">', '<presence\n/>', '<iq/>', "<iq\ttype='get'>"];
    const others = ['<messages/>', '<m:message/>', '<i/>', '<iqs/>', '<pres/>', '<stream:features/>', '<iq:x/>', '<p'];
    const kind = (xml: string) => new Stanza(Buffer.from(xml)).kind;
    expect(kinds.map(kind)).toEqual(['message', 'message', 'message', 'presence', 'iq', 'iq']);
    expect(others.map(kind)).toEqual(others.map(() => undefined));
  });

  test('its tree is made once and says the same', () => {
    expect(stanza.tree.getChild('b', 'urn:p')).toBeDefined();
    expect(stanza.tree).toBe(stanza.tree);
    expect(stanza.tree.attrs.to).toBe('a&b');
  });

  test('it can be made of a tree, and of nothing that is not well-formed', () => {
    const element = new Element('iq', { xmlns: 'jabber:client', type: 'get' });
    element.c('query', { xmlns: 'u', a: '<&>"' }).t('1 < 2');
    const made = Stanza.from(element);
    expect([made.ns, made.type, made.payload]).toEqual(['jabber:client', 'get', { name: 'query', ns: 'u' }]);
    expect(made.tree.getChildText('query')).toBe('1 < 2');
    expect(() => Stanza.from('<a>')).toThrow();
  });
});

test('a number is read from plain decimal digits, -1 stands for any other value', () => {
  const { header } = scanDocument(
    Buffer.from(`<b a='0' b='42' c='999999999999999' d='1000000000000000' e='042' f='' g='4x' h='&#49;' i='-1'/>`),
  );
  expect([...'abcdefghij'].map((name) => header.natural(name))).toEqual([
    0,
    42,
    999_999_999_999_999,
    ...[-1, -1, -1, -1, -1, -1],
    undefined,
  ]);
  expect(header.attr('h')).toBe('1');
});

test('a name beyond ASCII is not taken for another of the same bytes', () => {
  expect(Stanza.from("<m \u00e9='1'/>").attr('\u00c3\u00a9')).toBeUndefined();
});

test('the namespace the scanner tells is that of the tag', () => {
  const stanzas = `<m/><m xmlns='u'/><m xmlns=''/><m xmlns='jabber:client'/><p:m xmlns:p='u'/><m a:b='' xmlns:a='v'/>`;
  for (const options of [{ defaultNs: 'jabber:client' }, { defaultNs: 'x' }, {}]) {
    const read = scanDocument(Buffer.from(`<b xmlns='jabber:server'>${stanzas}</b>`), undefined, options).stanzas;
    expect(read.map(({ ns }) => ns)).toEqual(read.map(({ raw }) => new Stanza(raw).ns));
    const inherited = options.defaultNs ?? 'jabber:server';
    expect(read.map(({ ns }) => ns)).toEqual([inherited, 'u', '', 'jabber:client', 'u', inherited]);
  }
});

const NAMES = ['to', 'from', 'id', 'type', 'xml:lang', 'x'];
const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', "'", '"', '&amp;', '<', '\t\r\n', '\ud800', '\u0000'),
);
const attributes = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom('1', 'a&amp;b', '>', ' '));
const changes = fc.dictionary(fc.constantFrom(...NAMES), fc.option(value, { nil: undefined }));

/** What XML can hold of a string. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML cannot hold
const legal = (text: string) => text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, '\ufffd');

test('with() changes exactly what it is told, and nothing behind the first tag', () => {
  fc.assert(
    fc.property(attributes, changes, fc.constantFrom("'", '"'), fc.boolean(), (before, change, quote, closed) => {
      const said = Object.entries(before).map(([name, raw]) => `  ${name} = ${quote}${raw}${quote}`);
      const rest = closed ? '\n/>' : `\t><b to='t' from="f">\u00e9 &lt;</b> </m>`;
      const stanza = scanStanza(Buffer.from(`<m xmlns='u'${said.join('')}${rest}`));
      const changed = stanza.with(change);
      for (const name of NAMES) {
        const now = Object.hasOwn(change, name) ? change[name] : stanza.attr(name);
        expect(changed.attr(name)).toBe(now === undefined ? undefined : legal(now));
      }
      expect(changed.raw.toString().endsWith(rest)).toBe(true);
      expect([changed.name, changed.ns, changed.payload]).toEqual([stanza.name, stanza.ns, stanza.payload]);
      // Still proven, and read by others as it reads itself.
      expect(scanStanza(Buffer.from(changed.raw)).raw.equals(changed.raw)).toBe(true);
      expect(read(changed.raw)).toBe(read(scanStanza(Buffer.from(changed.raw)).raw));
      // Undone, it says what it said.
      const undone = changed.with(Object.fromEntries(NAMES.map((name) => [name, stanza.attr(name)])));
      expect(read(undone.raw)).toBe(read(stanza.raw));
    }),
    { numRuns: 2000 },
  );
});

test('beginning() puts the same bytes there as with(), and knows what it put there', () => {
  const names = fc.constantFrom('p:m', 'm', 'message');
  fc.assert(
    fc.property(attributes, changes, names, fc.boolean(), (before, change, name, closed) => {
      const absent = Object.entries(change).filter(([each, its]) => its !== undefined && !Object.hasOwn(before, each));
      const said = Object.entries(before).map(([each, raw]) => `  ${each} = "${raw}"`);
      const rest = closed ? '\n/>' : `\t><b to='t' from="f">\u00e9 &lt;</b> </${name}>`;
      const stanza = scanStanza(Buffer.from(`<${name} xmlns='u' xmlns:p='v'${said.join('')}${rest}`));
      const more = new Attributes(absent.map(([each, its]) => attribute(each, its)).join(''));
      const copy = stanza.beginning(more);
      const same = stanza.with(Object.fromEntries(absent));
      expect(copy.raw.toString()).toBe(same.raw.toString());
      const fresh = new Stanza(copy.raw);
      // What nobody asked the bytes of says the same, and can be copied as it is, also from another of its kind.
      const id = Buffer.from("<id xmlns='s'/>");
      const none = new Attributes('');
      for (const late of [stanza.beginning(more), stanza.beginning(more).beginning(none), copy]) {
        expect([late.kind, late.isPlain, late.size]).toEqual([fresh.kind, fresh.isPlain, fresh.raw.length]);
        const target = Buffer.alloc(late.size + 2, '#');
        late.copyTo(target, 1);
        expect(target.toString()).toBe(`#${fresh.raw}#`);
        expect(late.endingIn(id).raw.toString()).toBe(fresh.ending(id.toString()).raw.toString());
        expect(late.raw.toString()).toBe(fresh.raw.toString());
      }
      for (const one of [copy, copy.beginning(new Attributes(" b='1'"))]) {
        expect([one.name, one.ns, one.payload, one.closed]).toEqual([fresh.name, fresh.ns, fresh.payload, closed]);
        for (const each of NAMES) expect(one.attr(each)).toBe(fresh.attr(each));
      }
      expect(copy.with({ x: undefined, to: 't' }).raw.toString()).toBe(
        fresh.with({ x: undefined, to: 't' }).raw.toString(),
      );
    }),
    { numRuns: 1000 },
  );
});

test('with() of nothing is the same bytes; a stanza is never changed itself', () => {
  const stanza = Stanza.from(`<m  a = 'x'\n to="y" ><b/></m>`);
  const bytes = stanza.raw.toString();
  expect(stanza.with({}).raw.toString()).toBe(bytes);
  expect(stanza.with({ to: undefined }).raw.toString()).toBe(`<m  a = 'x' ><b/></m>`);
  expect(stanza.with({ to: 'z', b: '1' }).raw.toString()).toBe(`<m b='1'  a = 'x'\n to='z' ><b/></m>`);
  expect(stanza.raw.toString()).toBe(bytes);
});

test.each([
  ["<m xmlns='u'/>", "<m xmlns='u'><id xmlns='s' n='1'/></m>"],
  ["<m xmlns='u'></m>", "<m xmlns='u'><id xmlns='s' n='1'/></m>"],
  [
    "<p:m xmlns:p='u' a='>'><b>\u00e9</b> t</p:m >",
    "<p:m xmlns:p='u' a='>'><b>\u00e9</b> t<id xmlns='s' n='1'/></p:m >",
  ],
])('another last child: %s', (before, after) => {
  const stanza = scanStanza(Buffer.from(before));
  const copies = [stanza.ending("<id xmlns='s' n='1'/>"), stanza.endingIn(Buffer.from("<id xmlns='s' n='1'/>"))];
  for (const copy of copies) {
    expect(copy.raw.toString()).toBe(after);
    expect([copy.name, copy.ns]).toEqual([stanza.name, 'u']);
  }
  expect(stanza.raw.toString()).toBe(before);
});
