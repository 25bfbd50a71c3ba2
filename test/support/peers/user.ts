// A person at a client: logs in over a carrier, talks, and can ask for and resume XEP-0198 stream management.

import { randomBytes } from 'node:crypto';
import { bind, authenticate as prove, type Stream } from '../sasl.js';
import type { Xml } from '../xml.js';
import { type Carrier, type CarrierOptions, carrier, type Transport } from './carrier.js';
import { DOMAIN, type Endpoint, PASSWORD } from './peer.js';

const SM = 'urn:xmpp:sm:3';

export interface LoginOptions extends CarrierOptions {
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-1';
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
  user.jid = await bind(user, options.resource);
  user.send('<presence xmlns="jabber:client"/>');
  await user.element((each) => each.name === 'presence' && each.attr('from') === user.jid, 'own presence');
  return user;
}

/** Authenticates and stops before binding: what resumption starts from. */
export async function authenticate(
  transport: Transport,
  at: Endpoint,
  name: string,
  { mechanism = 'SCRAM-SHA-1', domain = DOMAIN, ...options }: LoginOptions = {},
): Promise<User> {
  const user = new User(await carrier(transport, at, domain, options));
  user.carrier.open();
  await prove(user, { user: name, password: PASSWORD, mechanism }, await user.features());
  await user.restart();
  return user;
}

export class User implements Stream {
  jid = '';
  readonly offers: Xml[] = [];

  constructor(readonly carrier: Carrier) {}

  send(xml: string): void {
    this.carrier.send(xml);
  }

  say(to: string, text: string): void {
    this.send(`<message xmlns="jabber:client" to="${to}" type="chat" id="${id()}"><body>${text}</body></message>`);
  }

  element(fits: (element: Xml) => boolean, what: string, ms?: number): Promise<Xml> {
    return this.carrier.inbox.take(fits, what, ms);
  }

  /** The next stream features; all that came are kept in `offers`. */
  async features(): Promise<Xml> {
    const features = await this.element((each) => each.name === 'features', 'features');
    this.offers.push(features);
    return features;
  }

  restart(): Promise<Xml> {
    this.carrier.open();
    return this.features();
  }

  exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml> {
    this.send(xml);
    return this.element(match, `an answer to ${xml}`);
  }

  message(text: string): Promise<Xml> {
    return this.element((each) => each.name === 'message' && each.textOf('body') === text, `message "${text}"`);
  }

  /** Texts of the messages that came and nobody took, in order. */
  get texts(): string[] {
    const messages = this.carrier.inbox.items.filter(
      (each) => each.name === 'message' && each.attr('type') !== 'error',
    );
    return messages.map((each) => each.textOf('body') ?? '');
  }

  /** A XEP-0199 ping to the server: everything sent before it has been handled when it returns. */
  async ping(): Promise<void> {
    await this.ask('get', '<ping xmlns="urn:xmpp:ping"/>');
  }

  ask(type: 'get' | 'set', payload: string): Promise<Xml> {
    const key = id();
    const iq = `<iq xmlns="jabber:client" type="${type}" id="${key}">${payload}</iq>`;
    return this.exchange(iq, (each) => each.name === 'iq' && each.attr('id') === key);
  }

  /** XEP-0198 section 3: asks for resumable stream management; the id to resume with. */
  async enable(): Promise<string> {
    const request = `<enable xmlns="${SM}" resume="true"/>`;
    const enabled = await this.exchange(request, (each) => each.ns === SM && each.name !== 'r');
    const key = enabled.attr('id');
    if (enabled.name !== 'enabled' || !key) throw new Error(String(enabled));
    return key;
  }

  /** XEP-0198 section 5: resumes the stream of that id, of which h stanzas were received. */
  resume(previd: string, h: number): Promise<Xml> {
    const request = `<resume xmlns="${SM}" previd="${previd}" h="${h}"/>`;
    return this.exchange(request, (each) => each.ns === SM && ['resumed', 'failed'].includes(each.name));
  }

  close(): Promise<void> {
    return this.carrier.close();
  }
}

function id(): string {
  return randomBytes(4).toString('hex');
}
