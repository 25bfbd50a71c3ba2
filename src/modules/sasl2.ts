// The extensible profile of SASL (XEP-0388): the same exchanges as RFC 6120's, in elements that have room for what a client
// wants besides. After success there is no new stream, only new features; what was asked for with it is done before it is
// said: first a session is resumed (XEP-0198), else a resource bound (XEP-0386). There are no further tasks.

import type { C2s } from '../core/c2s.js';
import type { StreamStanza } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { responseData, toText } from '../core/sasl/base64.js';
import { SaslError } from '../core/sasl/errors.js';
import type { Exchange, Setting, Step } from '../core/sasl/mechanism.js';
import type { Session } from '../core/session.js';
import type { Element } from '../xmpp/element.js';
import { StreamError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { type Dialect, LOGINS, type LoggedIn, type Logins } from './logins.js';
import { RESUMPTION } from './stream-management.js';

/** Longest id of a client; they are UUIDs. */
const LONGEST_ID = 100;

/** What a client asked for with `<authenticate/>`. */
export interface Authentication {
  readonly stream: C2s;
  readonly tree: Element;
  /** By which the client is known again; undefined: it did not say. */
  readonly agent: string | undefined;
}

/** Binds as part of a log-in (XEP-0386). */
export interface Bind2 {
  /** For `<inline/>`. */
  readonly feature: string;
  /** Calls `said` with the new session and its `<bound/>`, before anybody else knows of it; false: it cannot be bound. */
  bind(asked: Authentication, bind: Element, said: Said): Promise<boolean>;
}
export const BIND2 = new Part<Bind2>('bind2');

/** Tokens in place of a password (XEP-0484). */
export interface Fast {
  /** For `<inline/>`. */
  feature(stream: C2s): string;
  /** For `<fast/>`; undefined: that is no mechanism of it. Throws SaslError. */
  exchange(mechanism: string, asked: Authentication, setting: Setting): Exchange | undefined;
  /** The element with the client's next token, or nothing. Never rejects. */
  token(asked: Authentication, login: LoggedIn): Promise<string>;
}
export const FAST = new Part<Fast>('tokens');

/** Told of the session that the stream has now, and of what is to be said about it. */
export type Said = (session: Session, answer: string) => void;

export const FAST_NS = 'urn:xmpp:fast:0';
export const BIND2_NS = 'urn:xmpp:bind:0';

const REQUESTS = new Part<WeakMap<C2s, Authentication>>('what was asked for with a login');
const NOT_RESUMED = `<failed xmlns='${NS.sm3}'><item-not-found xmlns='${NS.stanzas}'/></failed>`;

export const sasl2: Module = {
  name: 'sasl2',
  about: 'Lets clients log in, resume or bind, and get their features, in one go.',
  specifications: [{ id: 'XEP-0388', name: 'Extensible SASL Profile', version: '1.0.4' }],
  needs: ['saslauth'],
  load(host) {
    const face = new Sasl2(
      host,
      host.use(LOGINS),
      host.keep(REQUESTS, () => new WeakMap()),
    );
    host.hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity === undefined && stream.secure) features.push(face.offer(stream));
    });
    host.hooks.nonza(NS.sasl2, (event) => face.heard(event));
  },
};

class Sasl2 implements Dialect {
  readonly #host: Host;
  readonly #logins: Logins;
  readonly #requests: WeakMap<C2s, Authentication>;

  constructor(host: Host, logins: Logins, requests: WeakMap<C2s, Authentication>) {
    this.#host = host;
    this.#logins = logins;
    this.#requests = requests;
  }

  /** Section 2.1. */
  offer(stream: C2s): string {
    const { names } = this.#logins.of(stream).offer();
    const mechanisms = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
    const inline = [
      this.#host.find(BIND2)?.feature,
      this.#host.find(RESUMPTION) && `<sm xmlns='${NS.sm3}'/>`,
      this.#host.find(FAST)?.feature(stream),
    ];
    const more = inline.some(Boolean) ? `<inline>${inline.join('')}</inline>` : '';
    return `<authentication xmlns='${NS.sasl2}'>${mechanisms}${more}</authentication>`;
  }

