// How a file of somebody's is shown, so that it can do nothing here: browsers show what only can be looked at or listened
// to, and save everything else. A page of this origin cannot take it for its own script or style either.

import type { RawHeaders } from './cors.js';

/** Such as browsers show without running anything. */
const INERT = new Set([
  ...['png', 'jpeg', 'gif', 'webp', 'avif'].map((each) => `image/${each}`),
  ...['aac', 'flac', 'mp4', 'mpeg', 'ogg', 'opus', 'wav', 'webm', 'x-wav', '3gpp'].map((each) => `audio/${each}`),
  ...['mp4', 'mpeg', 'ogg', 'quicktime', 'webm', 'x-matroska', '3gpp'].map((each) => `video/${each}`),
  'text/plain',
]);

/** What `script` and `link` elements take. */
const RUNNABLE = /(java|ecma|live|j)script|\/(x-)?css$/;

const POLICY = "default-src 'none'; media-src 'self'; sandbox; frame-ancestors 'none'";

/** Headers of a file with this name and type, as names and values in turn. */
export function presentation(name: string, type: string): RawHeaders {
  return [
    'Content-Type',
    shownAs(type),
    'Content-Disposition',
    `${INERT.has(type) ? 'inline' : 'attachment'}; ${fileName(name)}`,
    'Content-Security-Policy',
    POLICY,
    'Cross-Origin-Resource-Policy',
    'cross-origin',
  ];
}

function shownAs(type: string): string {
  if (type === 'text/plain') return 'text/plain; charset=utf-8';
  return RUNNABLE.test(type) ? 'application/octet-stream' : type;
}

/** RFC 6266 section 4.3: in ASCII for old clients, and as it is (RFC 8187). */
function fileName(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const whole = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return plain === name ? `filename="${plain}"` : `filename="${plain}"; filename*=UTF-8''${whole}`;
}
