// A person at a client: logs in over a carrier, talks, and can ask for and resume XEP-0198 stream management.

import { randomBytes } from 'node:crypto';
import { type Carrier, type CarrierOptions, carrier, type Transport } from './carrier.js';
import { DOMAIN, type Endpoint, PASSWORD } from './peer.js';
import { type Mechanism, saslClient } from './sasl.js';
import type { Element } from './xml.js';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const SM = 'urn:xmpp:sm:3';

export interface LoginOptions extends CarrierOptions {
  readonly mechanism?: Mechanism;
  readonly resource?: string;
  readonly domain?: string;
}

/** Logs in, binds and sends initial presence. */
export async function login(
  transport: Transport,
  at: Endpoint,
  name: string,
  options: LoginOptions = {},
): Promise<User> {
  const user = await authenticate(transport, at, name, options);
  await user.bind(options.resource ?? `r${randomBytes(3).toString('hex')}`);
  user.send('<presence xmlns="jabber:client"/>');
  await user.element((each) => each.name === 'presence' && each.attrs.from === user.jid, 'own presence');
  return user;
}

/** Authenticates and stops before binding: what resumption starts from. */
export async function authenticate(
  transport: Transport,
  at: Endpoint,
  name: string,
  { mechanism = 'SCRAM-SHA-1', domain = DOMAIN, ...options }: LoginOptions = {},
): Promise<User> {
  const user = new User(carrier(transport, at, options), domain);
  await user.carrier.open(domain);
  const features = await user.features();
  await user.authenticate(features, mechanism, name);
  await user.carrier.open(domain);
  await user.features();
  return user;
}

export class User {
  jid = '';
  readonly offers: Element[] = [];
  readonly carrier: Carrier;
  readonly domain: string;

  constructor(carrier: Carrier, domain: string) {
    this.carrier = carrier;
    this.domain = domain;
  }

  send(xml: string): void {
    this.carrier.send(xml);
  }

  say(to: string, text: string): void {
    this.send(`<message xmlns="jabber:client" to="${to}" type="chat" id="${id()}"><body>${text}</body></message>`);
  }

  element(fits: (element: Element) => boolean, what: string, ms?: number): Promise<Element> {
    return this.carrier.inbox.take(fits, what, ms);
  }

  /** The next stream features; all that came are kept in `offers`. */
  async features(): Promise<Element> {
    const features = await this.element((each) => each.name === 'features', 'features');
    this.offers.push(features);
    return features;
  }

  message(text: string): Promise<Element> {
    return this.element((each) => each.name === 'message' && each.textOf('body') === text, `message "${text}"`);
  }

  /** Texts of the messages that came and nobody took, in order. */
  get texts(): string[] {
    const messages = this.carrier.inbox.items.filter((each) => each.name === 'message' && each.attrs.type !== 'error');
    return messages.map((each) => each.textOf('body') ?? '');
  }

  /** A XEP-0199 ping to the server: everything sent before it has been handled when it returns. */
  async ping(): Promise<void> {
    await this.ask('get', '<ping xmlns="urn:xmpp:ping"/>');
  }

  async ask(type: 'get' | 'set', payload: string): Promise<Element> {
    const key = id();
    this.send(`<iq xmlns="jabber:client" type="${type}" id="${key}">${payload}</iq>`);
    return this.element((each) => each.name === 'iq' && each.attrs.id === key, payload);
  }

  async authenticate(features: Element, mechanism: Mechanism, name: string): Promise<void> {
    const offered = features.child('mechanisms', SASL)?.children ?? [];
    if (!offered.some((each) => each.text === mechanism)) throw new Error(`${mechanism} is not offered: ${features}`);
    const sasl = saslClient(mechanism, name, PASSWORD);
    this.send(`<auth xmlns="${SASL}" mechanism="${mechanism}">${base64(sasl.initial)}</auth>`);
    for (;;) {
      const step = await this.element((each) => each.ns === SASL, 'a SASL answer');
      const text = Buffer.from(step.text, 'base64').toString();
      if (step.name === 'success') return sasl.verify(text);
      if (step.name !== 'challenge') throw new Error(String(step));
      this.send(`<response xmlns="${SASL}">${base64(sasl.respond(text))}</response>`);
    }
  }

  async bind(resource: string): Promise<void> {
    const result = await this.ask('set', `<bind xmlns="${BIND}"><resource>${resource}</resource></bind>`);
    this.jid = result.child('bind', BIND)?.textOf('jid') ?? '';
    if (!this.jid) throw new Error(`not bound: ${result}`);
  }

  /** XEP-0198 section 3: asks for resumable stream management; the id to resume with. */
  async enable(): Promise<string> {
    this.send(`<enable xmlns="${SM}" resume="true"/>`);
    const enabled = await this.element((each) => each.ns === SM && each.name !== 'r', 'enabled');
    if (enabled.name !== 'enabled') throw new Error(String(enabled));
    return enabled.attrs.id;
  }

  /** XEP-0198 section 5: resumes the stream of that id, of which h stanzas were received. */
  async resume(previd: string, h: number): Promise<Element> {
    this.send(`<resume xmlns="${SM}" previd="${previd}" h="${h}"/>`);
    return this.element((each) => each.ns === SM && ['resumed', 'failed'].includes(each.name), 'resumed');
  }

  close(): Promise<void> {
    return this.carrier.close();
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function id(): string {
  return randomBytes(4).toString('hex');
}
