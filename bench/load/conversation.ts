// One user who talks to himself: what he sends, and the check that each message came back once, whole and in order.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .';
const STEP = 4096;
const MESSAGE_END = '</message>';

/** Text in which no long piece occurs twice, so that a missing or misplaced piece is seen. */
const FILLER = filler(STEP + 16_384);

export class Conversation {
  /** Where messages go: the user's own full JID. */
  to = 'user00@bench.example/bench';
  readonly #prefix: string;
  #sent = 0;
  #heard = 0;

  /** `bytes` of text in each message. */
  constructor(
    readonly number: number,
    readonly bytes: number,
  ) {
    this.#prefix = `c${number}-`;
  }

  /** How many messages are on their way. */
  get outstanding(): number {
    return this.#sent - this.#heard;
  }

  next(): string {
    const n = ++this.#sent;
    return `<message xmlns='jabber:client' to='${this.to}' type='chat' id='${this.#prefix}${n}'>${this.#content(n)}`;
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
    return `${this.#prefix}${this.#heard + 1} to ${this.#sent}`;
  }

  #one(message: string): void {
    const head = message.slice(0, message.indexOf('>') + 1);
    const id = / id=['"]([^'"]*)['"]/.exec(head)?.[1];
    if (!head.startsWith('<message ') || id === undefined) throw new Error(`no message: ${message.slice(0, 200)}`);
    const n = this.#heard + 1;
    if (id !== this.#prefix + n) throw new Error(this.#reason(id));
    if (this.#heard >= this.#sent) throw new Error(`${id} was never sent`);
    if (message.slice(head.length) !== this.#content(n)) throw new Error(`${id} was changed`);
    this.#heard = n;
  }

  #reason(id: string): string {
    if (!id.startsWith(this.#prefix)) return `${id} belongs to another session`;
    const n = Number(id.slice(this.#prefix.length));
    return n <= this.#heard ? `${id} came twice` : `${id} came before ${this.#prefix}${this.#heard + 1}`;
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
