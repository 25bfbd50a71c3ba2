// A component that several clients of one account serve together. A request to any of its addresses is passed on to one of
// the clients, from an address that stands for the user; the answer goes back as if the component had given it. Whose an
// answer is, and who may give it, is kept here and never read from what a client says. Who is there is learnt from the
// account's presence, which the account has to let the component see.
//
// Beyond requests it carries, where it is told to, messages and presence, and requests of the clients to users who have
// spoken before. It keeps nothing beyond its own life, and carries no subscriptions.

import type { ClientProxyOptions } from '../config/modules.js';
import type { ComponentHost } from '../core/host.js';
import { checkIq } from '../core/iq.js';
import { STATE } from '../core/local-component.js';
import type { ComponentModule } from '../core/module.js';
import type { Routed } from '../core/routed.js';
import { Tokens } from '../tokens.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';
import { NS } from '../xmpp/ns.js';
import { Carrying } from './carrying.js';
import { ClientPool } from './client-pool.js';
import { ClientProxyCounts } from './client-proxy-counts.js';
import { Conversations } from './conversations.js';
import { maskOf } from './masks.js';
import { OpenRequests } from './open-requests.js';
import { ProxiedRequests } from './proxied-requests.js';
import { TargetSubscription } from './target-subscription.js';

interface Options {
  readonly name?: string;
  readonly target_address?: string;
  readonly client_proxy: ClientProxyOptions;
}

const INFO = 'http://jabber.org/protocol/disco#info';

export const clientProxy: ComponentModule<Options> = {
  name: 'client_proxy',
  about: 'Passes requests on to the clients of one account, which serve them together.',
  specifications: [],
  load(host, { name, target_address, client_proxy }) {
    if (target_address === undefined) throw new Error('client_proxy needs a target_address');
    const proxy = new ClientProxy(host, JID.parse(target_address).bare, client_proxy);
    const { hooks } = host;
    for (const to of ['host', 'bare', 'full'] as const) {
      hooks.on(`iq/${to}`, (routed) => proxy.iq(routed));
      hooks.on(`message/${to}`, (routed) => proxy.message(routed));
      hooks.on(`presence/${to}`, (routed) => proxy.presence(routed));
    }
    hooks.iq('get', 'host', INFO, 'query', () => {
      const identity = `<identity category='component' type='generic'${attribute('name', name)}/>`;
      return `<query xmlns='${INFO}'>${identity}<feature var='${INFO}'/></query>`;
    });
    hooks.on('component-up', () => proxy.up());
    hooks.on('component-down', () => proxy.down());
    hooks.on('sweep', ({ now }) => proxy.sweep(now));
    host.provide(STATE, () => proxy.state);
    return () => proxy.stop();
  },
};

class ClientProxy {
  readonly #clients: ClientPool;
  readonly #requests: ProxiedRequests;
  readonly #carrying: Carrying;
  readonly #subscription: TargetSubscription;
  readonly #counts: ClientProxyCounts;
  #up = false;

