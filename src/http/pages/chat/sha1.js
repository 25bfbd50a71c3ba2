// SHA-1 (RFC 3174), by which avatars are named. The browser's own is not there for a page over plain HTTP.

const rotate = (word, by) => (word << by) | (word >>> (32 - by));

/** In hexadecimal. */
export function sha1(bytes) {
  const length = (((bytes.length + 8) >> 6) + 1) << 6;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(length - 4, bytes.length << 3);
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let at = 0; at < length; at += 64) mix(hash, view, at);
  return hash.map((each) => (each >>> 0).toString(16).padStart(8, '0')).join('');
}

function mix(hash, view, at) {
  const words = Array.from({ length: 16 }, (_, i) => view.getUint32(at + 4 * i));
  let [a, b, c, d, e] = hash;
  for (let i = 0; i < 80; i++) {
    if (i >= 16) words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    const next = (rotate(a, 5) + e + words[i] + round(i, b, c, d)) | 0;
    [a, b, c, d, e] = [next, a, rotate(b, 30), c, d];
  }
  for (const [i, each] of [a, b, c, d, e].entries()) hash[i] = (hash[i] + each) | 0;
}

function round(i, b, c, d) {
  if (i < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (i < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (i < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}
