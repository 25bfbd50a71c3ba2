// A scanner's events as values, for tests that compare them.

import { StreamError } from '../../src/xmpp/errors.js';
import { Scanner, type ScannerLimits, type ScannerOptions } from '../../src/xmpp/scanner.js';

/** What a document, or as much of it as there was, came to. */
export interface Scanned {
  readonly header: string | undefined;
  readonly stanzas: string[];
  readonly ended: boolean;
  /** The document is complete and nothing of another one follows. */
  readonly complete: boolean;
  /** The condition of the StreamError that ended it. */
  readonly error: string | undefined;
}

/** Scans chunks; each one is overwritten once it was pushed, so nothing may have been kept of it. */
export function scanChunks(chunks: Iterable<Buffer>, options?: ScannerOptions, limits?: ScannerLimits): Scanned {
  const scanned = { header: undefined as string | undefined, stanzas: [] as string[], ended: false };
  const raws: Buffer[] = [];
  const scanner = new Scanner(
    {
      header(tag) {
        scanned.header = `${tag.name} ${tag.ns} ${JSON.stringify([...tag.attributes()])}`;
      },
      stanza(stanza) {
        raws.push(stanza.raw);
      },
      end() {
        scanned.ended = true;
      },
    },
    limits,
    options,
  );
  let error: string | undefined;
  try {
    for (const chunk of chunks) {
      const copy = Buffer.from(chunk);
      scanner.push(copy);
      copy.fill(0x21);
    }
  } catch (thrown) {
    if (!(thrown instanceof StreamError)) throw thrown;
    error = thrown.condition;
  }
  const complete = scanner.ended;
  scanner.stop();
  scanned.stanzas = raws.map((raw) => raw.toString());
  return { ...scanned, complete, error };
}

/** Pieces of these sizes, over and over. */
export function* pieces(bytes: Buffer, sizes: () => number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizes());
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
