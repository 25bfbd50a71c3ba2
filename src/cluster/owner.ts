// Whose a BOSH request is: its sid begins with the number of the process that has the session.

const [LT, GT, QUESTION, APOS, QUOT, EQUALS, SLASH] = Buffer.from('<>?\'"=/');
const [S, I, D, ZERO, NINE, DASH] = Buffer.from('sid09-');
/** Of numbers, so many digits. */
const MOST = 7;

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * The number in front of a request's sid; undefined where there is none. It checks nothing else, and never reads beyond the
 * first tag: what is no `<body/>` is for whoever gets it to refuse.
 */
export function ownerOf(body: Buffer): number | undefined {
  const end = body.length;
  let at = firstTag(body);
  while (at < end && !isSpace(body[at]) && body[at] !== GT) at++;
  for (;;) {
    while (at < end && isSpace(body[at])) at++;
    const name = at;
    while (at < end && body[at] !== EQUALS && body[at] !== GT && body[at] !== SLASH && !isSpace(body[at])) at++;
    const isSid = at - name === 3 && body[name] === S && body[name + 1] === I && body[name + 2] === D;
    while (at < end && (isSpace(body[at]) || body[at] === EQUALS)) at++;
    const quote = body[at];
    if (quote !== APOS && quote !== QUOT) return undefined;
    if (isSid) return numberAt(body, at + 1);
    at = body.indexOf(quote, at + 1) + 1;
    if (at === 0) return undefined;
  }
}

/** Behind an XML declaration. */
function firstTag(body: Buffer): number {
  const at = body.indexOf(LT);
  if (body[at + 1] !== QUESTION) return at + 1;
  return body.indexOf(LT, at + 1) + 1;
}

function numberAt(body: Buffer, start: number): number | undefined {
  let number = 0;
  let at = start;
  for (; body[at] >= ZERO && body[at] <= NINE; at++) number = number * 10 + body[at] - ZERO;
  return body[at] === DASH && at > start && at - start <= MOST ? number : undefined;
}
