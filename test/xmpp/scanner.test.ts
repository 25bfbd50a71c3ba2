import { describe, expect, test } from 'vitest';
import { StreamError } from '../../src/xmpp/errors.js';
import { DEFAULT_LIMITS, Scanner, type ScannerLimits, scanDocument, scanStanza } from '../../src/xmpp/scanner.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { pieces, scanChunks } from '../support/scan.js';

const STREAM = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1'>`;
const BODY = `<body rid='1' xmlns='http://jabber.org/protocol/httpbind'`;

/** The condition with which a stream that says this after its header is ended. */
function refusal(said: string | Buffer, limits?: ScannerLimits): string | undefined {
  return scanChunks([Buffer.from(STREAM), Buffer.from(said as string)], {}, limits).error;
}

function documentRefusal(text: string): string | undefined {
  try {
    scanDocument(Buffer.from(text));
    return undefined;
  } catch (error) {
    if (error instanceof StreamError) return error.condition;
    throw error;
  }
}

describe('RFC 6120 section 11.1, restricted XML', () => {
  test.each([
    '<!',
    '<!-',
    '<!-- c',
    '<!DOCTYPE',
    '<![CDA-',
    '<?',
    '<?pi?>',
    '<?xml ',
    '<a><!--',
    '<a><?',
    '<a><!DOCTYPE',
    '<a><!E',
    '<a><![cdata[',
    '<a>&foo;',
    '<a>&nbsp;',
    "<a b='&foo;",
    '<a>&lt;&LT;',
    '<a><b/><?xml version="1.0"?>',
    '</stream:stream><!-- c -->',
    '</stream:stream><?p?>',
  ])('%s is refused before it is complete', (said) => {
    expect(refusal(`${said}  `)).toBe('restricted-xml');
  });

  test.each([
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<!-- c --><a/>',
    '<?pi?><a/>',
    ' <?xml version="1.0"?><a/>',
    '<?xml version="1.0"?><?xml version="1.0"?><a/>',
    '<?xml-stylesheet href="x"?><a/>',
    '<a/><!-- c -->',
    '<a><!-- c --></a>',
    '<a><b><?pi?></b></a>',
  ])('document %s', (text) => {
    expect(documentRefusal(text)).toBe('restricted-xml');
  });
});

describe('XML 1.0, not well-formed', () => {
  test.each([
    '<a></b>',
    '<a><b></a></b>',
    '<a></a',
    '</a>',
    '</stream:stream><a/>',
    '</stream:stream>x',
    '<a b/>',
    '<a b=c/>',
    "<a b='1'c='2'/>",
    "<a b='1' b='2'/>",
    "<a b='<'/>",
    "<a b='&'/>",
    '<a>&</a>',
    '<a>&;</a>',
    '<a>&#;</a>',
    '<a>&#x;</a>',
    '<a>&#xg;</a>',
    '<a>&#1a;</a>',
    '<a>&#X41;</a>',
    '<a>&amp</a>',
    '<a>&1;</a>',
    '<a>]]></a>',
    '<a>]]]></a>',
    '< a/>',
    '<a / >',
    '<1/>',
    '<-a/>',
    '<:a/>',
    '<a:/>',
    '<a:b:c/>',
    '<a><</a>',
    '<a/ >',
    '<a></ a>',
    '<a></a b="">',
    '<a\u0000/>',
    '<a>\u0001</a>',
    '<a\u00d7/>',
    "<a xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>",
    "<a xmlns:p='u' xmlns:q='&#117;' p:x='' q:x=''/>",
    "<a xmlns='x' xmlns='y'/>",
    '<xmlns:a/>',
  ])('%s', (said) => {
    const { error, ended } = scanChunks([Buffer.from(STREAM), Buffer.from(`${said} `)]);
    expect(error ?? (ended ? 'taken' : 'waits')).toBe(said === '<a></a' ? 'waits' : 'not-well-formed');
  });

  test.each([
    '',
    ' ',
    '<a',
    '<a>',
    '<a><b/>',
    '<a></a',
    'x',
    '<a/>x',
    '<a/><b/>',
    '<a/><',
    '<?xml version="1.0"?>',
    '</a>',
  ])('document %j is not complete or too much', (text) => {
    expect(documentRefusal(text)).toBe('not-well-formed');
  });

  test('11.5 text between stanzas is not part of a stream', () => {
    for (const text of ['x', '&#32;', '\ufeff', ']]>', '\u0000']) expect(refusal(text)).toBe('bad-format');
  });
});

