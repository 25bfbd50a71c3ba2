// An XMPP server of RFC 6120 that is just good enough to stand behind an edge in tests: PLAIN and ANONYMOUS, bind, session,
// stream management's enable and resume, routing by full JID. Test code holds its end of every connection: it sees each
// element that arrived and may write any bytes. Some subdomains misbehave on purpose. No TLS, no roster, no presence.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { News } from './news.js';
import { type Xml, XmlReader } from './xml.js';

const STREAM = 'http://etherx.jabber.org/streams';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const SM = 'urn:xmpp:sm:3';
const SUCCESS = `<success xmlns='${SASL}'/>`;
const FAILURE = `<failure xmlns='${SASL}'><not-authorized/></failure>`;
const NOT_FOUND = `<failed xmlns='${SM}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`;
const STARTTLS = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`;
const BEFORE = `<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression><mechanisms xmlns='${SASL}'><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>`;
const AFTER = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session><sm xmlns='${SM}'/>`;

/** The password that the stub refuses; it takes every other. */
export const WRONG_PASSWORD = 'wrong';

/** How a connection ended: with `</stream:stream>`, or without. */
export type StubEnd = 'closed' | 'lost';

/** The server's end of one connection. */
export class StubConnection {
  /** The stream headers that arrived, one more with each restart. */
  readonly headers: Xml[] = [];
  /** The ids of the streams, in the order of the headers. */
  readonly ids: string[] = [];
  /** Every first-level element that arrived. */
  readonly received: Xml[] = [];
  readonly end: Promise<StubEnd>;
  jid: string | undefined;
  /** Set when what arrived was not XML. */
  fault: unknown;
  user: string | undefined;
  smId: string | undefined;
  handled = 0;
  #reader = this.#document();
  #restart = false;
  #closed = false;
  #news = new News();

  constructor(
    readonly server: StubServer,
    readonly socket: Socket,
  ) {
    socket.setNoDelay(true).setEncoding('utf8');
    socket.on('data', (text: unknown) => this.#read(String(text)));
    socket.on('error', () => {});
    this.end = new Promise((resolve) => {
      socket.on('close', () => resolve(this.#closed ? 'closed' : 'lost'));
    });
  }

  /** What arrived as text, XML declaration and whitespace included. */
  text = '';

  write(raw: string): void {
    this.socket.write(raw);
  }

  /** Sends a stream error and closes. */
  error(condition: string, more = ''): void {
    const xmlns = 'urn:ietf:params:xml:ns:xmpp-streams';
    this.socket.end(`<stream:error><${condition} xmlns='${xmlns}'/>${more}</stream:error></stream:stream>`);
  }

  /** Resolves with the first element that matches, also one that arrived before. */
  async until(match: (element: Xml) => boolean, ms = 5000): Promise<Xml> {
    const found = await this.#news.until(() => this.received.find(match), ms);
    if (!found) throw new Error(`never arrived; received: ${this.received.map((each) => each.raw).join('\n')}`);
    return found;
  }

  /** Resolves once the client has sent this many stream headers. */
  async opened(count: number, ms = 5000): Promise<void> {
    if (!(await this.#news.until(() => this.headers.length >= count || undefined, ms)))
      throw new Error('no stream header');
  }

  #document(): XmlReader {
    return new XmlReader({
      header: (header) => this.#header(header),
      element: (element) => this.#element(element),
      end: () => {
        this.#closed = true;
        this.socket.end('</stream:stream>');
      },
    });
  }

  #read(text: string): void {
    this.text += text;
    try {
      this.#reader.write(text);
    } catch (error) {
      this.fault = error;
      this.error('not-well-formed');
    }
    if (this.#restart) this.#reader = this.#document();
    this.#restart = false;
    this.#news.tell();
  }

  #header(header: Xml): void {
    const id = randomBytes(8).toString('hex');
    this.headers.push(header);
    this.ids.push(id);
    this.server.opened();
    const to = header.attr('to') ?? '';
    const open = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${STREAM}' id='${id}' from='${to}' version='1.0' xml:lang='en'>`;
    const before = this.server.offersStartTls ? STARTTLS + BEFORE : BEFORE;
    const features = `<stream:features>${this.user === undefined ? before : AFTER}</stream:features>`;
    const kind = to.split('.')[0];
    if (kind === 'silent') return;
    if (kind === 'fin') this.socket.end();
    else this.write(open);
    if (kind === 'error') this.error('conflict');
    else if (kind === 'unknown') this.error('host-unknown');
    else if (kind === 'late') setTimeout(() => this.write(features), 1500);
    else if (kind !== 'fin') this.write(features);
  }

  #element(element: Xml): void {
    this.received.push(element);
    if (['message', 'presence', 'iq'].includes(element.name)) this.handled++;
    if (element.ns === SASL) this.#authenticate(element);
    else if (element.ns === SM) this.#manage(element);
    else if (element.name === 'iq' && element.attr('type') === 'set' && !element.attr('to')) this.#iq(element);
    else if (element.name === 'iq' && element.child('ping')) this.#result(element, '');
    else this.server.route(element, this);
  }

  #authenticate(auth: Xml): void {
    const [, user, password] = Buffer.from(auth.text, 'base64').toString().split('\0');
    if (password === WRONG_PASSWORD) {
      this.write(FAILURE);
      return;
    }
    this.user = auth.attr('mechanism') === 'ANONYMOUS' ? randomBytes(6).toString('hex') : user;
    this.#restart = true;
    this.write(SUCCESS);
  }

  #iq(iq: Xml): void {
    const bind = iq.child('bind');
    if (!bind) {
      this.#result(iq, '');
      return;
    }
    const resource = bind.child('resource')?.text || randomBytes(4).toString('hex');
    this.jid = `${this.user}@${this.headers.at(-1)?.attr('to')}/${resource}`;
    this.server.bound(this);
    this.#result(iq, `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${this.jid}</jid></bind>`);
  }

