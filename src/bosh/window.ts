// Request ids (XEP-0124 section 14): what a rid is by its place between what was answered, what was processed and the
// end of the window. Pure; nothing is remembered here.

/**
 * `next`: to be processed now. `early`: in the window, but its predecessor is missing. `pending`: received before and not
 * answered. `answered`: answered before. `beyond`: outside the window.
 */
export type Verdict = 'next' | 'early' | 'pending' | 'answered' | 'beyond';

/** Where a session stands. */
export interface Position {
  /** Highest rid that was answered. */
  readonly answered: number;
  /** Highest rid whose payloads were forwarded. */
  readonly processed: number;
}

/** Judges a rid. `size` is the window's; `known` says that a request with this rid waits to be processed. */
export function judge(rid: number, at: Position, size: number, known: boolean): Verdict {
  if (rid <= at.answered) return 'answered';
  if (rid <= at.processed || known) return 'pending';
  if (rid > at.processed + size) return 'beyond';
  return rid === at.processed + 1 ? 'next' : 'early';
}

const POSITIVE = /^[1-9][0-9]{0,15}$/;

/** Reads a rid or an ack: 1 to 2^53-1 in plain decimal digits (section 14.1); undefined for anything else. */
export function readRid(text: string | undefined): number | undefined {
  if (text === undefined || !POSITIVE.test(text)) return undefined;
  const rid = Number(text);
  return rid <= Number.MAX_SAFE_INTEGER ? rid : undefined;
}

const LARGER = /^[1-9][0-9]{15,}$/;

/** The same; but a number above 2^53-1 is a rid all the same, beyond every window (section 14.2). */
export function readAnyRid(text: string | undefined): number | undefined {
  return readRid(text) ?? (text !== undefined && LARGER.test(text) ? Number.POSITIVE_INFINITY : undefined);
}
