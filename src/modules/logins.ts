// What clients do to log in, on their streams: the exchange of a mechanism, whatever it is written in, and what becomes of
// failures. How a message stands in XML is the business of a dialect (RFC 6120 section 6, XEP-0388).

import type { C2s, Identity } from '../core/c2s.js';
import type { Host } from '../core/host.js';
import { Part } from '../core/parts.js';
import { SaslError } from '../core/sasl/errors.js';
import {
  challenge,
  type Exchange,
  malformed,
  type Setting,
  type Step,
  type Success,
  unauthorized,
} from '../core/sasl/mechanism.js';
import { Mechanisms } from '../core/sasl/mechanisms.js';
import { LONGEST, type Throttle } from '../core/throttle.js';
import { StoreError } from '../storage/store.js';
import { StreamError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';

/** RFC 6120 section 6.4.5 leaves 2 to 5 retries to us; the last failure ends the stream. */
const ATTEMPTS = 6;

/** As many again when nothing was judged: clients go through the mechanisms that they cannot do after all. */
const MISTAKES = 6;

/** Who has logged in, and what the mechanism says last. */
export interface LoggedIn extends Identity {
  readonly data: Buffer | undefined;
}

/** How the server says what an exchange comes to. */
export interface Dialect {
  challenge(stream: C2s, data: Buffer): void;
  failure(stream: C2s, error: SaslError): void;
  /** The stream is authenticated. What this throws ends it. */
  success(stream: C2s, login: LoggedIn): void | Promise<void>;
}

/** A mechanism that is none of those which all may use; undefined: it is not this one. */
export type Other = (setting: Setting) => Exchange | undefined;

/** The log-ins of one host, by their streams. */
export interface Logins {
  of(stream: C2s): Login;
}
export const LOGINS = new Part<Logins>('logins');

/** What a client does to log in, on one stream. */
export class Login {
  readonly #stream: C2s;
  readonly #host: Host;
  readonly #throttle: Throttle;
  #mechanisms: Mechanisms | undefined;
  /** Of the attempt that is on its way. */
  #exchange: Exchange | undefined;
  #dialect: Dialect | undefined;
  #mechanism = '';
  /** Bare JID, once the client has said whose it is. */
  #account: string | undefined;
  /** The throttle let it not be judged. */
  #refused = false;
  #failures = 0;
  #mistakes = 0;

  constructor(stream: C2s, host: Host, throttle: Throttle) {
    this.#stream = stream;
    this.#host = host;
    this.#throttle = throttle;
  }

  /** Section 6.3: for stream features. What the connection can do may have changed since the last ones. */
  offer(): Mechanisms {
    this.#reset();
    const { domain, options } = this.#host;
    this.#mechanisms = new Mechanisms(domain, this.#stream.client, options.auth);
    return this.#mechanisms;
  }

  /** A message of the client: what it comes to is said in this dialect, and further ones wait for that. */
  attempt(dialect: Dialect, step: () => Step | Promise<Step>): void {
    if (this.#stream.identity !== undefined) throw new StreamError('policy-violation', 'this stream is authenticated');
    this.#stream.hold(this.#attempt(dialect, step, this.#host.now()));
  }

  /** The step of a client that begins; `data`: its initial response, where there is one. */
  begin(dialect: Dialect, mechanism: string, data: Buffer | undefined, other?: Other): Step | Promise<Step> {
    this.#reset();
    this.#mechanism = mechanism;
    const { domain, accounts } = this.#host;
    const { client } = this.#stream;
    const setting = { domain, client, accounts, admit: (username: string) => this.#admit(username) };
    const exchange = other?.(setting) ?? this.#mechanisms?.begin(mechanism, setting);
    if (exchange === undefined) throw new SaslError('invalid-mechanism');
    this.#exchange = exchange;
    this.#dialect = dialect;
    if (data !== undefined) return exchange.respond(data);
    // The client waits for an empty challenge before it speaks; but with ANONYMOUS many have nothing to say.
    const nothing = Buffer.alloc(0);
    return mechanism === 'ANONYMOUS' ? exchange.respond(nothing) : challenge(nothing);
  }

  /** The step of a client that goes on. */
  respond(dialect: Dialect, data: Buffer): Step | Promise<Step> {
    if (this.#exchange === undefined || this.#dialect !== dialect) throw malformed('no exchange is on its way');
    return this.#exchange.respond(data);
  }

  async #attempt(dialect: Dialect, step: () => Step | Promise<Step>, began: number): Promise<void> {
    let done: Step;
    try {
      done = await step();
      if (done.kind === 'success') await this.#confirm(done);
    } catch (error) {
      await this.#fail(dialect, this.#reason(error), began);
      return;
    }
    if (done.kind === 'challenge') dialect.challenge(this.#stream, done.data);
    else await this.#succeed(dialect, done);
  }

  #admit(username: string): void {
    this.#account = `${username}@${this.#host.domain}`;
    if (this.#throttle.refuses(this.#stream.client.remoteAddress, this.#account) === undefined) return;
    this.#refused = true;
    throw new SaslError('temporary-auth-failure', 'too many logins have failed; try again in a few minutes');
  }

  /** It may have been deleted since its keys were read. That it is disabled is told to who has proved to be its owner. */
  async #confirm({ username, anonymous }: Success): Promise<void> {
    if (anonymous) return;
    const standing = await this.#host.accounts.standing(username);
    if (standing === undefined) throw unauthorized();
    if (standing === 'disabled') throw new SaslError('account-disabled');
  }

  async #succeed(dialect: Dialect, { username, anonymous, data }: Success): Promise<void> {
    const jid = JID.of(username, this.#host.domain);
    const mechanism = this.#mechanism;
    if (this.#stream.over) return;
    if (!anonymous) this.#throttle.succeeded(this.#stream.client.remoteAddress, jid.toString());
    this.#reset();
    this.#stream.authenticated({ jid, anonymous, mechanism });
    await dialect.success(this.#stream, { jid, anonymous, mechanism, data });
  }

  /** Section 6.4.5. The answer comes so long after the question, whatever work was done in between. */
  async #fail(dialect: Dialect, error: SaslError, began: number): Promise<void> {
    const { client } = this.#stream;
    const { condition } = error;
    const wait = this.#delay(condition) - (this.#host.now() - began);
    if (condition === 'not-authorized') this.#failures++;
    else this.#mistakes++;
    this.#host.log.info('auth_failed', { address: client.remoteAddress, mechanism: this.#mechanism, condition });
    this.#reset();
    if (wait > 0) await lapse(wait);
    dialect.failure(this.#stream, error);
    if (this.#failures >= ATTEMPTS || this.#mistakes > MISTAKES)
      throw new StreamError('policy-violation', 'too many logins have failed');
  }

  /** Only who may have guessed has to wait. */
  #delay(condition: SaslError['condition']): number {
    if (this.#refused) return LONGEST;
    if (condition !== 'not-authorized') return 0;
    return this.#throttle.failed(this.#stream.client.remoteAddress, this.#account);
  }

  /** What is no failure of the client is thrown on. */
  #reason(error: unknown): SaslError {
    if (error instanceof SaslError) return error;
    if (!(error instanceof StoreError)) throw error;
    this.#host.log.error('accounts_failed', { error });
    return new SaslError('temporary-auth-failure');
  }

  #reset(): void {
    this.#exchange = undefined;
    this.#dialect = undefined;
    this.#account = undefined;
    this.#refused = false;
    this.#mechanism = '';
  }
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