  #result(iq: Xml, payload: string): void {
    this.write(`<iq type='result' id='${iq.attr('id') ?? ''}'>${payload}</iq>`);
  }

  #manage(nonza: Xml): void {
    if (nonza.name === 'r') this.write(`<a xmlns='${SM}' h='${this.handled}'/>`);
    else if (nonza.name === 'enable') this.#enable();
    else if (nonza.name === 'resume') this.#resume(nonza.attr('previd') ?? '');
  }

  #enable(): void {
    this.smId = randomBytes(8).toString('hex');
    this.handled = 0;
    this.server.managed.set(this.smId, this);
    this.write(`<enabled xmlns='${SM}' id='${this.smId}' resume='true'/>`);
  }

  /** Only a stream that was lost can be resumed. */
  #resume(previd: string): void {
    const old = this.server.managed.get(previd);
    if (!old || old.#closed) {
      this.write(NOT_FOUND);
      return;
    }
    this.jid = old.jid;
    this.smId = previd;
    this.handled = old.handled;
    this.server.managed.set(previd, this);
    this.server.bound(this);
    this.write(`<resumed xmlns='${SM}' previd='${previd}' h='${old.handled}'/>`);
  }
}

export class StubServer {
  readonly connections: StubConnection[] = [];
  /** An offer that it cannot keep: for edges that are told not to take it. */
  offersStartTls = true;
  readonly managed = new Map<string, StubConnection>();
  readonly #sessions = new Map<string, StubConnection>();
  readonly #server: Server;
  readonly #news = new News();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.connections.push(new StubConnection(this, socket)));
  }

  /** Listens on a free loopback port. */
  static async start(): Promise<StubServer> {
    const server = createServer().listen(0, '127.0.0.1');
    const stub = new StubServer(server);
    await once(server, 'listening');
    return stub;
  }

  get port(): number {
    const address = this.#server.address();
    return address && typeof address === 'object' ? address.port : 0;
  }

  /** The connection of a full JID, or the one with a stream of this id. */
  find(jidOrId: string): StubConnection {
    const found = this.#sessions.get(jidOrId) ?? this.connections.find((each) => each.ids.includes(jidOrId));
    if (!found) throw new Error(`the stub has no connection ${jidOrId}`);
    return found;
  }

  /** Resolves with the first connection whose stream header matches, also one that is yet to come. */
  async until(match: (header: Xml) => boolean, ms = 5000): Promise<StubConnection> {
    const found = await this.#news.until(() => this.connections.find((each) => each.headers.some(match)), ms);
    if (!found) throw new Error('no such stream was opened');
    return found;
  }

  /** A connection has a new stream header. */
  opened(): void {
    this.#news.tell();
  }

  bound(connection: StubConnection): void {
    if (connection.jid) this.#sessions.set(connection.jid, connection);
  }

  /** Delivers to a bound full JID; an iq request to anything else is refused. */
  route(stanza: Xml, from: StubConnection): void {
    const to = stanza.attr('to');
    const target = to === undefined ? undefined : this.#sessions.get(to);
    target?.write(stamped(stanza, from.jid ?? ''));
    if (target || stanza.name !== 'iq' || !['get', 'set'].includes(stanza.attr('type') ?? '')) return;
    const error = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
    from.write(`<iq type='error' id='${stanza.attr('id') ?? ''}'><error type='cancel'>${error}</error></iq>`);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}

/** The stanza's text with `from` set. */
function stamped({ raw, name, prefix }: Xml, from: string): string {
  const tag = prefix ? `${prefix}:${name}` : name;
  const end = raw.indexOf('>');
  const head = raw.slice(0, end).replace(/\sfrom=(['"]).*?\1/, '');
  return head.replace(`<${tag}`, `<${tag} from='${from}'`) + raw.slice(end);
}
