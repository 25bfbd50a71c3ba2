// The XMPP addresses that a certificate was issued to: the values of type id-on-xmppAddr (RFC 6120 section 13.7.1.4) among
// the alternative names of its subject (RFC 5280 section 4.2.1.6). Bytes in, strings out; it walks the DER of the
// certificate because node:crypto has no other way to them that does not depend on how OpenSSL prints. It verifies
// nothing: ask only about a certificate whose signature was checked, though what is malformed does no harm.

/** One DER element: its tag and what it holds. */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const BOOLEAN = 0x01;
const UTF8_STRING = 0x0c;
/** [3] of TBSCertificate: its extensions. */
const EXTENSIONS = 0xa3;
/** [0] of GeneralName: otherName; and [0] of that: its value. */
const OTHER_NAME = 0xa0;
const VALUE = 0xa0;

/** 2.5.29.17 */
const SUBJECT_ALT_NAME = Buffer.from('551d11', 'hex');
/** 1.3.6.1.5.5.7.8.5 */
const XMPP_ADDR = Buffer.from('2b06010505070805', 'hex');

/** A JID has no more (RFC 7622 section 3.1). */
const LONGEST = 3071;
const MOST = 64;

/** As they are written there, in their order; none when it has none, too many, or is malformed. */
export function xmppAddresses(certificate: Uint8Array): readonly string[] {
  try {
    return addressesOf(Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength));
  } catch {
    return [];
  }
}

function addressesOf(certificate: Buffer): string[] {
  const [tbs] = elements(only(certificate, SEQUENCE));
  if (tbs.tag !== SEQUENCE) throw new Error('no TBSCertificate');
  const wrapped = single(elements(tbs.content).filter(({ tag }) => tag === EXTENSIONS));
  if (wrapped === undefined) return [];
  const named = elements(only(wrapped.content, SEQUENCE)).map(extensionOf).filter(isSubjectAltName);
  const names = single(named);
  if (names === undefined) return [];
  const addresses = elements(only(names.value, SEQUENCE)).flatMap(addressOf);
  if (addresses.length > MOST) throw new Error('too many addresses');
  return addresses;
}

interface Extension {
  readonly id: Buffer;
  readonly value: Buffer;
}

const isSubjectAltName = ({ id }: Extension) => id.equals(SUBJECT_ALT_NAME);

/** `SEQUENCE { OBJECT IDENTIFIER, BOOLEAN OPTIONAL, OCTET STRING }` */
function extensionOf({ tag, content }: Element): Extension {
  const [id, ...rest] = elements(content);
  const value = rest.at(-1);
  const isWhole = rest.length === 1 || (rest.length === 2 && rest[0].tag === BOOLEAN);
  if (tag !== SEQUENCE || id?.tag !== OBJECT_IDENTIFIER || !isWhole || value?.tag !== OCTET_STRING) {
    throw new Error('not an extension');
  }
  return { id: id.content, value: value.content };
}

/** `[0] { OBJECT IDENTIFIER, [0] { UTF8String } }`; nothing for names of other types. */
function addressOf({ tag, content }: Element): string[] {
  if (tag !== OTHER_NAME) return [];
  const [id, value, more] = elements(content);
  if (id?.tag !== OBJECT_IDENTIFIER || value?.tag !== VALUE || more !== undefined) throw new Error('not an otherName');
  return id.content.equals(XMPP_ADDR) ? [textOf(only(value.content, UTF8_STRING))] : [];
}

function textOf(bytes: Buffer): string {
  if (bytes.length === 0 || bytes.length > LONGEST) throw new Error('not an address');
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** The content of the one element that these bytes are. */
function only(bytes: Buffer, tag: number): Buffer {
  const found = single(elements(bytes));
  if (found?.tag !== tag) throw new Error(`not one element of tag ${tag}`);
  return found.content;
}

function single<T>(list: readonly T[]): T | undefined {
  if (list.length > 1) throw new Error('more than one');
  return list[0];
}

/** The elements that follow each other in these bytes, all of them. */
function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at];
    if ((tag & 0x1f) === 0x1f) throw new Error('a tag of several bytes');
    const { length, from } = lengthAt(bytes, at + 1);
    if (from + length > bytes.length) throw new Error('longer than what holds it');
    found.push({ tag, content: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return found;
}

/** A definite length in its shortest form (X.690 section 10.1), and where what it is the length of begins. */
function lengthAt(bytes: Buffer, at: number): { length: number; from: number } {
  const first = bytes[at] ?? 0x80;
  if (first < 0x80) return { length: first, from: at + 1 };
  const count = first & 0x7f;
  if (count < 1 || count > 3 || at + 1 + count > bytes.length) throw new Error('not a length');
  const length = bytes.readUIntBE(at + 1, count);
  if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new Error('not the shortest form of a length');
  return { length, from: at + 1 + count };
}
