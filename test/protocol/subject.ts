// The server under test. By default it is ours, started as a child process in front of a stub server with the options that a
// suite asks for; with CONFORMANCE_BOSH or CONFORMANCE_WS set it is whatever answers at those URLs, and what needs our options
// or the stub's cooperation is skipped with the reason in the title.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, it, type TestContext } from 'vitest';
import {
  type Answer,
  type Attributes,
  BoshSession,
  body,
  creation,
  type PostOptions,
  post,
} from '../support/bosh-client.js';
import { freePort } from '../support/peers/process.js';
import { type Credentials, login } from '../support/sasl.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { type StubConnection, StubServer } from '../support/stub-server.js';
import { WsClient } from '../support/ws-client.js';

const { CONFORMANCE_BOSH, CONFORMANCE_WS, CONFORMANCE_DOMAIN, CONFORMANCE_USER, CONFORMANCE_PASSWORD } = process.env;
const FOREIGN = Boolean(CONFORMANCE_BOSH ?? CONFORMANCE_WS);
const ANONYMOUS = Boolean(process.env.CONFORMANCE_ANONYMOUS);
/** Of our own server. */
const WORKERS = Number(process.env.CONFORMANCE_WORKERS ?? 1);

/** Subdomains of the stub's domain that misbehave on purpose. */
const ODD = ['silent', 'late', 'error', 'unknown', 'fin'];

type Body = (context: TestContext) => Promise<unknown>;

export class Subject {
  stub: StubServer | undefined;
  server: ServerProcess | undefined;

  constructor(readonly config: Readonly<Record<string, unknown>>) {}

  async start(): Promise<void> {
    if (FOREIGN) return;
    this.stub = await StubServer.start();
    const upstream = { host: '127.0.0.1', port: this.stub.port, tls: 'none' };
    const upstreams: Record<string, unknown> = { 'test.example': upstream };
    for (const odd of ODD) upstreams[`${odd}.test.example`] = upstream;
    upstreams['dead.test.example'] = { ...upstream, port: await freePort() };
    const config = { upstreams, limits: { rates: false }, logging: 'WARN', workers: WORKERS, ...this.config };
    this.server = await startServer({ config });
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    await this.stub?.stop();
  }

  get domain(): string {
    return FOREIGN ? (CONFORMANCE_DOMAIN ?? 'localhost') : 'test.example';
  }

  get bosh(): string {
    return CONFORMANCE_BOSH ?? this.#own.bosh;
  }

  get ws(): string {
    return CONFORMANCE_WS ?? this.#own.ws;
  }

  /** The server's origin. */
  get origin(): string {
    return new URL(this.bosh).origin;
  }

  get credentials(): Credentials {
    if (ANONYMOUS) return {};
    if (FOREIGN) return { user: CONFORMANCE_USER, password: CONFORMANCE_PASSWORD };
    return { user: `u${randomBytes(4).toString('hex')}`, password: 'secret', mechanism: 'PLAIN' };
  }

  /** A session before login. */
  session(attrs?: Attributes, options?: PostOptions): Promise<BoshSession> {
    return BoshSession.create(this.bosh, this.domain, attrs, options);
  }

  /** The answer to a session creation request. */
  create(attrs: Attributes = {}, options?: PostOptions): Promise<Answer> {
    return post(this.bosh, body(creation(this.domain, attrs)), options);
  }

  /** A session after login, and its full JID. */
  async user(attrs?: Attributes): Promise<{ session: BoshSession; jid: string }> {
    const session = await this.session(attrs);
    return { session, jid: await login(session, this.credentials) };
  }

  /** A WebSocket stream after login, and its full JID. */
  async webSocketUser(): Promise<{ client: WsClient; jid: string }> {
    const client = await WsClient.open(this.ws, this.domain);
    return { client, jid: await login(client, this.credentials) };
  }

  /** The stub's end of a stream, by full JID or stream id. */
  backend(jidOrId: string): StubConnection {
    if (!this.stub) throw new Error('no stub behind a foreign server');
    return this.stub.find(jidOrId);
  }

  /** A user and the stub's end of his stream. */
  async pair(attrs?: Attributes): Promise<{ session: BoshSession; jid: string; backend: StubConnection }> {
    const { session, jid } = await this.user(attrs);
    return { session, jid, backend: this.backend(jid) };
  }

  get #own(): ServerProcess {
    if (!this.server) throw new Error('no URL of this kind was given');
    return this.server;
  }
}

/** The subject of a suite: started before its tests, stopped after them. */
export function subject(config: Readonly<Record<string, unknown>> = {}): Subject {
  const started = new Subject(config);
  beforeAll(() => started.start());
  afterAll(() => started.stop());
  return started;
}

/** How the tests of a suite over one transport are declared; all of a suite run at the same time. */
export function clauses(transport: 'bosh' | 'ws') {
  const url = transport === 'bosh' ? CONFORMANCE_BOSH : CONFORMANCE_WS;
  const absent = FOREIGN && !url ? `no --${transport} URL was given` : undefined;
  const stranger = CONFORMANCE_USER || ANONYMOUS ? undefined : 'needs --user and --password';
  const declare = (title: string, test: Body, reason: string | undefined): void => {
    if (reason === undefined) it.concurrent(title, test);
    else it.skip(`${title} (skipped: ${reason})`, () => {});
  };
  type Clause = (title: string, test: Body) => void;
  const overtaken = 'requests on several connections may overtake each other on their way to a worker';
  return {
    /** The same where several requests at once have to be heard in the order in which they were sent. */
    inOrder: (clause: Clause): Clause => (WORKERS === 1 ? clause : (title, test) => declare(title, test, overtaken)),
    /** Can be seen on any server. */
    any: (title: string, test: Body): void => declare(title, test, absent),
    /** Needs an account. */
    user: (title: string, test: Body): void => declare(title, test, absent ?? (FOREIGN ? stranger : undefined)),
    /** Needs our server's options, or the stub behind it. */
    ours: (title: string, test: Body): void =>
      declare(title, test, FOREIGN ? 'needs our own options or the stub server behind it' : undefined),
  };
}

/** A message with a body. */
export function message(to: string, text: string): string {
  return `<message xmlns='jabber:client' to='${to}' type='chat'><body>${text}</body></message>`;
}

/** Resolves with what a promise became, or undefined when it is still open after the time. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Whether a promise is still open: for requests that must be held. */
export async function isHeld(promise: Promise<unknown>, ms = 300): Promise<boolean> {
  return (
    (await within(
      promise.then(() => true),
      ms,
    )) === undefined
  );
}
