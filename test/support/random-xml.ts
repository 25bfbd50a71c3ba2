// Documents that are legal by construction, and ways to spoil them. Fast and repeatable: all of it hangs on a seed.

/** Numbers that look random and are the same for the same seed (xorshift32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** An integer from 0 to below `n`. */
  below(n: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % n;
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

const LOCALS = [
  'a',
  'b',
  'iq',
  'message',
  'x-1',
  'y.z',
  '_',
  'na\u00efve',
  '\u0436\u0443\u043a',
  '\u4e2d',
  // Of each table of XML 1.0's appendix B, and of its edges: BaseChar, Ideographic, CombiningChar, Digit, Extender.
  '\u00c0\u00d6\u00d8\u00f6\u0131',
  '\u212b\u2180\uac00\ud7a3',
  '\u3007\u3021\u4e00\u9fa5',
  '\u0915\u094d\u0937',
  'e\u0301',
  'a\u20e1\u3099',
  '\u0434\u0660\u0e59\u0f29',
  'a\u00b7\u02d0\u3005\u30fe',
  'body',
  'xmln',
  'xmlnsx',
];
const PREFIXES = ['p', 'q', 'stream', '\u00e9'];
const URIS = [
  'urn:x',
  'urn:y',
  'jabber:client',
  'a&amp;b',
  '&#117;rn:x',
  'http://www.w3.org/XML/1998/namespacf',
  'a b',
  'urn:x ',
  '\n\u00e9',
  '&#xa0;urn:y',
];
const TEXTS = [
  'hi',
  ' ',
  '\n',
  '&amp;',
  '&lt;',
  '&gt;',
  '&quot;',
  '&apos;',
  '&#65;',
  '&#x1F600;',
  '&#x000041;',
  '\u00e9',
  '\u4e2d\uff0c',
  '\ufeff',
  '\ufffd',
  '\u{1f600}',
  ']',
  ']]',
  '>',
  '"',
  "'",
  '\t',
  '=',
  '/',
  '\u007f',
  '\u0085',
  '\u2028',
  '\r\n',
  '\r',
];
const SPACES = ['', ' ', '\n', '\t', '  ', '\r\n'];

/** Writes one legal document. */
class Writer {
  readonly #chance: Chance;
  #room: number;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#room = chance.below(24);
  }

  document(): string {
    const chance = this.#chance;
    const mark = chance.once(40) ? '\ufeff' : '';
    const prolog = chance.once(3)
      ? `<?xml${this.#gap()}version${this.#around('=')}${chance.of(['"1.0"', "'1.0'"])}${chance.of(['', " encoding='UTF-8'", ' encoding="utf-8" '])}?>`
      : '';
    const around = this.#space();
    const { tag, name, scope } = this.#start(new Map());
    let children = '';
    while (this.#room > 0 && !chance.once(4)) children += this.#space() + this.#element(scope, 1);
    const root =
      children === '' && chance.once(2) ? `${tag}/>` : `${tag}>${children}${this.#space()}</${name}${this.#space()}>`;
    return mark + prolog + around + root + this.#space();
  }

  #space(): string {
    return this.#chance.once(2) ? '' : this.#chance.of(SPACES);
  }

  #gap(): string {
    return this.#chance.of([' ', ' ', ' ', '\n', '  ', '\t ']);
  }

  #around(sign: string): string {
    return this.#space() + sign + this.#space();
  }

  #element(scope: ReadonlyMap<string, string>, depth: number): string {
    this.#room--;
    const { tag, name, scope: inner } = this.#start(scope);
    if (this.#chance.once(3)) return `${tag}${this.#space()}/>`;
    let content = '';
    while (!this.#chance.once(3)) content += this.#content(inner, depth);
    return `${tag}${this.#space()}>${content}</${name}${this.#space()}>`;
  }

  #content(scope: ReadonlyMap<string, string>, depth: number): string {
    const chance = this.#chance;
    if (depth < 8 && this.#room > 0 && chance.once(2)) return this.#element(scope, depth + 1);
    if (chance.once(8))
      return `<![CDATA[${chance.of(['', 'x', '<a>&b;', ']', ']]', '>', '\u00e9]]', '&amp;', ' '])}]]>`;
    const text = chance.of(TEXTS);
    return text.endsWith(']') ? `${text}.` : text;
  }

  /** A start tag without its end, the name in it, and what is in scope behind it. */
  #start(outer: ReadonlyMap<string, string>): { tag: string; name: string; scope: Map<string, string> } {
    const chance = this.#chance;
    const scope = new Map(outer);
    const said: string[] = [];
    if (chance.once(3)) said.push(this.#attribute('xmlns', chance.of([...URIS, ''])));
    for (const prefix of PREFIXES) {
      if (!chance.once(8)) continue;
      const uri = chance.of(URIS);
      scope.set(prefix, uri);
      said.push(this.#attribute(`xmlns:${prefix}`, uri));
    }
    this.#attributes(scope, said);
    const known = [...scope.keys()];
    const name = known.length > 0 && chance.once(3) ? `${chance.of(known)}:${chance.of(LOCALS)}` : chance.of(LOCALS);
    const order = chance.once(2) ? said.reverse() : said;
    return { tag: `<${name}${order.join('')}`, name, scope };
  }

  #attributes(scope: ReadonlyMap<string, string>, said: string[]): void {
    const chance = this.#chance;
    const locals = new Set<string>();
    while (!chance.once(2)) {
      const local = chance.of(LOCALS);
      if (locals.has(local)) continue;
      locals.add(local);
      const prefix = chance.once(4) ? chance.of(['xml', ...scope.keys()]) : '';
      said.push(this.#attribute(prefix === '' ? local : `${prefix}:${local}`, this.#value()));
    }
  }

  #value(): string {
    let value = '';
    while (!this.#chance.once(2)) value += this.#chance.of(TEXTS);
    return value;
  }

  #attribute(name: string, value: string): string {
    const quote = this.#chance.of(['"', "'"]);
    return `${this.#gap()}${name}${this.#around('=')}${quote}${value.replaceAll(quote, '&#34;')}${quote}`;
  }
}

