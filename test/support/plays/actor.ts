// A person of a play at a client. It hears everything in order and gives it out one by one; it counts stanzas and answers
// acknowledgement requests as XEP-0198 asks for, so that a play need not speak of them.

import { randomBytes } from 'node:crypto';
import type { Carrier } from '../peers/carrier.js';
import { authenticate, bind, type Stream } from '../sasl.js';
import type { Xml } from '../xml.js';
import type { PlayTransport, Role } from './play.js';
import type { Account, Stage } from './stage.js';

const SM = 'urn:xmpp:sm:3';
const SASL2 = 'urn:xmpp:sasl:2';
/** How long what has to come may take, in milliseconds. */
const PATIENCE = 5000;

export class Actor implements Stream {
  /** Bound to a resource: it can send stanzas and be sent some. */
  bound = false;
  /** What it may receive at any time, and nobody minds. */
  readonly tolerated: Xml[] = [];
  #carrier: Carrier | undefined;
  #jid: string | undefined;
  /** Heard while something else was waited for. */
  #kept: Xml[] = [];
  #counting = false;
  #handled = 0;

  constructor(
    readonly role: Role,
    readonly account: Account,
    readonly transport: PlayTransport,
    readonly stage: Stage,
  ) {}

  get bare(): string {
    return `${this.account.name}@${this.stage.domain}`;
  }

  get full(): string {
    if (this.#jid !== undefined) return this.#jid;
    if (this.role.resource === undefined) throw new Error(`${this.role.name} has no full JID yet`);
    return `${this.bare}/${this.role.resource}`;
  }

  /** Stanzas received since stream management was enabled. */
  get handled(): number {
    return this.#handled;
  }

  get online(): boolean {
    return this.#carrier !== undefined;
  }

  /** Opens a stream, on a new connection where there is none. */
  async open(domain = this.stage.domain): Promise<void> {
    this.#carrier ??= await this.stage.connect(this.transport, domain);
    this.#carrier.open();
  }

  /** From nothing to a stream that is authenticated and opened again. */
  async authenticate(mechanism = 'PLAIN'): Promise<void> {
    await this.open();
    const { name: user, password } = this.account;
    await authenticate(this, { user, password, mechanism }, await this.features());
    await this.restart();
  }

  async bind(): Promise<void> {
    this.#jid = await bind(this, this.role.resource);
    this.bound = true;
  }

  async connect(mechanism?: string): Promise<void> {
    await this.authenticate(mechanism);
    await this.bind();
  }

  send(xml: string): void {
    this.#live.send(xml);
  }

  features(): Promise<Xml> {
    return this.take((each) => each.name === 'features', 'stream features');
  }

  restart(): Promise<Xml> {
    this.#live.open();
    return this.features();
  }

  exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml> {
    this.send(xml);
    return this.take(match, `an answer to ${xml}`);
  }

  /** The next element, in the order of arrival. */
  async next(what: string): Promise<Xml> {
    return this.#kept.shift() ?? this.#hear(what);
  }

  /** The first element that fits; what came before stays for `next`. */
  async take(fits: (element: Xml) => boolean, what: string): Promise<Xml> {
    const at = this.#kept.findIndex(fits);
    if (at >= 0) return this.#kept.splice(at, 1)[0];
    for (;;) {
      const element = await this.#hear(what);
      if (fits(element)) return element;
      this.#kept.push(element);
    }
  }

  /** Has the server answer: what was sent before is handled then, and what came before is heard. */
  async ping(): Promise<void> {
    const id = `ping-${randomBytes(4).toString('hex')}`;
    const iq = `<iq xmlns="jabber:client" type="get" id="${id}" to="${this.stage.domain}">`;
    await this.exchange(`${iq}<ping xmlns="urn:xmpp:ping"/></iq>`, (each) => each.attr('id') === id);
  }

  /** Everything that was heard and not given out. */
  get unread(): readonly Xml[] {
    return this.#kept;
  }

  /** What was heard so far is of no interest. */
  forget(): void {
    this.#kept = [];
  }

  /** Ends the stream as its transport prescribes. */
  async leave(): Promise<void> {
    const [wasBound, jid] = [this.bound, this.#jid];
    await this.#gone()?.close();
    if (wasBound && jid !== undefined) await this.stage.left?.(jid);
  }

  vanish(): void {
    this.#gone()?.vanish();
  }

  /** Resolves with undefined once the server has ended the connection, or with what comes before. */
  async ending(): Promise<Xml | undefined> {
    const came = await this.next('the end').catch((error: Error) => error);
    if (!(came instanceof Error)) return came;
    if (this.#live.inbox.ended === undefined) throw came;
    this.vanish();
    return undefined;
  }

  get #live(): Carrier {
    if (!this.#carrier) throw new Error(`${this.role.name} is not connected`);
    return this.#carrier;
  }

  #gone(): Carrier | undefined {
    const carrier = this.#carrier;
    this.#carrier = undefined;
    this.bound = false;
    this.#kept = [];
    return carrier;
  }

  async #hear(what: string): Promise<Xml> {
    for (;;) {
      const element = await this.#live.inbox.take(() => true, what, PATIENCE);
      if (element.ns === SM) this.#manage(element);
      else if (element.ns === SASL2) this.#loggedIn(element);
      else if (this.#counting && element.ns === 'jabber:client') this.#handled++;
      if (element.ns !== SM || element.name !== 'r') return element;
    }
  }

  /** XEP-0388: it may have a resource by then, and acknowledge. */
  #loggedIn(success: Xml): void {
    const bound = success.child('bound');
    for (const each of [...success.children, ...(bound?.children ?? [])]) if (each.ns === SM) this.#manage(each);
    if (bound !== undefined) this.bound = true;
    if (this.bound) this.#jid = success.child('authorization-identifier')?.text;
  }

  #manage({ name }: Xml): void {
    if (name === 'r' && this.role.acknowledges) this.send(`<a xmlns="${SM}" h="${this.#handled}"/>`);
    if (name === 'enabled') {
      this.#counting = true;
      this.#handled = 0;
    }
    if (name === 'resumed') this.bound = true;
  }
}
