// A client that is logged in over TCP or WebSocket and says many things at a time: answers find their questions by id.

import { randomUUID } from 'node:crypto';
import { News } from './news.js';
import { type Credentials, login, type Stream } from './sasl.js';
import { TcpClient } from './tcp-client.js';
import { WsClient } from './ws-client.js';
import type { Xml } from './xml.js';

export type Way = 'tcp' | 'websocket';

interface Carrier extends Stream {
  say(xml: string): void;
  next(): Promise<Xml>;
  cut(): void;
}

/** Where a server is reached. */
export interface Place {
  readonly ws: string;
  readonly tcp: number;
  readonly domain: string;
}

const ANY = () => true;
const LONG = 600_000;

async function carrier(way: Way, { ws, tcp, domain }: Place): Promise<Carrier> {
  if (way === 'websocket') {
    const client = await WsClient.open(ws, domain);
    return Object.assign(client, { say: (xml: string) => client.send(xml) });
  }
  const client = await TcpClient.open(tcp, { to: domain });
  return Object.assign(client, {
    say: (xml: string) => client.write(xml),
    next: () => client.inbox.take(ANY, 'an element', LONG),
    cut: () => client.socket.destroy(),
  });
}

export class Resident {
  /** What came and was no answer, in its order. */
  readonly heard: Xml[] = [];
  readonly #answers = new Map<string, (answer: Xml | undefined) => void>();
  readonly #news = new News();
  #gone = false;
  #managed = false;
  #sent = 0;
  #handled = 0;

  private constructor(
    readonly carrier: Carrier,
    readonly address: string,
  ) {
    void this.#listen();
  }

  static async enter(way: Way, place: Place, credentials: Credentials): Promise<Resident> {
    const stream = await carrier(way, place);
    try {
      return new Resident(stream, await login(stream, { mechanism: 'PLAIN', ...credentials }));
    } catch (error) {
      stream.cut();
      throw error;
    }
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Says a stanza. */
  say(xml: string): void {
    if (this.#gone) return;
    this.#sent++;
    this.carrier.say(xml);
  }

  /** The answer to an iq; undefined when the connection ended first. */
  ask(type: 'get' | 'set', payload: string, to?: string): Promise<Xml | undefined> {
    const id = randomUUID();
    const answer = this.#answer(id);
    const at = to === undefined ? '' : ` to='${to}'`;
    this.say(`<iq xmlns='jabber:client' type='${type}' id='${id}'${at}>${payload}</iq>`);
    return answer;
  }

  /** Resolves when all that was said before was looked at; false when the connection ended first. */
  async ping(): Promise<boolean> {
    return (await this.ask('get', "<ping xmlns='urn:xmpp:ping'/>")) !== undefined;
  }

  /** The same by stream management (XEP-0198), once it was enabled. */
  async acknowledgement(): Promise<boolean> {
    const sent = this.#sent;
    this.carrier.say("<r xmlns='urn:xmpp:sm:3'/>");
    await this.#news.when(() => this.#gone || this.#handled >= sent);
    return this.#handled >= sent;
  }

  /** Has what it sends counted from now on; `resume`: and may come back. */
  async enable(resume = false): Promise<void> {
    this.carrier.say(`<enable xmlns='urn:xmpp:sm:3'${resume ? " resume='true'" : ''}/>`);
    this.#sent = 0;
    await this.when(() => this.#managed);
  }

  /** Resolves when it holds; rejects when the connection ended first. */
  async when(holds: () => boolean): Promise<void> {
    await this.#news.when(() => this.#gone || holds());
    if (!holds()) throw new Error(`${this.address} is gone`);
  }

  /** Goes, and resolves when the server has seen it. */
  async leave(): Promise<void> {
    await this.ping();
    this.carrier.cut();
  }

  #answer(id: string): Promise<Xml | undefined> {
    if (this.#gone) return Promise.resolve(undefined);
    return new Promise((resolve) => void this.#answers.set(id, resolve));
  }

  async #listen(): Promise<void> {
    try {
      for (;;) this.#hear(await this.carrier.next());
    } catch {
      this.#gone = true;
      for (const answer of this.#answers.values()) answer(undefined);
      this.#news.tell();
    }
  }

  #hear(element: Xml): void {
    const { name } = element;
    const [id = '', type] = [element.attr('id'), element.attr('type')];
    const answer = name === 'iq' && type !== 'set' && type !== 'get' ? this.#answers.get(id) : undefined;
    if (name === 'a') this.#handled = Number(element.attr('h'));
    else if (name === 'r') this.carrier.say(`<a xmlns='urn:xmpp:sm:3' h='${this.#received}'/>`);
    else if (name === 'enabled') this.#managed = true;
    else if (answer !== undefined) answer(element);
    else this.heard.push(element);
    if (this.#managed && ['iq', 'message', 'presence'].includes(name)) this.#received++;
    this.#answers.delete(id);
    this.#news.tell();
  }

  #received = 0;
}