/** A document that XML 1.0, Namespaces in XML and RFC 6120 section 11 allow. */
export function legalDocument(chance: Chance): Buffer {
  return Buffer.from(new Writer(chance).document());
}

const TOKENS = [
  '<!--x-->',
  '<?pi?>',
  "<?xml version='1.0'?>",
  ']]>',
  '&',
  '&foo;',
  '&#0;',
  '&#xFFFE;',
  '&#xD800;',
  '&#x110000;',
  '&;',
  '&#;',
  '&#x;',
  '<![CDATA[',
  '<!DOCTYPE a>',
  " xmlns:p=''",
  " xmlns:p='urn:x' xmlns:q='urn:x' p:a='' q:a=''",
  " xmlns:p=' '",
  " xmlns:p='&#xa0;'",
  " xmlns:p='urn:x' xmlns:q='urn:x ' p:a='' q:a=''",
  " xmlns=' http://www.w3.org/2000/xmlns/'",
  " xmlns:xml='urn:x'",
  " xmlns:xmlns='urn:x'",
  " xmlns='http://www.w3.org/XML/1998/namespace'",
  " xmlns:r='http://www.w3.org/2000/xmlns/'",
  " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
  " a=''",
  ' a',
  '=',
  '"',
  "'",
  '<',
  '>',
  '</',
  '/>',
  '/',
  ':',
  'p:',
  'xmlns:',
  '<a>',
  '</a>',
  '<a/>',
  '<p:a/>',
  ' ',
  'text',
  '\u00d7',
  '\u037e',
  '\u2000',
  '\ufeff',
  '\u0300',
  '1',
  '-',
  '.',
  '&amp;',
  '&apos',
  ';',
  "<?xml version='1.1'?>",
  " encoding='latin1'",
  '\u0000',
].map((token) => Buffer.from(token));
const BYTES = [
  [0],
  [1],
  [0x0b],
  [0x1f],
  [0x7f],
  [0x80],
  [0xc0, 0x80],
  [0xc3],
  [0xc3, 0x28],
  [0xe2, 0x82],
  [0xed, 0xa0, 0x80],
  [0xef, 0xbf, 0xbe],
  [0xef, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f],
  [0xff],
  [0xfe],
  [0xef, 0xbb, 0xbf],
].map((bytes) => Buffer.from(bytes));

/** The document with something done to it: it may be legal still. */
export function spoiled(document: Buffer, other: Buffer, chance: Chance): Buffer {
  let bytes = document;
  do bytes = spoil(bytes, other, chance);
  while (chance.once(3));
  return bytes;
}

/** Any code point: of the BMP mostly, where there are some that only one edition of XML lets into names. */
function anyCharacter(chance: Chance): Buffer {
  const code = chance.once(8) ? 0x10000 + chance.below(0x100000) : chance.below(chance.once(2) ? 0x3200 : 0x10000);
  return Buffer.from(String.fromCodePoint(code));
}

function spoil(bytes: Buffer, other: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + chance.below(chance.once(3) ? 20 : 2));
  const head = bytes.subarray(0, at);
  switch (chance.below(9)) {
    case 0:
      return Buffer.concat([head, bytes.subarray(to)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([head, chance.of(BYTES), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([head, chance.of(TOKENS), bytes.subarray(to)]);
    case 4: {
      const from = chance.below(other.length);
      return Buffer.concat([head, other.subarray(from, from + 1 + chance.below(30)), bytes.subarray(at)]);
    }
    case 5:
      return Buffer.concat([head, Buffer.from([bytes[at] ^ (1 << chance.below(8))]), bytes.subarray(at + 1)]);
    case 6:
      return Buffer.concat([head, anyCharacter(chance), bytes.subarray(at)]);
    default:
      return Buffer.concat([head, chance.of(TOKENS), bytes.subarray(at)]);
  }
}
