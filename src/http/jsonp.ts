// BOSH via GET, as node-xmpp-bosh offers it where nothing but script elements may cross origins: the body comes as the
// query's `data`, and with a `callback` the answer is a script that calls it with the body as a string.

const CALLBACK = /^[A-Za-z_$][\w$.]{0,63}$/;

/** Whether the name may stand in front of a call: an identifier, or a path of them. */
export function isCallback(name: string): boolean {
  return CALLBACK.test(name);
}

/**
 * The script. The comment in front keeps a chosen name from being the first bytes of the file (content sniffing); what
 * could end a script element or one of its lines, or turn its text around, is escaped.
 */
export function jsonp(callback: string, body: Buffer): Buffer {
  const reply = JSON.stringify(body.toString('utf8')).replace(UNSAFE, escaped);
  return Buffer.from(`/**/${callback}({"reply":${reply}});`);
}

// Not the `<` that the body begins with: scripts of old look for "<body" in the text.
const UNSAFE = /(?<!^")<|[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