describe('Namespaces in XML 1.0', () => {
  test.each([
    '<p:a/>',
    "<a p:b=''/>",
    "<a><b xmlns:p='u'/><p:c/></a>",
    "<a xmlns:p=''/>",
    "<a xmlns:xmlns='u'/>",
    "<a xmlns:xml='u'/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns:p='http://www.w3.org/2000/xmlns&#47;'/>",
    "<a xmlns:p=' '/>",
    "<a xmlns:p='&#xa0;\n'/>",
    "<a xmlns:p=' http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace '/>",
  ])('%s is a bad prefix', (said) => {
    expect(refusal(said)).toBe('bad-namespace-prefix');
  });

  test.each([
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
    "<a xml:lang='en'/>",
    "<a xmlns=''/>",
    "<p:a xmlns:p='u' p:b='' b=''/>",
    "<p:a p:b='' xmlns:p='u'/>",
    "<a xmlns:p='u' xmlns:q='v' p:x='' q:x=''/>",
    "<stream:a xmlns:stream='u'/>",
    "<a b='>' c=\"'\" d='\"'/>",
  ])('%s is legal', (said) => {
    expect(refusal(said)).toBeUndefined();
  });

  test('names that differ only in white space around them are the same, so attributes of them are twice', () => {
    expect(refusal("<a xmlns:p='u' xmlns:q='u ' p:b='' q:b=''/>")).toBe('not-well-formed');
    expect(refusal("<a xmlns:p='u' xmlns:q='u ' p:b='' q:c=''/>")).toBeUndefined();
  });

  test.each([
    "<a xmlns:p=' ' p:b=''/>",
    "<a xmlns:p='u' xmlns:q='u ' p:b='' q:b=''/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace '/>",
  ])('%s that a server has let pass is taken as it is', (said) => {
    const { error, stanzas } = scanChunks([Buffer.from(STREAM), Buffer.from(said)], { relayed: true });
    expect(error).toBeUndefined();
    expect(stanzas).toHaveLength(1);
  });
});

describe('the XML declaration', () => {
  test.each([
    "<?xml version='1.0'?>",
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<?xml\tversion = '1.0'\nencoding='utf-8' standalone='yes' ?>",
    "\ufeff<?xml version='1.0'?>\n",
    '\ufeff',
    '\n ',
  ])('%j may stand at the start', (prolog) => {
    const bytes = Buffer.from(`${prolog}${STREAM}</stream:stream>`);
    expect(scanChunks([bytes]).complete).toBe(true);
    expect(scanChunks(pieces(bytes, () => 1)).complete).toBe(true);
  });

  test.each([
    ["<?xml version='1.0' encoding='ISO-8859-1'?>", 'unsupported-encoding'],
    ["<?xml version='1.0' encoding='UTF-16'?>", 'unsupported-encoding'],
    ["<?xml version='1.1'?>", 'not-well-formed'],
    ["<?xml encoding='UTF-8'?>", 'not-well-formed'],
    ["<?xml version='1.0' standalone='maybe'?>", 'not-well-formed'],
    [`<?xml version='1.0'${' '.repeat(300)}?>`, 'not-well-formed'],
    ["\ufeff\ufeff<?xml version='1.0'?>", 'not-well-formed'],
  ])('%s is refused: %s', (prolog, condition) => {
    expect(scanChunks([Buffer.from(`${prolog}${STREAM}`)]).error).toBe(condition);
  });
});

