// Addresses (RFC 7622): parsed, prepared and compared. Localparts follow the UsernameCaseMapped profile and resourceparts
// the OpaqueString profile of RFC 8265; domainparts are IDNA names, IPv4 or bracketed IPv6 addresses.

import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { StanzaError } from './errors.js';
import { prepareOpaque, prepareUsername } from './precis.js';

const MOST_BYTES = 1023;

// What nearly all addresses look like: nothing to prepare.
const PLAIN_LOCAL = /^[a-z0-9!#$%()*+,.;=?[\\\]^_`{|}~-]{1,1023}$/;
const PLAIN_DOMAIN = /^(?=.{1,253}$)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const PLAIN_RESOURCE = /^[\x20-\x7e]{1,1023}$/;
/** Not for a localpart, even where PRECIS lets them (section 3.3.1). */
const FORBIDDEN_LOCAL = /["&'/:<>@\s]/;
const DOMAIN_ASCII = /^[a-z0-9_.-]+$/;

const malformed = (text: string) => new StanzaError('modify', 'jid-malformed', text);

/** An address in its one prepared form: two JIDs are the same when their strings are. */
export class JID {
  #bare: JID | undefined;
  #text: string | undefined;

  private constructor(
    /** '' when there is none. */
    readonly local: string,
    readonly domain: string,
    /** '' when there is none. */
    readonly resource: string,
  ) {}

  /** Reads `local@domain/resource`; throws StanzaError jid-malformed when it is not an address. */
  static parse(text: string): JID {
    const slash = text.indexOf('/');
    const bare = slash < 0 ? text : text.slice(0, slash);
    const at = bare.indexOf('@');
    return JID.of(
      at < 0 ? undefined : bare.slice(0, at),
      bare.slice(at + 1),
      slash < 0 ? undefined : text.slice(slash + 1),
    );
  }

  /** From its parts, unprepared; undefined for what is absent. Throws StanzaError jid-malformed. */
  static of(local: string | undefined, domain: string, resource?: string): JID {
    return new JID(
      local === undefined ? '' : prepareLocal(local),
      prepareDomain(domain),
      resource === undefined ? '' : prepareResource(resource),
    );
  }

  /** Without the resource. */
  get bare(): JID {
    if (this.resource === '') return this;
    this.#bare ??= new JID(this.local, this.domain, '');
    return this.#bare;
  }

  get isBare(): boolean {
    return this.resource === '';
  }

  /** The same account or host with this resource. Throws StanzaError jid-malformed. */
  withResource(resource: string): JID {
    const full = new JID(this.local, this.domain, prepareResource(resource));
    full.#bare = this.bare;
    return full;
  }

  equals(other: JID): boolean {
    return this.local === other.local && this.domain === other.domain && this.resource === other.resource;
  }

  /** Below, at or above 0, by domain, then localpart, then resource; in code unit order. */
  compare(other: JID): number {
    return order(this.domain, other.domain) || order(this.local, other.local) || order(this.resource, other.resource);
  }

  toString(): string {
    this.#text ??= this.#written;
    return this.#text;
  }

  get #written(): string {
    const bare = this.local === '' ? this.domain : `${this.local}@${this.domain}`;
    return this.resource === '' ? bare : `${bare}/${this.resource}`;
  }
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function sized(part: string, what: string): string {
  const bytes = Buffer.byteLength(part);
  if (bytes < 1 || bytes > MOST_BYTES) throw malformed(`${what} of ${bytes} bytes`);
  return part;
}

function prepareLocal(local: string): string {
  if (PLAIN_LOCAL.test(local)) return local;
  if (local.length > MOST_BYTES) throw malformed('localpart too long');
  const prepared = prepareUsername(local);
  if (prepared === undefined || FORBIDDEN_LOCAL.test(prepared)) throw malformed('localpart');
  return sized(prepared, 'localpart');
}

function prepareResource(resource: string): string {
  if (PLAIN_RESOURCE.test(resource)) return resource;
  if (resource.length > MOST_BYTES) throw malformed('resourcepart too long');
  const prepared = prepareOpaque(resource);
  if (prepared === undefined) throw malformed('resourcepart');
  return sized(prepared, 'resourcepart');
}

/** A domain as JIDs hold it: lower case, U-labels, no trailing dot. Throws StanzaError jid-malformed. */
export function prepareDomain(domain: string): string {
  if (PLAIN_DOMAIN.test(domain) && !domain.includes('xn--')) return domain;
  if (domain.length > MOST_BYTES) throw malformed('domainpart too long');
  const name = domain.endsWith('.') ? domain.slice(0, -1) : domain;
  if (isIPv4(name)) return name;
  if (name.startsWith('[') && name.endsWith(']') && isIPv6(name.slice(1, -1))) return name.toLowerCase();
  return sized(internationalised(name), 'domainpart');
}

function internationalised(name: string): string {
  // What the URL rules would decode or take for a number is no domain here.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
  if (/[\x00-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]/.test(name)) throw malformed('domainpart');
  const ascii = domainToASCII(name);
  if (ascii === '' || !DOMAIN_ASCII.test(ascii) || isIPv4(ascii)) throw malformed('domainpart');
  if (ascii.split('.').some((label) => label === '' || label.length > 63)) throw malformed('domainpart');
  return domainToUnicode(ascii);
}
