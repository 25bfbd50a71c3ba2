// The session engine in a bottle: a clock that goes when told, connections that remember what they were answered, and
// servers that remember what they were told.

import type { BoshResponse, Held } from '../../src/bosh/held.js';
import { type BoshOptions, Sessions } from '../../src/bosh/sessions.js';
import type { Log } from '../../src/log.js';
import { Metrics } from '../../src/metrics.js';
import type { ClientStream, Ending, StreamEnd, Tls } from '../../src/stream/end.js';
import type { StreamHeader } from '../../src/xmpp/header.js';
import { NS } from '../../src/xmpp/ns.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { parseXml, type Xml } from './xml.js';

export const OPTIONS: BoshOptions = {
  max_bosh_connections: 2,
  window_size: 2,
  default_inactivity: 70,
  max_inactivity: 160,
  default_wait: 60,
  max_wait: 120,
  max_pause: 120,
  polling: 2,
  max_streams_per_session: 8,
  features_timeout: 1,
  pidgin_compatible: true,
  compression: true,
  route_filter: null,
  limits: {
    queue_soft: 262144,
    queue_hard: 1048576,
    window_bytes: 1048576,
    depth: 64,
    elements: 10000,
    attributes: 64,
  },
};

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** Time that stands still until it is moved. */
export class FakeClock {
  time = 1000;
  #turn: Array<{ flush(): void }> = [];

  now(): number {
    return this.time;
  }

  soon(flush: { flush(): void }): void {
    this.#turn.push(flush);
  }

  /** Ends the turn, and those that this one starts. */
  turn(): void {
    while (this.#turn.length > 0) {
      const turn = this.#turn;
      this.#turn = [];
      for (const one of turn) one.flush();
    }
  }
}

/** One HTTP request. */
export class FakeHeld implements Held {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 4711;
  response: BoshResponse | undefined;
  dropped = false;
  readonly connection = { broke: false };
  answers = 0;
  answeredAt = 0;

  constructor(
    readonly clock: FakeClock,
    readonly secure = false,
    readonly tls?: Tls,
  ) {}

  reply(response: BoshResponse): void {
    this.answers++;
    this.response = response;
    this.answeredAt = this.clock.time;
  }

  drop(): void {
    this.answers++;
    this.dropped = true;
  }

  get waits(): boolean {
    return this.answers === 0;
  }

  get text(): string {
    if (!this.response) throw new Error('not answered');
    return this.response.body.toString();
  }

  get body(): Xml {
    return parseXml(this.text);
  }

  /** `terminate item-not-found`, `error`, `HTTP 404`, or an empty string. */
  get verdict(): string {
    if (this.response && this.response.status !== 200) return `HTTP ${this.response.status}`;
    return [this.body.attr('type'), this.body.attr('condition')].filter((word) => word !== undefined).join(' ');
  }
}

/** A server's end of one stream. */
export class FakeServer implements StreamEnd {
  readonly headers: StreamHeader[];
  readonly received: Stanza[] = [];
  drains = 0;
  closed: Ending | undefined;
  closes = 0;
  /** What `stanza` returns. */
  ready = true;
  /** Called with every stanza. */
  onStanza: (stanza: Stanza) => void = () => {};

  constructor(
    readonly client: ClientStream,
    header: StreamHeader,
  ) {
    this.headers = [header];
  }

  open(header: StreamHeader): void {
    this.headers.push(header);
  }

  stanza(stanza: Stanza): boolean {
    if (this.closed) throw new Error('a stanza behind the end');
    this.received.push(stanza);
    this.onStanza(stanza);
    return this.ready;
  }

  drain(): void {
    this.drains++;
  }

  close(ending: Ending): void {
    this.closes++;
    this.closed = ending;
  }

  /** Says something to the client. */
  say(xml: string): boolean {
    return this.client.stanza(Stanza.from(xml));
  }

  /** Opens the stream and offers something. */
  welcome(id = 's1', offers = `<mechanisms xmlns='${NS.sasl}'><mechanism>PLAIN</mechanism></mechanisms>`): void {
    this.client.open({ from: 'example.com', id, version: '1.0' });
    this.say(`<stream:features xmlns:stream='${NS.stream}'>${offers}</stream:features>`);
  }