  constructor(
    readonly host: ComponentHost,
    readonly target: JID,
    readonly options: ClientProxyOptions,
  ) {
    const tokens = new Tokens();
    const open = new OpenRequests(options);
    const conversations = new Conversations(tokens, options.max_users);
    this.#clients = new ClientPool(options.policy, options.max_clients);
    this.#subscription = new TargetSubscription(host, target);
    this.#counts = new ClientProxyCounts(host, {
      clients: () => this.#clients.size,
      pending: () => open.size,
      subscribed: () => this.#subscription.state === 'subscribed',
    });
    this.#carrying = new Carrying(host, this.#clients, conversations);
    const told = { counts: this.#counts, clients: this.#clients, tokens, open, conversations };
    this.#requests = new ProxiedRequests(host, options, told);
  }

  /** For people. */
  get state(): string {
    const { size } = this.#clients;
    return `${size} ${size === 1 ? 'client' : 'clients'}, ${this.#subscription.state}`;
  }

  up(): void {
    this.#up = true;
    this.#subscription.up();
  }

  /** Who is there has to be learnt anew. What was asked is still waited for: it may be on its way. */
  down(): void {
    this.#up = false;
    this.#subscription.down();
    this.#clients.clear();
  }

  /** What is overdue while nobody can be told waits until somebody can. */
  sweep(now: number): void {
    if (!this.#up) return;
    this.#subscription.sweep(now);
    this.#requests.sweep(now);
  }

  stop(): void {
    this.#requests.stop();
    this.#counts.stop();
  }

  // What comes for it. True: it is done.

  iq(routed: Routed): boolean {
    checkIq(routed);
    const { type, from, to } = routed;
    const asks = type === 'get' || type === 'set';
    if (!this.#isOurs(from)) {
      if (asks) return this.#requests.asked(routed) || this.#nobody(routed);
      this.#requests.answered(routed, routed.stanza.id);
      return true;
    }
    const { request, user } = maskOf(to);
    if (!asks) this.#requests.answered(routed, request);
    else if (request === undefined && user === undefined) return false;
    else this.#requests.askUser(routed, user);
    return true;
  }

  /** What the component is, it says by itself then. */
  #nobody({ stanza, to }: Routed): boolean {
    if (stanza.payload?.ns === INFO && to.isBare) return false;
    throw this.#requests.unserved();
  }

  message(routed: Routed): boolean {
    if (!this.options.messages) throw new StanzaError('cancel', 'feature-not-implemented');
    if (this.#isOurs(routed.from)) this.#carrying.fromClient(routed);
    else this.#carrying.fromUser(routed);
    return true;
  }

  presence(routed: Routed): boolean {
    const { request, user } = maskOf(routed.to);
    if (!this.#isOurs(routed.from)) this.#usersPresence(routed);
    else if (request === undefined && user === undefined) this.#heard(routed);
    else if (this.options.messages && this.#carrying.isKnown(user)) this.#carrying.fromClient(routed);
    return true;
  }

  #usersPresence(routed: Routed): void {
    const { type } = routed;
    if (type === 'subscribe') throw new StanzaError('cancel', 'feature-not-implemented');
    if (!this.options.messages) {
      if (type === undefined) throw new StanzaError('cancel', 'bad-request');
    } else if (type === undefined) this.#carrying.fromUser(routed);
    else if (type === 'unavailable') this.#carrying.userLeft(routed);
  }

  // The account whose clients they are.

  #isOurs({ local, domain }: JID): boolean {
    return local === this.target.local && domain === this.target.domain;
  }

  /** Its presence, for the component itself. */
  #heard({ from, type, stanza }: Routed): void {
    switch (type) {
      case undefined:
        if (from.resource !== '') this.#arrived(from, priorityOf(stanza.tree));
        break;
      case 'unavailable':
        this.#left(from);
        break;
      case 'error':
        this.#left(from);
        if (from.resource === '') this.#subscription.lost('unreachable');
        break;
      case 'subscribed':
        this.#subscription.granted();
        break;
      case 'unsubscribed':
        this.#subscription.lost('refused');
        this.#left(this.target);
        break;
      case 'subscribe':
        this.#subscription.send('subscribed');
        this.#subscription.send();
        break;
      case 'probe':
        this.#subscription.send();
    }
  }

  #arrived(from: JID, priority: number): void {
    if (!this.#clients.seen(from, priority)) this.host.limited('client_proxy.max_clients');
  }

  /** One client, or all. */
  #left({ resource }: JID): void {
    const gone = resource === '' ? this.#clients.clear() : [this.#clients.gone(resource)];
    for (const client of gone) if (client !== undefined) this.#requests.left(client);
  }
}

/** RFC 6121 section 4.7.2.3; what is none counts as 0. */
function priorityOf(tree: Routed['stanza']['tree']): number {
  const text = tree.getChildText('priority', NS.client)?.trim() ?? '';
  const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : 0;
  return priority >= -128 && priority <= 127 ? priority : 0;
}
