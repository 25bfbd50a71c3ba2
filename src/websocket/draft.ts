// The framing that was there before RFC 7395 (draft-moffitt-xmpp-over-websocket): the stream header travels as a text
// message of its own, its tag left open, and each message after it holds elements of that stream. Old strophe.js and
// node-xmpp-bosh speak it. It is recognised by its first bytes, and answered in kind.

import { StreamError } from '../xmpp/errors.js';
import { readHeader, writeStreamTag } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { type ScannerLimits, scanDocument } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import { allowed, Closing, type Framing, Opening, streamError } from './framing.js';

const HEADER = /^\s*(?:<\?xml[^>]*\?>\s*)?<((?:[A-Za-z_][\w.-]*:)?stream)[\s/>]/;
const START = 256;
/** It is read again with every message. */
const LONGEST_HEADER = 2048;

const OPEN = Buffer.from('<open ');

/** Whether a first message is a stream header of the draft. */
export function isDraft(message: Buffer): boolean {
  // How nearly every client of RFC 7395 begins.
  if (message.length > OPEN.length && OPEN.compare(message, 0, OPEN.length) === 0) return false;
  return HEADER.test(message.toString('latin1', 0, START));
}

/** One connection that speaks the draft: it remembers the header, whose namespaces hold for every message. */
export class DraftFraming implements Framing {
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);

  read(message: Buffer, limits: ScannerLimits): Stanza | Opening | Closing {
    const start = HEADER.exec(message.toString('latin1', 0, START));
    if (start !== null) return this.#header(message, start[1], limits);
    if (this.#isEnd(message)) return new Closing();
    const { stanzas } = scanDocument(Buffer.concat([this.#head, message, this.#tail]), this.#widened(limits));
    if (stanzas.length !== 1) throw new StreamError('not-well-formed', 'a message holds one element');
    return allowed(stanzas[0]);
  }

  #header(message: Buffer, name: string, limits: ScannerLimits): Opening {
    if (message.length > LONGEST_HEADER) throw new StreamError('policy-violation', 'a stream header too long');
    const text = message.toString('latin1').trimEnd();
    const tail = Buffer.from(`</${name}>`);
    const open = text.endsWith('/>') ? `${text.slice(0, -2)}>` : text.replace(new RegExp(`</${name}\\s*>$`), '');
    const head = Buffer.from(open, 'latin1');
    const { header, stanzas } = scanDocument(Buffer.concat([head, tail]), limits);
    if (stanzas.length > 0) throw new StreamError('not-well-formed', 'the stream header stands alone in its message');
    if (header.ns !== NS.stream) throw new StreamError('invalid-namespace', `a stream belongs to ${NS.stream}`);
    this.#head = head;
    this.#tail = tail;
    return new Opening(readHeader(header));
  }

  #isEnd(message: Buffer): boolean {
    return (
      message.length < this.#tail.length + 8 && message.toString('latin1').trim() === this.#tail.toString('latin1')
    );
  }

  /** The header is in front of every message and does not count as part of it. */
  #widened(limits: ScannerLimits): ScannerLimits {
    return { ...limits, stanza: limits.stanza + this.#head.length, depth: limits.depth + 1 };
  }

  open: Framing['open'] = ({ from, id, lang }) =>
    Buffer.from(writeStreamTag({ from, id, version: '1.0', lang }, NS.client, '"'));

  error = streamError;

  // The draft has no word for "go elsewhere".
  close: Framing['close'] = () => Buffer.from('</stream:stream>');
}
