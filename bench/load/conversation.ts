// One user who talks to himself or with another: what he sends, and the check that each message came once, whole and in
// order.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .';
const STEP = 4096;
const MESSAGE_END = '</message>';

const IDENTIFIED = /<stanza-id xmlns='urn:xmpp:sid:0' [^<>]*\/><\/message>$/;

/** Text in which no long piece occurs twice, so that a missing or misplaced piece is seen. */
const FILLER = filler(STEP + 16_384);

export class Conversation {
  /** The user's own full JID. */
  jid = 'user00@bench.example/bench';
  readonly #prefix: string;
  #peer: Conversation = this;
  #sent = 0;
  #heard = 0;
  /** How many messages of the peer there are before the first of this one. */
  #behind = 0;

  /** `bytes` of text in each message. */
  constructor(
    readonly number: number,
    readonly bytes: number,
  ) {
    this.#prefix = `c${number}-`;
  }

  /** Lets this one answer the other, message by message, `burst` of them at a time. */
  answer(other: Conversation, burst: number): void {
    this.#peer = other;
    this.#behind = burst;
    other.#peer = this;
  }

  /** How many messages have to come before it is this one's turn. */
  get outstanding(): number {
    return this.#sent + this.#behind - this.#heard;
  }

  next(): string {
    const n = ++this.#sent;
    return `<message xmlns='jabber:client' to='${this.#peer.jid}' type='chat' id='${this.#prefix}${n}'>${this.#content(n)}`;
  }

  /** Takes what came: any number of whole messages and nothing else. Throws at the first that is not the expected one. */
  hear(text: string): number {
    let count = 0;
    for (let start = 0; start < text.length; count++) {
      const end = text.indexOf(MESSAGE_END, start) + MESSAGE_END.length;
      if (end < start + MESSAGE_END.length) throw new Error(`half a message: ${text.slice(start, start + 80)}`);
      this.#one(text.slice(start, end));
      start = end;
    }
    return count;
  }

  waitsFor(): string {
    return `${this.#peer.#prefix}${this.#heard + 1} to ${this.#sent + this.#behind}`;
  }

  #one(message: string): void {
    const head = message.slice(0, message.indexOf('>') + 1);
    const id = / id=['"]([^'"]*)['"]/.exec(head)?.[1];
    if (!head.startsWith('<message ') || id === undefined) throw new Error(`no message: ${message.slice(0, 200)}`);
    const n = this.#heard + 1;
    const peer = this.#peer;
    if (id !== peer.#prefix + n) throw new Error(this.#reason(id));
    if (n > peer.#sent) throw new Error(`${id} was never sent`);
    if (!peer.#is(message.slice(head.length), n)) throw new Error(`${id} was changed`);
    this.#heard = n;
  }

  #reason(id: string): string {
    const prefix = this.#peer.#prefix;
    if (!id.startsWith(prefix)) return `${id} belongs to another session`;
    const n = Number(id.slice(prefix.length));
    return n <= this.#heard ? `${id} came twice` : `${id} came before ${prefix}${this.#heard + 1}`;
  }

  /** An archive may have added under which id it has the message. */
  #is(content: string, n: number): boolean {
    const wanted = this.#content(n);
    if (content === wanted) return true;
    return IDENTIFIED.test(content) && content.replace(IDENTIFIED, MESSAGE_END) === wanted;
  }

  #content(n: number): string {
    const start = (this.number * 977 + n * 61) % STEP;
    return `<body>${FILLER.slice(start, start + this.bytes)}</body></message>`;
  }
}

function filler(length: number): string {
  let text = '';
  let state = 1;
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    text += ALPHABET[(state >>> 16) % ALPHABET.length];
  }
  return text;
}
