// The responses a client may not have seen (XEP-0124 sections 9 and 14.3): kept by rid, sent again byte for byte, dropped
// when acknowledged or when more than a client may miss came after them. A client that may miss many has fewer kept when
// they are large; who asks for one of those then is told that it is lost.
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
import type { Terms } from './negotiation.js';
import type { BoshStream } from './stream.js';

/** A response that was sent. */
export interface Sent {
  readonly rid: number;
  /** Of the request it answered. */
  readonly checksum: number;
  readonly body: Buffer;
  /** Whose payloads it carries. */
  readonly stream: BoshStream | undefined;
  /** How many stanzas that stream had given to responses then. */
  readonly given: number;
  /** When. */
  readonly at: number;
  /** By what it was last sent. */
  connection: Wire | undefined;
  /** The client went on after it, or was there a moment before. */
  read: boolean;
}

// A client that acknowledges can leave responses unacknowledged for as long as it likes; of a usual window, that many are
// kept, as long as they are not large.
const UNACKNOWLEDGED = 4;

export class Responses {
  // A few nearly always, so copied: an array that is pushed to reserves room for 17.
  #sent: readonly Sent[] = [];
  #bytes = 0;
  #confirmed = 0;
  /** Highest rid whose response was dropped for the bytes of those after it. */
  #lacking = 0;
  readonly #most: number;

  /** All that `terms` make sure of are kept; others as long as all together take no more than `room` bytes. */
  constructor(
    readonly terms: Pick<Terms, 'requests' | 'sure' | 'acks'>,
    readonly counts: Counts,
    readonly room = Number.POSITIVE_INFINITY,
  ) {
    const { requests, sure, acks } = terms;
    // One more than `requests`, for a pause or terminate may come on top of them (section 11).
    this.#most = Math.max(requests + 1, acks ? UNACKNOWLEDGED * (sure - 1) : 0);
  }

  add(sent: Sent): void {
    this.#sent = [...this.#sent, sent];
    this.#bytes += sent.body.length;
    this.counts.unackedBytes += sent.body.length;
    const count = this.#surplus();
    if (count === 0) return;
    if (this.#sent.length - count < this.#most) this.#lacking = this.#sent[count - 1].rid;
    this.#drop(count);
  }

  /** How many of the oldest are too many. */
  #surplus(): number {
    const sent = this.#sent;
    let bytes = this.#bytes;
    let count = 0;
    while (sent.length - count > (bytes <= this.room ? this.#most : this.terms.sure))
      bytes -= sent[count++].body.length;
    return count;
  }

  /** Whether this response would still be there, had there been room. */
  lacks(rid: number): boolean {
    return rid > this.#confirmed && rid <= this.#lacking;
  }

  find(rid: number): Sent | undefined {
    for (const sent of this.#sent) if (sent.rid === rid) return sent;
    return undefined;
  }

  /** The client has all responses up to this rid. False: that was known. */
  confirm(rid: number): boolean {
    if (rid <= this.#confirmed) return false;
    this.#confirmed = rid;
    this.#tell(rid);
    if (!this.terms.acks) return true;
    let seen = 0;
    while (seen < this.#sent.length && this.#sent[seen].rid <= rid) seen++;
    if (seen > 0) this.#drop(seen);
    return true;
  }

  /** The client went on after all responses up to this rid. */
  read(rid: number): void {
    for (const sent of this.#sent) if (sent.rid <= rid) sent.read = true;
    this.#tell(rid);
  }

  /** Streams hear what their client has. */
  #tell(rid: number): void {
    for (const { rid: each, stream, given } of this.#sent) if (each <= rid) stream?.had(given);
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