  heard({ stream, stanza }: StreamStanza): void {
    const { name } = stanza;
    if (name !== 'authenticate' && name !== 'response' && name !== 'abort')
      throw new StreamError('unsupported-stanza-type');
    this.#logins.of(stream).attempt(this, () => this.#step(stream, stanza));
  }

  #step(stream: C2s, { name, tree }: Stanza): Step | Promise<Step> {
    if (name === 'abort') throw new SaslError('aborted');
    if (name === 'response') return this.#logins.of(stream).respond(this, responseData(tree.getText()));
    if (!stream.secure) throw new SaslError('encryption-required');
    const asked = { stream, tree, agent: agentOf(tree) };
    this.#requests.set(stream, asked);
    const mechanism = tree.attrs.mechanism ?? '';
    const initial = tree.getChild('initial-response', NS.sasl2);
    const data = initial && responseData(initial.getText());
    const isFast = tree.getChild('fast', FAST_NS) !== undefined;
    const other = (setting: Setting) => this.#host.find(FAST)?.exchange(mechanism, asked, setting);
    return this.#logins.of(stream).begin(this, mechanism, data, isFast ? other : undefined);
  }

  challenge(stream: C2s, data: Buffer): void {
    say(stream, 'challenge', toText(data));
  }

  failure(stream: C2s, { condition, text }: SaslError): void {
    const said = text === undefined ? '' : `<text xml:lang='en'>${escapeText(text)}</text>`;
    say(stream, 'failure', `<${condition} xmlns='${NS.sasl}'/>${said}`);
  }

  /** What is asked for is done in this order (XEP-0386 section 3.2): a session that is resumed needs no resource. */
  async success(stream: C2s, login: LoggedIn): Promise<void> {
    const asked = this.#requests.get(stream);
    if (asked === undefined) return;
    this.#requests.delete(stream);
    const token = (await this.#host.find(FAST)?.token(asked, login)) ?? '';
    if (await this.#resumed(asked, welcome(stream, login, token))) return;
    const failed = asked.tree.getChild('resume', NS.sm3) && this.#host.find(RESUMPTION) ? NOT_RESUMED : '';
    const more = `${failed}${token}`;
    if (await this.#bound(asked, welcome(stream, login, more))) return;
    congratulate(stream, login, login.jid.toString(), more);
  }

  async #resumed({ stream, tree }: Authentication, said: Said): Promise<boolean> {
    const resume = tree.getChild('resume', NS.sm3);
    if (resume === undefined) return false;
    return (await this.#host.find(RESUMPTION)?.resume(stream, resume.attrs, said)) ?? false;
  }

  async #bound(asked: Authentication, said: Said): Promise<boolean> {
    const bind = asked.tree.getChild('bind', BIND2_NS);
    if (bind === undefined) return false;
    return (await this.#host.find(BIND2)?.bind(asked, bind, said)) ?? false;
  }
}

const welcome =
  (stream: C2s, login: LoggedIn, more: string): Said =>
  (session, answer) =>
    congratulate(stream, login, session.address, `${answer}${more}`);

/** Section 2.6.1: success, and the features of the same stream. */
function congratulate(stream: C2s, { data }: LoggedIn, address: string, more: string): void {
  const additional = data === undefined ? '' : `<additional-data>${toText(data)}</additional-data>`;
  const identifier = `<authorization-identifier>${escapeText(address)}</authorization-identifier>`;
  say(stream, 'success', `${additional}${identifier}${more}`);
  stream.offer();
}

function agentOf(tree: Element): string | undefined {
  const id = tree.getChild('user-agent', NS.sasl2)?.attrs.id ?? '';
  return id === '' || id.length > LONGEST_ID ? undefined : id;
}

function say(stream: C2s, name: string, content: string): void {
  stream.send(new Stanza(Buffer.from(`<${name} xmlns='${NS.sasl2}'>${content}</${name}>`), NS.sasl2));
}
