// What a session's answers say (XEP-0124 sections 7.2, 8 and 16, XEP-0206 sections 2, 4 and 6): looks at the oldest
// request and at the streams, and answers it if it is time.

import { attribute } from '../xmpp/escape.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Activity } from './activity.js';
import { type Terminal, terminalAttributes, terminalOf } from './conditions.js';
import type { Deadlines } from './deadlines.js';
import type { Exchange } from './exchange.js';
import { creationAttributes } from './negotiation.js';
import type { Pending } from './requests.js';
import type { BoshStream } from './stream.js';
import type { Streams } from './streams.js';

/** `answered`: there may be more. `held`: not now. `over`: all was said, and what comes now is the end. */
export type Progress = 'answered' | 'held' | 'over';

export class Answers {
  /** The creation request, until it is answered. */
  creation: StartTag | undefined;
  /** The servers of all streams are gone; the client learns it when it has all they said. */
  ending: Terminal | undefined;

  constructor(
    readonly exchange: Exchange,
    readonly streams: Streams,
    readonly activity: Activity,
    readonly deadlines: Deadlines,
  ) {}

  /** Answers the oldest request, if it is time. */
  next(): Progress {
    const { head } = this.exchange;
    if (!head) return 'held';
    if (this.creation) return this.#answerCreation(head, this.creation);
    if (head.pause) this.exchange.answer(head, '');
    else if (head.added) this.#say(head, head.added);
    else return this.#answerOrHold(head);
    return 'answered';
  }

  /** Section 8: with payloads as soon as there are some, empty when it is due. */
  #answerOrHold(head: Pending): Progress {
    const { exchange } = this;
    const stream = this.streams.speaker() ?? (this.ending ? undefined : this.streams.finished());
    if (!stream && !this.ending) {
      if (head.rid > exchange.due) return 'held';
      this.#answerEmpty(head);
    } else if (!head.held) {
      // Nobody listens there: what there is to say goes to a later request, or waits for one or for a repeat of this.
      if (!exchange.requests.liveUpTo(exchange.processed)) return 'held';
      this.#answerEmpty(head);
    } else if (!stream || this.#concludes(stream)) return 'over';
    else if (stream.ready) this.#say(head, stream);
    else this.#sayEnd(head, stream);
    return 'answered';
  }

  #answerEmpty(head: Pending): void {
    this.activity.answered(head.rid, false);
    this.exchange.answer(head, '');
  }

  /** One body of one stream (section 16.3). */
  #say(head: Pending, stream: BoshStream): void {
    const stanzas = stream.take();
    const named = head.added || this.streams.several ? attribute('stream', stream.id) : '';
    this.activity.answered(head.rid, true);
    this.exchange.answer(head, named + stream.attributes(stanzas), stanzas, stream);
  }

  /** Section 16.5: one of several streams is no more. */
  #sayEnd(head: Pending, stream: BoshStream): void {
    const terminal = terminalOf(stream.ending?.error, stream.ending?.how);
    this.streams.remove(stream);
    this.activity.answered(head.rid, true);
    const words = terminalAttributes(terminal) + attribute('stream', stream.id);
    this.exchange.answer(head, words, terminal.payload ? [terminal.payload] : []);
  }

  /** Section 7.2: the response that names the session, with the features if they are there. */
  #answerCreation(head: Pending, tag: StartTag): Progress {
    const stream = this.streams.first;
    if (!stream) return 'held';
    if (!stream.ready && this.ending) return 'over';
    if (!stream.ready && head.rid > this.exchange.due && !this.#late(head)) return 'held';
    const stanzas = stream.take();
    const said = stream.attributes(stanzas);
    const { session, terms } = this.exchange;
    const { options, sid } = session;
    const name = options.max_streams_per_session > 1 ? stream.id : undefined;
    const creation = { sid, rid: head.rid, stream: name, tag, declared: said.includes('xmlns:xmpp') };
    this.creation = undefined;
    this.exchange.answer(head, creationAttributes(terms, creation, options) + said, stanzas, stream);
    return 'answered';
  }

  #late(head: Pending): boolean {
    return this.deadlines.of(head) <= this.exchange.shared.clock.now();
  }

  /** What the session's last answer carries besides the reason. */
  remaining(): readonly Stanza[] {
    const stream = this.streams.first;
    return stream?.ready && this.#concludes(stream) ? stream.take() : [];
  }

  /** XEP-0206 section 6: a stream error comes with the stanzas before it; what else there is has a body of its own. */
  #concludes(stream: BoshStream): boolean {
    return this.ending?.payload?.ns === NS.stream && this.streams.size === 1 && stream.plain;
  }
}