describe('a stanza is self-contained', () => {
  const stanzas = (document: string, defaultNs?: string) => scanChunks([Buffer.from(document)], { defaultNs }).stanzas;

  test('the default namespace of its wrapper is written into it, once', () => {
    expect(stanzas(`${STREAM}<iq id="1"/><iq xmlns='x'/><a xmlns=''/>`)).toEqual([
      `<iq xmlns='jabber:client' id="1"/>`,
      `<iq xmlns='x'/>`,
      `<a xmlns=''/>`,
    ]);
  });

  test('a prefix of its wrapper is written into it where it is used, and only there', () => {
    const wrapper = `<w xmlns:p='urn:p' xmlns:q="it's" xmlns='d'>`;
    expect(stanzas(`${wrapper}<p:a/><a><b q:c=''/><p:d xmlns:p='own'/></a><a p:b=''><p:c/></a><a/>`)).toEqual([
      `<p:a xmlns='d' xmlns:p='urn:p'/>`,
      `<a xmlns='d' xmlns:q="it's"><b q:c=''/><p:d xmlns:p='own'/></a>`,
      `<a xmlns='d' xmlns:p='urn:p' p:b=''><p:c/></a>`,
      `<a xmlns='d'/>`,
    ]);
  });

  test('XEP-0124: the wrapper namespace never leaks when another takes its place', () => {
    expect(stanzas(`${BODY}><iq/><iq xmlns='x'/></body>`, 'jabber:client')).toEqual([
      `<iq xmlns='jabber:client'/>`,
      `<iq xmlns='x'/>`,
    ]);
  });

  test('without a default namespace nothing is written', () => {
    expect(stanzas(`<p:w xmlns:p='u'><a/></p:w>`)).toEqual(['<a/>']);
  });

  test('RFC 7395: a message alone gets the default namespace it is given', () => {
    expect(scanStanza(Buffer.from('<iq/>'), DEFAULT_LIMITS, 'jabber:client').raw.toString()).toBe(
      `<iq xmlns='jabber:client'/>`,
    );
  });

  test('CDATA sections become text, also where what they hold looks like markup', () => {
    const [raw] = stanzas(`${STREAM}<m>1<![CDATA[</m></stream:stream>&amp;]]]]>2]<![CDATA[]]>]></m>`);
    expect(raw).toBe(`<m xmlns='jabber:client'>1&lt;/m&gt;&lt;/stream:stream&gt;&amp;amp;]&#93;2&#93;]></m>`);
  });
});

test('what stands around a CDATA section does not grow together when it goes', () => {
  const meaning = (said: string | Buffer) => scanStanza(Buffer.from(said as string)).tree.getText();
  expect(meaning('<a>]]<![CDATA[]]>>]<![CDATA[]]>]></a>')).toBe(']]>]]>');
  expect(meaning('<a>1\r<![CDATA[]]>\n2<![CDATA[\r]]>\n3</a>')).toBe('1\n\n2\n\n3');
  const split = Buffer.concat([
    Buffer.from('<a>'),
    Buffer.from([0xc3]),
    Buffer.from('<![CDATA['),
    Buffer.from([0xa9]),
    Buffer.from(']]></a>'),
  ]);
  expect(() => scanStanza(split)).toThrow('not UTF-8');
});

describe('limits', () => {
  const limits = { stanza: 200, elements: 5, depth: 3, attributes: 3, attributeBytes: 100, name: 10, namespaces: 2 };
  test.each([
    ['a stanza', `<a>${'x'.repeat(193)}</a>`, `<a>${'x'.repeat(194)}</a>`],
    ['a stanza with its CDATA as text', `<a><![CDATA[${'&'.repeat(38)}]]></a>`, `<a><![CDATA[${'&'.repeat(39)}]]></a>`],
    ['elements', '<a><b/><b/><b/><b/></a>', '<a><b/><b/><b/><b/><b/></a>'],
    ['depth', '<a><b><c></c></b></a>', '<a><b><c><d/></c></b></a>'],
    ['attributes', "<a b='' c='' d=''/>", "<a b='' c='' d='' e=''/>"],
    ['bytes of a tag', `<a b='${'x'.repeat(91)}'/>`, `<a b='${'x'.repeat(92)}'/>`],
    ['a name', `<${'n'.repeat(10)}/>`, `<${'n'.repeat(11)}/>`],
    ['a name of an attribute', `<a ${'n'.repeat(10)}=''/>`, `<a ${'n'.repeat(11)}=''/>`],
    ['prefixes', "<a xmlns='' xmlns:b='u' xmlns:c='u'/>", "<a xmlns:b='u' xmlns:c='u' xmlns:d='u'/>"],
    [
      'prefixes in scope',
      "<a xmlns:b='u'><b xmlns:c='u'/><b xmlns:c='u'/></a>",
      "<a xmlns:b='u'><b xmlns:c='u'><c xmlns:d='u'/></b></a>",
    ],
  ])('%s: at the limit taken, above it a policy-violation', (_, most, over) => {
    for (const size of [1, 1000]) {
      const asked = (said: string) =>
        scanChunks([Buffer.from("<s xmlns='u'>"), ...pieces(Buffer.from(said), () => size)], {}, limits);
      expect(asked(most)).toMatchObject({ error: undefined, stanzas: { length: 1 } });
      expect(asked(over).error).toBe('policy-violation');
    }
  });

  test('a stanza that never ends is refused when its limit is reached, whatever it is in the middle of', () => {
    for (const start of ['<a>', "<a b='", '<a ', '<a><![CDATA[', '<a><b ', '<a b', '<a>&#', '<a></a', '<a b=']) {
      const said = [Buffer.from(`<s>${start}`), ...Array.from({ length: 300 }, () => Buffer.from(' '))];
      if (start.endsWith('#')) said.splice(1, 300, ...Array.from({ length: 300 }, () => Buffer.from('0')));
      expect(scanChunks(said, {}, limits).error).toBe('policy-violation');
    }
  });

  test('a header that never ends is refused', () => {
    expect(scanChunks([Buffer.from(`<s a='${'x'.repeat(100)}`)], {}, limits).error).toBe('policy-violation');
  });
});

