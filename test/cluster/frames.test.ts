import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader, HEAD, head, LONGEST } from '../../src/cluster/frames.js';

interface Frame {
  readonly kind: number;
  readonly number: number;
  readonly payload: string;
}

const written = ({ kind, number, payload }: Frame): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([head(kind, number, bytes.length), bytes]);
};

/** The frames that are read out of these chunks. */
function read(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((kind, number, payload) => {
    frames.push({ kind, number, payload: payload.toString() });
  });
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

const frame = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  number: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.string({ unit: 'binary', maxLength: 40 }),
});

test('frames come out as they went in, however they are cut on the way', () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, places) => {
      const bytes = Buffer.concat(frames.map(written));
      const ends = [...places.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
      expect(read(chunks)).toEqual(frames);
    }),
  );
});

describe('a length that cannot be', () => {
  const claiming = (length: number) => {
    const bytes = head(1, 1, 0);
    bytes.writeUInt32LE(length, 0);
    return bytes;
  };

  test.each([0, 1, HEAD - 5, LONGEST + 1, 0xffff_ffff])('%i', (length) => {
    expect(() => read([claiming(length)])).toThrow(RangeError);
    expect(() => read([written({ kind: 1, number: 2, payload: 'right' }), claiming(length)])).toThrow(RangeError);
  });

  test('is found as soon as it is there, before what it promises has come', () => {
    const reader = new FrameReader(() => {});
    reader.push(claiming(LONGEST + 1).subarray(0, HEAD - 1));
    expect(() => reader.push(Buffer.alloc(1))).toThrow(RangeError);
  });
});
