// Service discovery (XEP-0030): what the host and its accounts are and can, gathered from all modules, and the host's
// entity capabilities (XEP-0115) in stream features. A client answers for itself.

import type { DiscoEvent, DiscoItemsEvent, IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { StanzaError } from '../xmpp/errors.js';
import { attribute } from '../xmpp/escape.js';
import { type DiscoInfo, described, verification } from './caps.js';
import { isShown, ROSTERS, type Rosters } from './rosters.js';
import { fetched } from './store-error.js';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const CAPS = 'http://jabber.org/protocol/caps';
const NAME = 'bosh-server';

export const disco: Module = {
  name: 'disco',
  about: 'Tells what the server and its accounts can.',
  specifications: [
    { id: 'XEP-0030', name: 'Service Discovery', version: '2.5.0' },
    { id: 'XEP-0115', name: 'Entity Capabilities', version: '1.6.0' },
  ],
  needs: ['roster'],
  load(host) {
    const { hooks } = host;
    const discovery = new Discovery(host, host.use(ROSTERS));
    hooks.iq('get', 'host', INFO, 'query', (request) => discovery.hostInfo(request));
    hooks.iq('get', 'host', ITEMS, 'query', (request) => discovery.hostItems(request));
    hooks.iq('get', 'account', INFO, 'query', (request) => discovery.accountInfo(request));
    hooks.iq('get', 'account', ITEMS, 'query', (request) => discovery.accountItems(request));
    hooks.on('stream-features', ({ features }) => void features.push(discovery.capabilities()));
  },
};

class Discovery {
  /** The hash of what was described last: it changes only when modules come and go. */
  #hashed = { text: '', ver: '' };

  constructor(
    readonly host: Host,
    readonly rosters: Rosters,
  ) {}

  /** XEP-0115 section 6.2.1: a stream feature. */
  capabilities(): string {
    const ver = this.#ver(this.#aboutHost(this.host.jid));
    return `<c xmlns='${CAPS}' hash='sha-1' node='${NAME}'${attribute('ver', ver)}/>`;
  }

  hostInfo({ from, payload }: IqRequest): string {
    const { node } = payload.attrs;
    const info = this.#aboutHost(from);
    if (node === undefined || node === `${NAME}#${this.#ver(info)}`) return infoXml(info, node);
    const event = emptyInfo(from, this.host.jid, node);
    return this.host.run('disco-node/host', event) ? infoXml(event, node) : notFound();
  }

  async accountInfo(request: IqRequest): Promise<string> {
    const { from, to, own, payload, session } = request;
    const { node } = payload.attrs;
    if (!(await fetched(isShown(this.rosters, request)))) throw new StanzaError('cancel', 'service-unavailable');
    const event = emptyInfo(from, to, node);
    await this.#asking(to.local, node);
    if (node !== undefined) return this.host.run('disco-node/account', event) ? infoXml(event, node) : notFound();
    event.identities.push({ category: 'account', type: own && session?.anonymous ? 'anonymous' : 'registered' });
    event.features.add(INFO).add(ITEMS);
    this.host.tell('disco/account', event);
    return infoXml(event, node);
  }

  hostItems({ from, payload }: IqRequest): string {
    const { node } = payload.attrs;
    const event: DiscoItemsEvent = { from, to: this.host.jid, node, items: [] };
    if (node === undefined) this.host.tell('disco-items/host', event);
    else if (!this.host.run('disco-node-items/host', event)) notFound();
    return itemsXml(event);
  }

  /** Section 8: whoever must not know is told that there is nothing. */
  async accountItems(request: IqRequest): Promise<string> {
    const { from, to, payload } = request;
    const { node } = payload.attrs;
    const event: DiscoItemsEvent = { from, to, node, items: [] };
    if (!(await fetched(isShown(this.rosters, request)))) return itemsXml(event);
    await this.#asking(to.local, node);
    if (node === undefined) this.host.tell('disco-items/account', event);
    else if (!this.host.run('disco-node-items/account', event)) notFound();
    return itemsXml(event);
  }

  async #asking(username: string, node: string | undefined): Promise<void> {
    const waits: Promise<unknown>[] = [];
    this.host.tell('disco-asking/account', { username, node, waits });
    await fetched(Promise.all(waits));
  }

  #aboutHost(from: DiscoEvent['from']): DiscoEvent {
    const event = emptyInfo(from, this.host.jid, undefined);
    event.identities.push({ category: 'server', type: 'im', name: NAME });
    event.features.add(INFO).add(ITEMS).add(CAPS);
    this.host.tell('disco/host', event);
    return event;
  }

  #ver(info: DiscoInfo): string {
    const text = described(info);
    if (text !== this.#hashed.text) this.#hashed = { text, ver: verification(text) };
    return this.#hashed.ver;
  }
}

function emptyInfo(from: DiscoEvent['from'], to: DiscoEvent['to'], node: string | undefined): DiscoEvent {
  return { from, to, node, features: new Set(), identities: [], extensions: [] };
}

function notFound(): never {
  throw new StanzaError('cancel', 'item-not-found');
}

function infoXml({ identities, features, extensions }: DiscoInfo, node: string | undefined): string {
  const who = identities.map(
    ({ category, type, name }) =>
      `<identity${attribute('category', category)}${attribute('type', type)}${attribute('name', name)}/>`,
  );
  const what = [...features].map((feature) => `<feature${attribute('var', feature)}/>`);
  return `<query xmlns='${INFO}'${attribute('node', node)}>${[...who, ...what, ...extensions].join('')}</query>`;
}

function itemsXml({ items, node }: DiscoItemsEvent): string {
  const all = items.map(
    (item) => `<item${attribute('jid', item.jid)}${attribute('name', item.name)}${attribute('node', item.node)}/>`,
  );
  return `<query xmlns='${ITEMS}'${attribute('node', node)}>${all.join('')}</query>`;
}
