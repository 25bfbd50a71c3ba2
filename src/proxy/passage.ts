// What a server says to its client, on its way through: all of it, but for what is between the server and us. Features
// pass as features.ts shows them; the address of a resumption (`location`, XEP-0198 section 3), which browsers could not
// dial, does not.

import type { ClientStream, Ending, StreamEnd } from '../stream/end.js';
import { type Element, parseElement } from '../xmpp/element.js';
import { StreamError } from '../xmpp/errors.js';
import type { StreamHeader } from '../xmpp/header.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { forClient } from './features.js';

const SM: ReadonlySet<string | undefined> = new Set([NS.sm2, NS.sm3]);
export class Passage implements StreamEnd {
  /** XEP-0198 is at work: what is not acknowledged is the server's to keep, and a lost stream may be resumed. */
  managed = false;

  constructor(
    readonly client: ClientStream,
    /** Told once, when the server's side is over. */
    readonly link: { ended(ending: Ending): void; failed(error: unknown): void },
    /** Bytes of the largest stanza the client can send. */
    readonly most: number,
  ) {}

  open(header: StreamHeader): void {
    this.client.open(header);
  }

  stanza(stanza: Stanza): boolean {
    return this.client.stanza(stanza.kind !== undefined ? stanza : this.#look(stanza));
  }

  drain(): void {
    this.tell(() => this.client.drain());
  }

  close(ending: Ending): void {
    this.link.ended(ending);
    this.tell(() => this.client.close({ ...ending, error: ending.error && told(ending.error) }));
  }

  /** Somebody's own client may throw. In a stanza the connection sees to it; here nobody would. */
  tell(word: () => void): void {
    try {
      word();
    } catch (error) {
      this.link.failed(error);
    }
  }

  #look(stanza: Stanza): Stanza {
    const { name, ns } = stanza;
    if (name === 'features' && ns === NS.stream) return forClient(stanza, this.most);
    if (ns === NS.sasl2 && name === 'success') return this.#inlined(stanza);
    if (!SM.has(ns)) return stanza;
    if (name === 'enabled' || name === 'resumed') this.managed = true;
    return name === 'enabled' && stanza.attr('location') !== undefined ? stanza.with({ location: undefined }) : stanza;
  }

  /** XEP-0388 and XEP-0386: enabled and resumed may stand inside of `<success/>`. */
  #inlined(success: Stanza): Stanza {
    if (!success.raw.includes('urn:xmpp:sm:') && !success.raw.includes('&')) return success;
    const root = copy(success);
    const bound = root.getChild('bound', 'urn:xmpp:bind:0');
    const all = [...root.getChildElements(), ...(bound?.getChildElements() ?? [])].filter((e) => SM.has(e.getNS()));
    const enabled = all.find((element) => element.getName() === 'enabled');
    if (enabled !== undefined || all.some((element) => element.getName() === 'resumed')) this.managed = true;
    if (enabled?.attrs.location === undefined) return success;
    delete enabled.attrs.location;
    return Stanza.from(root);
  }
}

/** A tree of one's own to change. */
const copy = (stanza: Stanza): Element => parseElement(stanza.raw.toString());

/** What a client may know: the server's own words and limits by name; of all other causes that the connection failed. */
function told(error: StreamError): StreamError {
  const { condition, element } = error;
  if (element !== undefined || condition === 'system-shutdown') return error;
  if (condition === 'policy-violation')
    return new StreamError('undefined-condition', 'the server sent more than is passed on');
  if (condition === 'resource-constraint') return new StreamError(condition, 'the server does not take what is sent');
  return new StreamError('remote-connection-failed', 'the connection to the server failed');
}
