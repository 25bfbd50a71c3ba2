// The responses a client may not have seen (XEP-0124 sections 9 and 14.3): kept by rid, sent again byte for byte, dropped
// when acknowledged or when more than a client may miss came after them.
//
// Which of them the client never got has to be known when it is gone (XEP-0206 section 7): to call one lost that was read
// bounces a message that somebody answered, to call one read that was lost loses it without a word. Acknowledged is
// certain. Without acknowledgements a response counts as read when the client sent a new request after it, or when it was
// polled for, so that the client was there a moment before; but not when its connection broke. A response to a request
// that had waited, after which nothing came any more, is what a client that vanished leaves behind: it counts as lost.

import type { Stanza } from '../xmpp/stanza.js';
import { payloadsOf } from './body.js';
import type { Counts } from './counts.js';
import type { Wire } from './held.js';
import type { BoshStream } from './stream.js';

/** A response that was sent. */
export interface Sent {
  readonly rid: number;
  /** Of the request it answered. */
  readonly checksum: number;
  readonly body: Buffer;
  /** Whose payloads it carries. */
  readonly stream: BoshStream | undefined;
  /** When. */
  readonly at: number;
  /** By what it was last sent. */
  connection: Wire | undefined;
  /** The client went on after it, or was there a moment before. */
  read: boolean;
}

// A client that acknowledges can leave responses unacknowledged for as long as it likes; that many are kept, as long as they
// are not large.
const UNACKNOWLEDGED = 4;

export class Responses {
  // A few at most, so copied: an array that is pushed to reserves room for 17.
  #sent: readonly Sent[] = [];
  #bytes = 0;
  #confirmed = 0;

  /** `requests` as negotiated; `acks`: the client acknowledges, and may leave up to `most` bytes unacknowledged. */
  constructor(
    readonly requests: number,
    readonly acks: boolean,
    readonly counts: Counts,
    readonly most = Number.POSITIVE_INFINITY,
  ) {}

  add(sent: Sent): void {
    this.#sent = [...this.#sent, sent];
    this.#bytes += sent.body.length;
    this.counts.unackedBytes += sent.body.length;
    // One more than `requests`, for a pause or terminate may come on top of them (section 11).
    const least = this.requests + 1;
    while (this.#sent.length > (this.acks && this.#bytes <= this.most ? UNACKNOWLEDGED * this.requests : least))
      this.#drop(1);
  }

  find(rid: number): Sent | undefined {
    for (const sent of this.#sent) if (sent.rid === rid) return sent;
    return undefined;
  }

  /** The client has all responses up to this rid. False: that was known. */
  confirm(rid: number): boolean {
    if (rid <= this.#confirmed) return false;
    this.#confirmed = rid;
    if (!this.acks) return true;
    let seen = 0;
    while (seen < this.#sent.length && this.#sent[seen].rid <= rid) seen++;
    if (seen > 0) this.#drop(seen);
    return true;
  }

  /** The client went on after all responses up to this rid. */
  read(rid: number): void {
    for (const sent of this.#sent) if (sent.rid <= rid) sent.read = true;
  }

  /** The payloads of this stream that the client may not have, oldest first. */
  unconfirmed(stream: BoshStream): Stanza[] {
    const missing = this.#sent.filter((sent) => sent.stream === stream && this.#isMissing(sent));
    return missing.flatMap((sent) => payloadsOf(sent.body));
  }

  #isMissing({ rid, read, connection }: Sent): boolean {
    return rid > this.#confirmed && (!read || connection?.broke === true);
  }

  clear(): void {
    this.#drop(this.#sent.length);
  }

  #drop(count: number): void {
    const left = this.#sent.slice(count);
    let bytes = 0;
    for (const { body } of left) bytes += body.length;
    this.counts.unackedBytes -= this.#bytes - bytes;
    this.#bytes = bytes;
    this.#sent = left;
  }
}
