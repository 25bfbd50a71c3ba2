// Addresses (RFC 7622), as far as a page has to understand them.

/** Without the resource. */
export function bare(jid) {
  const slash = jid.indexOf('/');
  return slash < 0 ? jid : jid.slice(0, slash);
}

export function resource(jid) {
  const slash = jid.indexOf('/');
  return slash < 0 ? '' : jid.slice(slash + 1);
}

/** The part before the @, or the domain where there is none. */
export function local(jid) {
  return bare(jid).split('@')[0];
}

export function domain(jid) {
  return bare(jid).split('@').at(-1);
}

/** The bare address of a person that somebody typed or linked to; undefined when it is none. */
export function address(typed) {
  const jid = bare(
    typed
      .trim()
      .replace(/^xmpp:/i, '')
      .replace(/\?.*$/, ''),
  );
  return /^[^@/\s"&'<>:]{1,1023}@[^@/\s"&'<>]{1,1023}$/.test(jid) ? jid.toLowerCase() : undefined;
}

/** What may stand before the @ of a new account; undefined when it cannot. */
export function username(typed) {
  return address(`${typed.trim()}@x`)?.slice(0, -2);
}
