// What a request of an existing session asks for, by the attributes of its `<body/>`.

import { StreamError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import type { StartTag } from '../xmpp/scanner.js';
import type { Stanza } from '../xmpp/stanza.js';
import type { Body } from './body.js';
import { isTrue, readCount } from './numbers.js';
import { readAnyRid, readRid } from './window.js';

export interface BoshRequest {
  readonly rid: number;
  readonly checksum: number;
  /** Bytes of its body. */
  readonly size: number;
  /** None when it restarts a stream: what a restart carries is ignored (XEP-0206 section 5). */
  readonly stanzas: readonly Stanza[];
  readonly stream: string | undefined;
  readonly ack: number | undefined;
  readonly key: string | undefined;
  readonly newkey: string | undefined;
  /** Seconds. */
  readonly pause: number | undefined;
  readonly terminate: boolean;
  readonly restart: boolean;
  /** It is empty and names a domain: section 16.2. */
  readonly adds: boolean;
  /** It carries payloads and names a domain all the same: libpurple does so in every request. */
  readonly addressed: boolean;
  /** Kept only when a stream header has to be read from it. */
  readonly tag: StartTag | undefined;
}

/** Nearly every rid and ack, without a string. */
function positive(tag: StartTag, name: string): number | undefined {
  const number = tag.natural(name);
  return number !== undefined && number > 0 ? number : undefined;
}

/** Throws StreamError when an attribute is not what its type says. */
export function readRequest(body: Body): BoshRequest {
  const { tag, checksum, size } = body;
  const rid = positive(tag, 'rid') ?? readAnyRid(tag.attr('rid'));
  if (rid === undefined) throw new StreamError('bad-format', 'no valid rid');
  const terminate = tag.attr('type') === 'terminate';
  const restart = isTrue(tag.attrNS(NS.xbosh, 'restart'));
  const stanzas = restart ? [] : body.stanzas;
  const adds = !restart && !terminate && stanzas.length === 0 && tag.attr('to') !== undefined;
  return {
    rid,
    checksum,
    size,
    stanzas,
    stream: tag.attr('stream'),
    ack: positive(tag, 'ack') ?? readRid(tag.attr('ack')),
    key: tag.attr('key'),
    newkey: tag.attr('newkey'),
    pause: readCount(tag, 'pause'),
    terminate,
    restart,
    adds,
    addressed: stanzas.length > 0 && tag.attr('to') !== undefined,
    tag: restart || adds ? tag : undefined,
  };
}

/** Whether it carries nothing and asks for nothing but what there is (sections 11 and 12). */
export const isPoll = (request: BoshRequest) =>
  request.stanzas.length === 0 &&
  !request.restart &&
  !request.adds &&
  !request.terminate &&
  request.pause === undefined;
