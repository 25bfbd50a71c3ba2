// Session creation (XEP-0124 section 7, XEP-0206 sections 3 and 4): what a client asks for and the options allow become
// the terms of its session, and the terms become the attributes of the creation response.

import type { Tls } from '../stream/end.js';
import { attribute } from '../xmpp/escape.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import { DEFAULT_CONTENT } from './conditions.js';
import type { Held } from './held.js';
import { readCount } from './numbers.js';
import type { BoshOptions } from './options.js';

/** What a session and its client agreed on. Seconds, as in the attributes. */
export interface Terms {
  /** The client sent no `ver` (section 17.1). */
  readonly legacy: boolean;
  readonly ver: string;
  readonly wait: number;
  readonly hold: number;
  readonly requests: number;
  /** So many requests ahead of their turn, and responses behind, fit whatever their size; more only within `window_bytes`. */
  readonly sure: number;
  readonly inactivity: number;
  readonly polling: number;
  readonly maxpause: number;
  /** The client polls: nothing is held for it (section 12). */
  readonly polls: boolean;
  /** Both sides acknowledge (section 9). */
  readonly acks: boolean;
  readonly contentType: string;
  /** The creation request came over TLS, so all others have to (section 19.1). */
  readonly secure: boolean;
  /** With the client's certificate, if it came with one; all others have to come with the same. */
  readonly tls: Tls | undefined;
}

// `requests` has to be larger than the `hold` that was asked for (section 7.2), but both are unsigned bytes (section 22): for
// 255 there is no such number. All that rule is for is a request to spare, which the `hold` that is granted leaves.
const MOST = 255;
// Who asks for more gets a larger window, but no more memory for certain.
const USUAL_HOLD = 4;

/** Throws StreamError when a number is none. */
export function negotiate(tag: StartTag, held: Pick<Held, 'secure' | 'tls'>, options: BoshOptions): Terms {
  const ver = tag.attr('ver');
  const asked = readCount(tag, 'hold', MOST) ?? 1;
  const wait = Math.min(readCount(tag, 'wait') ?? options.default_wait, options.max_wait);
  const hold = Math.min(asked, options.max_bosh_connections);
  const polls = wait === 0 || hold === 0;
  const usual = Math.max(options.window_size, Math.min(asked, USUAL_HOLD) + 1, hold + 1);
  return {
    legacy: ver === undefined,
    ver: lowerVersion(ver),
    wait,
    hold,
    requests: Math.min(Math.max(usual, asked + 1), MOST),
    // One may come on top of them, to pause or terminate (section 11).
    sure: usual + 1,
    inactivity: inactivity(readCount(tag, 'inactivity'), polls, options),
    polling: options.polling,
    maxpause: options.max_pause,
    polls,
    acks: tag.attr('ack') === '1',
    contentType: readContent(tag.attr('content')) ?? DEFAULT_CONTENT,
    secure: held.secure,
    tls: certified(held.tls),
  };
}

/** Of its connection a session keeps the certificate alone: it has many, so channel binding is with none of them. */
function certified(tls: Tls | undefined): Tls | undefined {
  if (tls?.certificate === undefined) return undefined;
  return Object.freeze({ version: tls.version, exporter: () => undefined, certificate: tls.certificate });
}

/** Section 19.1: whether a request comes over TLS, and with the certificate, as the creation request did. */
export function comesAs(terms: Pick<Terms, 'secure' | 'tls'>, held: Pick<Held, 'secure' | 'tls'>): boolean {
  if (terms.secure && !held.secure) return false;
  const wanted = terms.tls?.certificate;
  return wanted === undefined || held.tls?.certificate?.fingerprint === wanted.fingerprint;
}

function inactivity(asked: number | undefined, polls: boolean, options: BoshOptions): number {
  const { max_inactivity: most, polling } = options;
  const least = Math.min(options.default_inactivity, most);
  const seconds = asked === undefined ? least : Math.max(least, Math.min(asked, most));
  // Section 12: polling sessions get more, by more than the interval.
  return polls ? seconds + 2 * polling + 1 : seconds;
}

const OWN_VERSION = [1, 11] as const;
const VERSION = /^([0-9]{1,4})\.([0-9]{1,4})$/;

/** The lower of a client's `ver` and ours; the minor number is an integer of its own. */
export function lowerVersion(ver: string | undefined): string {
  const [, major, minor] = (VERSION.exec(ver ?? '') ?? []).map(Number);
  const [ownMajor, ownMinor] = OWN_VERSION;
  const lower = major < ownMajor || (major === ownMajor && minor < ownMinor);
  return lower ? `${major}.${minor}` : `${ownMajor}.${ownMinor}`;
}

const TOKEN = "[\\w!#$%&'*+.^`|~-]{1,64}";
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}( *; *${TOKEN}=("[^"\\\\\\x00-\\x1f\\x7f-\\uffff]*"|${TOKEN}))*$`);

/** A `content` that can be an HTTP header. */
export function readContent(content: string | undefined): string | undefined {
  return content !== undefined && content.length <= 128 && MEDIA_TYPE.test(content) ? content : undefined;
}

/** What else the creation response says. */
export interface Creation {
  readonly sid: string;
  readonly rid: number;
  /** The name of the first stream, when there can be more (section 16). */
  readonly stream: string | undefined;
  /** The creation request. */
  readonly tag: StartTag;
  /** The prefix `xmpp` is declared already. */
  readonly declared: boolean;
}

/** The attributes of the creation response but for those that the server's stream header brings. */
export function creationAttributes(terms: Terms, creation: Creation, options: BoshOptions): string {
  const { tag } = creation;
  const { wait, requests, hold, polling, maxpause, ver } = terms;
  let said = attribute('sid', creation.sid) + attribute('wait', wait) + attribute('requests', requests);
  said += attribute('hold', hold) + attribute('inactivity', terms.inactivity);
  if (polling > 0) said += attribute('polling', polling);
  if (maxpause > 0) said += attribute('maxpause', maxpause);
  said += attribute('ver', ver) + attribute('window', requests) + attribute('charsets', 'UTF-8');
  if (options.compression) said += attribute('accept', 'gzip,deflate');
  if (terms.acks) said += attribute('ack', creation.rid);
  said += attribute('content', readContent(tag.attr('content'))) + attribute('stream', creation.stream);
  said += attribute('to', tag.attr('from')) + attribute('xmpp:restartlogic', 'true');
  // The server's header declares the prefix where it brings a version.
  return creation.declared ? said : said + attribute('xmlns:xmpp', NS.xbosh);
}

const XMPP = attribute('xmlns:xmpp', NS.xbosh);

/** The attributes by which the server's stream header becomes known (XEP-0206 section 4). */
export function headerAttributes(header: StreamHeader): string {
  const { from, id, version } = header;
  const said = attribute('from', from) + attribute('authid', id);
  return version === undefined ? said : `${said}${attribute('xmpp:version', version)}${XMPP}`;
}
