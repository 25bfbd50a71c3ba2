// Tokens in place of a password (XEP-0484): a client that has logged in gets one for the next time, which then takes one
// round trip and no password. Tokens are of one client, known by the id of its user agent, and of one mechanism. They are
// not taken from TLS early data, which is not offered.

import type { ModuleOptions } from '../config/modules.js';
import type { C2s } from '../core/c2s.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { HashedToken, TOKEN_MECHANISMS, type TokenMechanism } from '../core/sasl/hashed-token.js';
import { type Exchange, malformed, type Setting } from '../core/sasl/mechanism.js';
import { escapeAttribute } from '../xmpp/escape.js';
import { Tokens } from './fast-tokens.js';
import type { LoggedIn } from './logins.js';
import { type Authentication, FAST, FAST_NS, type Fast } from './sasl2.js';

const DAY = 86_400_000;

export const fast: Module<ModuleOptions['fast']> = {
  name: 'fast',
  about: 'Gives clients tokens that they log in with the next time, without a password.',
  specifications: [{ id: 'XEP-0484', name: 'Fast Authentication Streamlining Tokens', version: '0.2.0' }],
  needs: ['sasl2'],
  load(host, options) {
    const limited = () => host.limited('fast.max_clients');
    const tokens = new Tokens(host.open('fast', 'map'), host.accounts, options, limited);
    host.provide(FAST, new Desk(host, tokens, options.days * DAY));
    host.hooks.on('account-deleted', ({ username, waits }) => void waits.push(tokens.remove(username)));
  },
};

class Desk implements Fast {
  readonly #host: Host;
  readonly #tokens: Tokens;
  /** Milliseconds. */
  readonly #lifetime: number;
  /** Of streams that were authenticated with a token: when that expires. */
  readonly #used = new WeakMap<C2s, number>();

  constructor(host: Host, tokens: Tokens, lifetime: number) {
    this.#host = host;
    this.#tokens = tokens;
    this.#lifetime = lifetime;
  }

  feature({ client }: C2s): string {
    const list = mechanismsOf(client).map((name) => `<mechanism>${name}</mechanism>`);
    return `<fast xmlns='${FAST_NS}'>${list.join('')}</fast>`;
  }

  exchange(name: string, { stream, tree, agent }: Authentication, setting: Setting): Exchange | undefined {
    const mechanism = mechanismsOf(setting.client).find((each) => each === name);
    if (mechanism === undefined) return undefined;
    if (agent === undefined) throw malformed('a token without the id of its user agent');
    const { count, invalidate } = tree.getChild('fast', FAST_NS)?.attrs ?? {};
    const use = {
      agent,
      mechanism,
      binding: mechanism === 'HT-SHA-256-EXPR' ? setting.client.tls?.exporter() : undefined,
      count: countOf(count),
      invalidate: isTrue(invalidate),
      used: (expires: number) => void this.#used.set(stream, expires),
    };
    return new HashedToken(setting, (username, proof) => this.#tokens.judge({ ...use, username, proof }));
  }

  async token({ stream, tree, agent }: Authentication, login: LoggedIn): Promise<string> {
    const asked = tree.getChild('request-token', FAST_NS)?.attrs.mechanism ?? this.#due(stream, tree, login);
    const mechanism = mechanismsOf(stream.client).find((each) => each === asked);
    if (mechanism === undefined || agent === undefined || login.anonymous) return '';
    try {
      return written(await this.#tokens.issue(login.jid.local, agent, mechanism));
    } catch (error) {
      // It is logged in all the same.
      this.#host.log.error('tokens_failed', { error });
      return '';
    }
  }

  /** Section 3.5: the mechanism of a token that has less than half of its time left. */
  #due(stream: C2s, tree: Authentication['tree'], { mechanism }: LoggedIn): string | undefined {
    const expires = this.#used.get(stream);
    if (expires === undefined || isTrue(tree.getChild('fast', FAST_NS)?.attrs.invalidate)) return undefined;
    return (expires - Date.now()) * 2 < this.#lifetime ? mechanism : undefined;
  }
}

/** What a client can be given a token for. */
function mechanismsOf({ tls }: Setting['client']): readonly TokenMechanism[] {
  return TOKEN_MECHANISMS.filter((name) => name === 'HT-SHA-256-NONE' || tls?.exporter() !== undefined);
}

function written(issued: Awaited<ReturnType<Tokens['issue']>>): string {
  if (issued === undefined) return '';
  const expiry = issued.expires.toISOString().replace(/\.\d+Z$/, 'Z');
  return `<token xmlns='${FAST_NS}' expiry='${expiry}' token='${escapeAttribute(issued.token)}'/>`;
}

function countOf(text: string | undefined): number | undefined {
  if (text !== undefined && !/^\d{1,10}$/.test(text)) throw malformed('a count that is none');
  return text === undefined ? undefined : Number(text);
}

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1';