  /** The ids of the stanzas it got. */
  get ids(): Array<string | undefined> {
    return this.received.map((stanza) => stanza.id);
  }
}

/** A client's own TLS connection, with a certificate of this fingerprint. */
export function shown(fingerprint?: string, ...addresses: string[]): Tls {
  const certificate = fingerprint === undefined ? undefined : { fingerprint, addresses };
  return { version: 'TLSv1.3', exporter: () => Buffer.alloc(32), certificate };
}

export const message = (id: string, text = '') =>
  `<message xmlns='${NS.client}' id='${id}'><body>${text}</body></message>`;

export type Attributes = Record<string, string | number | undefined>;

const written = (attributes: Attributes) =>
  Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${value}'`)
    .join('');

/** Everything around one `Sessions`. */
export class Engine {
  readonly clock = new FakeClock();
  readonly servers: FakeServer[] = [];
  readonly sessions: Sessions;
  readonly options: BoshOptions;
  readonly metrics = new Metrics();
  /** Called with every new server. */
  onAttach: (server: FakeServer) => void = () => {};

  constructor(options: Partial<BoshOptions> = {}, log: Log = quiet) {
    this.options = { ...OPTIONS, ...options };
    const upstream = {
      attach: (client: ClientStream, header: StreamHeader) => {
        const server = new FakeServer(client, header);
        this.servers.push(server);
        this.onAttach(server);
        return server;
      },
      stop: async () => {},
    };
    const { clock, metrics } = this;
    this.sessions = new Sessions(this.options, { upstream, clock, log, metrics, node: 'n' });
  }

  get server(): FakeServer {
    return this.servers[0];
  }

  /** Sends these bytes and ends the turn. */
  send(bytes: string | Buffer, secure = false, tls?: Tls): FakeHeld {
    const held = new FakeHeld(this.clock, secure, tls);
    this.sessions.request(Buffer.from(bytes), held);
    this.clock.turn();
    return held;
  }

  post(attributes: Attributes, payload = '', secure = false, tls?: Tls): FakeHeld {
    return this.send(`<body xmlns='${NS.httpbind}'${written(attributes)}>${payload}</body>`, secure, tls);
  }

  /** Says something as the first server and ends the turn. */
  say(xml: string, server = this.server): boolean {
    const more = server.say(xml);
    this.clock.turn();
    return more;
  }

  /** Lets time pass, with a sweep every 100 ms. */
  pass(milliseconds: number): void {
    const until = this.clock.time + milliseconds;
    while (this.clock.time < until) {
      this.clock.time = Math.min(until, this.clock.time + 100);
      this.sweep();
    }
  }

  sweep(): void {
    this.sessions.sweep();
    this.clock.turn();
  }

  /** The series of this name, without the prefix. */
  async series(name: string): Promise<string[]> {
    const lines = (await this.metrics.text()).split('\n').filter((line) => line.startsWith(`bosh_${name}{`));
    return lines.map((line) => line.slice('bosh_'.length));
  }
}

/** A session with its first stream open and its features delivered. */
export class Client {
  readonly engine: Engine;
  readonly creation: FakeHeld;
  readonly sid: string;
  readonly server: FakeServer;
  /** The rid of the last request. */
  rid: number;

  constructor(
    attributes: Attributes = {},
    options: Partial<BoshOptions> = {},
    engine = new Engine(options),
    secure = false,
    tls?: Tls,
  ) {
    this.engine = engine;
    this.rid = 1000;
    const count = engine.servers.length;
    this.creation = engine.post({ ...CREATION, rid: this.rid, ...attributes }, '', secure, tls);
    this.server = engine.servers[count];
    if (this.creation.waits) this.server.welcome();
    engine.clock.turn();
    this.sid = this.creation.body.attr('sid') ?? '';
  }

  /** The next request. */
  next(attributes: Attributes = {}, payload = ''): FakeHeld {
    return this.at(++this.rid, attributes, payload);
  }

  /** A request with this rid. */
  at(rid: number, attributes: Attributes = {}, payload = ''): FakeHeld {
    return this.engine.post({ rid, sid: this.sid, ...attributes }, payload);
  }
}

export const CREATION: Attributes = {
  to: 'example.com',
  ver: '1.11',
  wait: 60,
  hold: 1,
  'xmpp:version': '1.0',
  'xmlns:xmpp': NS.xbosh,
};