describe('the scanner as an object', () => {
  test('4.3.3 after reset, in an event, the rest of the chunk is a new document', () => {
    const seen: string[] = [];
    const scanner = new Scanner({
      header: (tag) => seen.push(`header ${tag.attr('id')}`),
      stanza(stanza) {
        seen.push(stanza.raw.toString());
        if (stanza.name === 'success') scanner.reset();
      },
      end: () => seen.push('end'),
    });
    const second = "<?xml version='1.0'?><s xmlns='v' id='2'><b/></s>";
    scanner.push(Buffer.from(`<s xmlns='u' xmlns:p='p' id='1'><success/>${second}`));
    expect(seen).toEqual(['header 1', "<success xmlns='u'/>", 'header 2', "<b xmlns='v'/>", 'end']);
  });

  test('after stop, in an event, nothing is told any more', () => {
    const seen: string[] = [];
    const scanner = new Scanner({
      header() {},
      stanza(stanza) {
        seen.push(stanza.name);
        scanner.stop();
      },
      end: () => seen.push('end'),
    });
    scanner.push(Buffer.from('<s><a/><b/></s>'));
    scanner.push(Buffer.from('<c/>'));
    expect(seen).toEqual(['a']);
  });

  test('after an error it is dead', () => {
    const seen: string[] = [];
    const scanner = new Scanner({ header() {}, stanza: ({ name }) => seen.push(name), end: () => seen.push('end') });
    expect(() => scanner.push(Buffer.from('<s><a/></b><c/></s>'))).toThrow(StreamError);
    scanner.push(Buffer.from('<c/></s>'));
    expect(seen).toEqual(['a']);
  });

  test('a scanner may be used while another one tells an event', () => {
    const inner: string[] = [];
    const outer = scanChunksWithNested(inner);
    expect(outer).toEqual(['a', 'b']);
    expect(inner).toEqual(["<n xmlns='u'><m/></n>", "<n xmlns='u'><m/></n>"]);
  });

  test('an empty wrapper has a header and an end', () => {
    expect(scanChunks([Buffer.from(`${BODY}/>`)])).toMatchObject({ stanzas: [], ended: true, complete: true });
  });

  test('many chunks that each complete a stanza and begin another lose nothing', () => {
    const one = '<a>text &amp; more</a>';
    const bytes = Buffer.from(`<s>${one.repeat(200)}</s>`);
    for (const size of [7, 19, 23, 45, 64]) {
      const { stanzas } = scanChunks(pieces(bytes, () => size));
      expect(stanzas).toEqual(Array(200).fill(one));
    }
  });

  test('scanDocument: header by position and by namespace, stanzas in order', () => {
    const text = `${BODY} xmlns:x='urn:xmpp:xbosh' x:restart='true' a='&lt;&#10;'><iq/><message/></body> \n`;
    const { header, stanzas } = scanDocument(Buffer.from(text), DEFAULT_LIMITS, { defaultNs: 'jabber:client' });
    expect([header.name, header.prefix, header.ns]).toEqual(['body', '', 'http://jabber.org/protocol/httpbind']);
    expect(header.attr('rid')).toBe('1');
    expect(header.attr('a')).toBe('<\n');
    expect(header.attr('missing')).toBeUndefined();
    expect(header.attrNS('urn:xmpp:xbosh', 'restart')).toBe('true');
    expect(header.attrNS('urn:other', 'restart')).toBeUndefined();
    expect(stanzas.map(({ name }) => name)).toEqual(['iq', 'message']);
    expect(stanzas[0]).toBeInstanceOf(Stanza);
  });
});

function scanChunksWithNested(inner: string[]): string[] {
  const outer: string[] = [];
  const scanner = new Scanner({
    header() {},
    stanza(stanza) {
      outer.push(stanza.name);
      inner.push(scanStanza(Buffer.from('<n><m/></n>'), DEFAULT_LIMITS, 'u').raw.toString());
    },
    end() {},
  });
  for (const piece of pieces(Buffer.from('<s><a><x/></a><b/></s>'), () => 4)) scanner.push(piece);
  return outer;
}
