// The head of a POST as browsers and proxies write it (RFC 9112), read without a parser in between. It takes the plain
// middle of the grammar alone: whatever is unusual, doubtful or forbidden is `other`, and node:http's to judge.

/** A head that was read. On a connection the next one is mostly the same but for its length. */
export interface PostHead {
  /** By their names in lower case, each of them once. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes in front of the digits of Content-Length. */
  readonly before: Buffer;
  /** And those behind, with the empty line. */
  readonly after: Buffer;
}

/** `more`: the head goes on behind these bytes. */
export type Read = PostHead | 'more' | 'other';

const METHOD = Buffer.from('POST ');
/** Where a head ends. */
export const END = Buffer.from('\r\n\r\n');
const CR = 0x0d;
const ZERO = 0x30;
/** Digits of a length; more would be over any limit. */
const MOST_DIGITS = 9;
/** Bytes of a head. */
export const MOST_BYTES = 16_384;

/** Field names that bear on how a message or its connection is to be read, beside the two that are looked at. */
const FRAMING = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
]);

export class HeadReader {
  /** Bytes of the head that was read last, with the empty line. */
  size = 0;
  /** Its Content-Length. */
  length = 0;
  readonly #isOurs: (path: string) => boolean;
  /** The newest head of any connection. */
  #recent: PostHead | undefined;

  constructor(isOurs: (path: string) => boolean) {
    this.#isOurs = isOurs;
  }

  /** Reads the head at `from`; `known` is the one before it on its connection. */
  read(buf: Buffer, from: number, known: PostHead | undefined): Read {
    if (known !== undefined && this.#isAgain(known, buf, from)) return known;
    const recent = this.#recent;
    if (recent !== undefined && recent !== known && this.#isAgain(recent, buf, from)) return recent;
    const available = Math.min(METHOD.length, buf.length - from);
    if (METHOD.compare(buf, from, from + available, 0, available) !== 0) return 'other';
    const end = buf.indexOf(END, from);
    if (end < 0) return buf.length - from > MOST_BYTES ? 'other' : 'more';
    const read = end - from > MOST_BYTES ? 'other' : this.#parse(buf, from, end);
    if (read !== 'other') this.#recent = read;
    return read;
  }

  #isAgain({ before, after }: PostHead, buf: Buffer, from: number): boolean {
    let pos = from + before.length;
    if (pos >= buf.length || before.compare(buf, from, pos) !== 0) return false;
    const digits = pos;
    let length = 0;
    while (pos < buf.length && pos - digits <= MOST_DIGITS && buf[pos] !== CR) {
      const digit = buf[pos++] - ZERO;
      if (digit < 0 || digit > 9) return false;
      length = length * 10 + digit;
    }
    const count = pos - digits;
    const end = pos + after.length;
    if (count === 0 || count > MOST_DIGITS || end > buf.length || after.compare(buf, pos, end) !== 0) return false;
    this.size = end - from;
    this.length = length;
    return true;
  }

  #parse(buf: Buffer, from: number, end: number): PostHead | 'other' {
    const [request, ...lines] = buf.toString('latin1', from, end).split('\r\n');
    const path = /^POST (\/[!-~]*) HTTP\/1\.1$/.exec(request)?.[1];
    if (path === undefined || !this.#isOurs(path)) return 'other';
    const headers: Record<string, string> = Object.create(null);
    let at = from + request.length + 2;
    let digits = 0;
    for (const line of lines) {
      const field = readField(line, headers);
      if (field === undefined || FRAMING.has(field.name)) return 'other';
      if (field.name === 'content-length') digits = at + field.at;
      at += line.length + 2;
    }
    const { host, connection = 'keep-alive', 'content-length': length = '' } = headers;
    if (host === undefined || connection.toLowerCase() !== 'keep-alive' || !DIGITS.test(length)) return 'other';
    this.size = end + END.length - from;
    this.length = Number(length);
    return {
      headers,
      before: Buffer.from(buf.subarray(from, digits)),
      after: Buffer.from(buf.subarray(digits + length.length, end + END.length)),
    };
  }
}

/** Adds a field to those of its head; undefined when it is unusual, or there already. `at`: where its value begins. */
export function readField(line: string, headers: Record<string, string>): { name: string; at: number } | undefined {
  const field = FIELD.exec(line);
  if (field === null) return undefined;
  const name = field[1].toLowerCase();
  if (name in headers) return undefined;
  headers[name] = field[3];
  return { name, at: field[1].length + 1 + field[2].length };
}

/** A line of a field: its name, the white space before its value, and the value, ASCII only. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([ \t]*)([!-~](?:[\t -~]*[!-~])?|)[ \t]*$/;
const DIGITS = /^\d{1,9}$/;

/** What stands at the start of bytes that are not ours: a POST, another request, none that may be answered, or too little. */
export function kindOf(bytes: Buffer): 'post' | 'request' | 'none' | 'more' {
  const end = bytes.indexOf(END);
  const head = bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
  if (!/^[A-Z]{1,32}(?: [^\r\n]*(?:\r|\r\n|$)|$)/.test(head)) return 'none';
  if (end < 0) return 'more';
  if (!/^[A-Z]+ [!-~]+ HTTP\/1\.[01](?:\r\n|$)/.test(head) || /\r\nupgrade:/i.test(head)) return 'none';
  return head.startsWith('POST ') ? 'post' : 'request';
}
