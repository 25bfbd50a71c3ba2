// What clients want to hear of: nodes whose name with `+notify` is among their features (XEP-0163 section 4.2), by their
// entity capabilities (XEP-0115). A client of a kind that is not known is asked once; what it says of others of its kind
// counts when the hash proves it.

import { randomUUID } from 'node:crypto';
import type { ComponentHost } from '../../core/host.js';
import { Routed } from '../../core/routed.js';
import type { Element } from '../../xmpp/element.js';
import { attribute } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { NS } from '../../xmpp/ns.js';
import { Stanza } from '../../xmpp/stanza.js';
import { described, verification } from '../caps.js';
import { DATA } from '../data-form.js';

const CAPS = 'http://jabber.org/protocol/caps';
const INFO = 'http://jabber.org/protocol/disco#info';
const NOTIFY = '+notify';

export interface Caps {
  readonly hash: string | undefined;
  readonly node: string;
  readonly ver: string;
}

export type Wanted = ReadonlySet<string>;

/** Nodes that one client can want to hear of, and how long their names are together. */
const MOST_NODES = 200;
const MOST_CHARACTERS = 16_384;
/** A hash, and the address of a client's maker: what is longer than this together is neither, and not to be remembered. */
const LONGEST_CAPS = 1024;
/** Who waits for one answer; of what comes after that its client hears nothing. */
const MOST_WAITING = 100;

/** What a presence says of the client; undefined when it says nothing. */
export function capsOf(presence: Stanza): Caps | undefined {
  if (!presence.raw.includes(CAPS)) return undefined;
  const { hash, node, ver } = presence.tree.getChild('c', CAPS)?.attrs ?? {};
  if (node === undefined || ver === undefined) return undefined;
  return node.length + ver.length + (hash?.length ?? 0) > LONGEST_CAPS ? undefined : { hash, node, ver };
}

export const sameCaps = (a: Caps | undefined, b: Caps | undefined): boolean =>
  a?.hash === b?.hash && a?.node === b?.node && a?.ver === b?.ver;

interface Question {
  readonly caps: Caps;
  readonly jid: JID;
  readonly waiting: ((wanted: Wanted) => void)[];
}

export class Interests {
  readonly #kinds = new Map<string, Wanted>();
  /** By the id of the request. */
  readonly #questions = new Map<string, Question>();

  /** Kinds of clients that are remembered, and as many questions that are open. */
  most = 0;

  constructor(readonly host: ComponentHost) {}

  /** What is known of a client. */
  known(caps: Caps, jid: JID): Wanted | undefined {
    return this.#kinds.get(kindOf(caps)) ?? this.#kinds.get(singleOf(caps, jid));
  }

  /** Tells what the client wants: at once, or when it has said so to the account. */
  ask(caps: Caps, jid: JID, account: JID, then: (wanted: Wanted) => void): void {
    const known = this.known(caps, jid);
    if (known !== undefined) {
      then(known);
      return;
    }
    for (const question of this.#questions.values()) {
      if (!question.jid.equals(jid) || !sameCaps(question.caps, caps)) continue;
      if (question.waiting.length < MOST_WAITING) question.waiting.push(then);
      return;
    }
    const id = randomUUID();
    this.#questions.set(id, { caps, jid, waiting: [then] });
    this.#keepFew(this.#questions);
    const query = `<query xmlns='${INFO}'${attribute('node', `${caps.node}#${caps.ver}`)}/>`;
    const addresses = `${attribute('from', account.toString())}${attribute('to', jid.toString())}`;
    const iq = Buffer.from(`<iq xmlns='${NS.client}' type='get' id='${id}'${addresses}>${query}</iq>`);
    this.host.send(new Routed(new Stanza(iq, NS.client), 'iq', 'get', account, jid));
  }

  /** An answer came. True: to a question of ours. */
  answered({ stanza, type, from }: Routed): boolean {
    if (type !== 'result' && type !== 'error') return false;
    const id = stanza.id ?? '';
    const question = this.#questions.get(id);
    if (question === undefined || !question.jid.equals(from)) return false;
    this.#questions.delete(id);
    const query = type === 'result' ? stanza.tree.getChild('query', INFO) : undefined;
    if (query !== undefined) this.#learned(question, query);
    return true;
  }

  #learned({ caps, jid, waiting }: Question, query: Element): void {
    const features = query.getChildren('feature', INFO).map(({ attrs }) => attrs.var ?? '');
    const wanted = wantedIn(features);
    const proved = isProved(caps, query, features);
    this.#kinds.set(proved ? kindOf(caps) : singleOf(caps, jid), wanted);
    this.#keepFew(this.#kinds);
    for (const then of waiting) then(wanted);
    if (proved) this.#same(caps, wanted);
  }

  #keepFew(all: Map<string, unknown>): void {
    for (const oldest of all.keys()) {
      if (all.size <= this.most) return;
      this.host.limited('pep.max_kinds');
      all.delete(oldest);
    }
  }

  /** Others of its kind were asked as well. */
  #same(caps: Caps, wanted: Wanted): void {
    for (const [id, question] of [...this.#questions]) {
      if (!sameCaps(question.caps, caps)) continue;
      this.#questions.delete(id);
      for (const then of question.waiting) then(wanted);
    }
  }
}

function wantedIn(features: readonly string[]): Set<string> {
  const wanted = new Set<string>();
  let left = MOST_CHARACTERS;
  for (const feature of features) {
    if (!feature.endsWith(NOTIFY)) continue;
    left -= feature.length;
    if (left < 0 || wanted.size >= MOST_NODES) break;
    wanted.add(feature.slice(0, -NOTIFY.length));
  }
  return wanted;
}

const kindOf = ({ hash, node, ver }: Caps): string => JSON.stringify([hash, node, ver]);
const singleOf = (caps: Caps, jid: JID): string => `${kindOf(caps)} ${jid}`;

/** XEP-0115 section 5.4. */
function isProved({ hash, ver }: Caps, query: Element, features: readonly string[]): boolean {
  if (hash !== 'sha-1') return false;
  const identities = query.getChildren('identity', INFO).map(({ attrs }) => ({
    category: attrs.category ?? '',
    type: attrs.type ?? '',
    lang: attrs['xml:lang'],
    name: attrs.name,
  }));
  const extensions = query.getChildren('x', DATA);
  return verification(described({ identities, features: new Set(features), extensions })) === ver;
}
