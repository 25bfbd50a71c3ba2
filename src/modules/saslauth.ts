// SASL on a stream (RFC 6120 section 6): which mechanisms a client is offered, and the exchange of one of them. What the
// mechanisms say to each other is in core/sasl; that guessing takes long is the throttle's doing.

import type { C2s } from '../core/c2s.js';
import type { StreamStanza } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { initialData, responseData, toText } from '../core/sasl/base64.js';
import { SaslError } from '../core/sasl/errors.js';
import { challenge, type Exchange, type Step, type Success, unauthorized } from '../core/sasl/mechanism.js';
import { Mechanisms } from '../core/sasl/mechanisms.js';
import { LONGEST, Throttle } from '../core/throttle.js';
import { StoreError } from '../storage/store.js';
import { StreamError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';

/** Section 6.4.5 leaves 2 to 5 retries to us; the last failure ends the stream. */
const ATTEMPTS = 6;

/** As many again when nothing was judged: clients go through the mechanisms that they cannot do after all. */
const MISTAKES = 6;

const CHANNEL_BINDING = 'urn:xmpp:sasl-cb:0';

const THROTTLE = new Part<Throttle>('failed logins');
const LOGINS = new Part<WeakMap<C2s, Login>>('logins on their way');

export const saslauth: Module = {
  name: 'saslauth',
  about: 'Lets clients log in: SCRAM, PLAIN, EXTERNAL and ANONYMOUS.',
  specifications: [
    { id: 'RFC 6120', name: 'XMPP Core, section 6' },
    { id: 'RFC 5802', name: 'SCRAM' },
    { id: 'RFC 7677', name: 'SCRAM-SHA-256' },
    { id: 'RFC 9266', name: 'Channel binding for TLS 1.3' },
    { id: 'XEP-0175', name: 'Best Practices for Use of SASL ANONYMOUS', version: '1.2' },
    { id: 'XEP-0178', name: 'Best Practices for Use of SASL EXTERNAL with Certificates', version: '1.2' },
    { id: 'XEP-0440', name: 'SASL Channel-Binding Type Capability', version: '0.4.2' },
  ],
  load(host) {
    const limited = (limit: string) => host.limited(limit);
    const throttle = host.keep(THROTTLE, () => new Throttle(host, limited, () => host.now()));
    const logins = host.keep(LOGINS, () => new WeakMap());
    const loginOf = (stream: C2s): Login => {
      const login = logins.get(stream) ?? new Login(stream, host, throttle);
      logins.set(stream, login);
      return login;
    };
    host.hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity === undefined) features.push(...loginOf(stream).offer());
    });
    host.hooks.nonza(NS.sasl, ({ stream, stanza }) => loginOf(stream).heard({ stream, stanza }));
  },
};

/** What a client does to log in, on one stream. */
class Login {
  readonly #stream: C2s;
  readonly #host: Host;
  readonly #throttle: Throttle;
  #mechanisms: Mechanisms | undefined;
  /** Of the attempt that is on its way. */
  #exchange: Exchange | undefined;
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

  /** Section 6.3: stream features. What the connection can do may have changed since the last ones. */
  offer(): string[] {
    this.#reset();
    const { domain, options } = this.#host;
    this.#mechanisms = new Mechanisms(domain, this.#stream.client, options.auth);
    const { names, binding } = this.#mechanisms;
    const list = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
    const features = [`<mechanisms xmlns='${NS.sasl}'>${list}</mechanisms>`];
    if (binding === undefined) return features;
    const types = `<channel-binding type='${binding}'/>`;
    return [...features, `<sasl-channel-binding xmlns='${CHANNEL_BINDING}'>${types}</sasl-channel-binding>`];
  }

  heard({ stream, stanza }: StreamStanza): void {
    if (stream.identity !== undefined) throw new StreamError('policy-violation', 'this stream is authenticated');
    if (!['auth', 'response', 'abort'].includes(stanza.name)) throw new StreamError('unsupported-stanza-type');
    stream.hold(this.#attempt(stanza, this.#host.now()));
  }

  async #attempt(stanza: Stanza, began: number): Promise<void> {
    try {
      const step = await this.#step(stanza);
      if (step.kind === 'challenge') this.#say('challenge', toText(step.data));
      else await this.#succeed(step);
    } catch (error) {
      await this.#fail(this.#reason(error), began);
    }
  }

  /** Sections 6.4.2 to 6.4.4. */
  async #step(stanza: Stanza): Promise<Step> {
    const text = stanza.tree.getText();
    if (stanza.name === 'abort') throw new SaslError('aborted');
    if (stanza.name === 'auth') return this.#begin(stanza.attr('mechanism') ?? '', text);
    if (this.#exchange === undefined) throw new SaslError('malformed-request', 'no exchange is on its way');
    return this.#exchange.respond(responseData(text));
  }

  #begin(mechanism: string, text: string): Step | Promise<Step> {
    this.#reset();
    const data = initialData(text);
    const setting = { accounts: this.#host.accounts, admit: (username: string) => this.#admit(username) };
    this.#exchange = this.#mechanisms?.begin(mechanism, setting);
    this.#mechanism = mechanism;
    if (this.#exchange === undefined) throw new SaslError('invalid-mechanism');
    if (data !== undefined) return this.#exchange.respond(data);
    // The client waits for an empty challenge before it speaks; but with ANONYMOUS many have nothing to say.
    const nothing = Buffer.alloc(0);
    return mechanism === 'ANONYMOUS' ? this.#exchange.respond(nothing) : challenge(nothing);
  }

  #admit(username: string): void {
    this.#account = `${username}@${this.#host.domain}`;
    if (this.#throttle.refuses(this.#stream.client.remoteAddress, this.#account) === undefined) return;
    this.#refused = true;
    throw new SaslError('temporary-auth-failure', 'too many logins have failed; try again in a few minutes');
  }

  async #succeed({ username, anonymous, data }: Success): Promise<void> {
    const jid = JID.of(username, this.#host.domain);
    // It may have been deleted since its keys were read.
    if (!anonymous && !(await this.#host.accounts.exists(username))) throw unauthorized();
    const mechanism = this.#mechanism;
    if (this.#stream.over) return;
    if (!anonymous) this.#throttle.succeeded(this.#stream.client.remoteAddress, jid.toString());
    this.#reset();
    this.#stream.authenticated({ jid, anonymous, mechanism });
    this.#say('success', data === undefined ? '' : toText(data));
  }

  /** Section 6.4.5. The answer comes so long after the question, whatever work was done in between. */
  async #fail({ condition, text }: SaslError, began: number): Promise<void> {
    const { client } = this.#stream;
    const wait = this.#delay(condition) - (this.#host.now() - began);
    if (condition === 'not-authorized') this.#failures++;
    else this.#mistakes++;
    this.#host.log.info('auth_failed', { address: client.remoteAddress, mechanism: this.#mechanism, condition });
    this.#reset();
    if (wait > 0) await lapse(wait);
    const said = text === undefined ? '' : `<text xml:lang='en'>${escapeText(text)}</text>`;
    this.#say('failure', `<${condition}/>${said}`);
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
    this.#account = undefined;
    this.#refused = false;
    this.#mechanism = '';
  }

  #say(name: string, content: string): void {
    this.#stream.send(Stanza.from(`<${name} xmlns='${NS.sasl}'>${content}</${name}>`));
  }
}

function lapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
