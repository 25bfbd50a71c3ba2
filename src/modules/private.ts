// Private XML storage (XEP-0049): elements that clients keep for themselves, one under each name and namespace. An element
// with nothing in it takes no room: whoever asks for one that is not there gets it back as he wrote it.

import type { ModuleOptions } from '../config/modules.js';
import type { DONE, IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Turns } from '../core/turns.js';
import type { MapStore } from '../storage/store.js';
import { type Element, standalone } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { fetched, stored } from './store-error.js';

const PRIVATE = 'jabber:iq:private';

export const privateXml: Module<ModuleOptions['private']> = {
  name: 'private',
  about: 'Keeps what clients store for themselves.',
  specifications: [{ id: 'XEP-0049', name: 'Private XML Storage', version: '1.2' }],
  load(host, options) {
    const { hooks } = host;
    const drawers = new Drawers(host, host.open('private', 'map'), options);
    hooks.iq('get', 'own', PRIVATE, 'query', (request) => drawers.get(request));
    hooks.iq('set', 'own', PRIVATE, 'query', (request) => drawers.set(request));
    for (const type of ['get', 'set'] as const) {
      hooks.iq(type, 'account', PRIVATE, 'query', () => {
        throw new StanzaError('auth', 'forbidden');
      });
    }
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(drawers.remove(username)));
    hooks.on('disco/host', ({ features }) => void features.add(PRIVATE));
  },
};

/** What is kept, by account and `{namespace}name`; undefined: nothing of that name. */
type Kept = Map<string, string | undefined>;

class Drawers {
  readonly #turns = new Turns();

  constructor(
    readonly host: Host,
    readonly store: MapStore,
    readonly options: ModuleOptions['private'],
  ) {}

  async get({ from, payload }: IqRequest): Promise<string> {
    const asked = payload.getChildElements();
    if (asked.length === 0) throw new StanzaError('modify', 'bad-request', 'an element to look for');
    const found = asked.map(async (element) => {
      const kept = await fetched(this.store.get(from.local, nameOf(element)));
      return kept === undefined ? standalone(element) : String(kept);
    });
    return `<query xmlns='${PRIVATE}'>${(await Promise.all(found)).join('')}</query>`;
  }

  /** All of it, or nothing. */
  set(request: IqRequest): Promise<typeof DONE> {
    const elements = request.payload.getChildElements();
    if (elements.length === 0) throw new StanzaError('modify', 'not-acceptable', 'an element to keep');
    const kept: Kept = new Map(elements.map((element) => [nameOf(element), this.#fitting(element)]));
    const { local } = request.from;
    const work = this.#turns.take(local, async () => {
      await this.#makeRoom(local, kept);
      await this.store.change(local, kept);
    });
    return stored(request, work);
  }

  remove(username: string): Promise<void> {
    return this.#turns.take(username, () => this.store.remove(username));
  }

  #fitting(element: Element): string | undefined {
    if (element.children.length === 0 && Object.keys(element.attrs).every(isDeclaration)) return undefined;
    const text = standalone(element);
    if (Buffer.byteLength(text) <= this.options.max_bytes) return text;
    this.host.limited('private.max_bytes');
    throw new StanzaError('modify', 'not-acceptable', `an element has at most ${this.options.max_bytes} bytes`);
  }

  async #makeRoom(username: string, kept: Kept): Promise<void> {
    const names = new Set((await this.store.all(username)).keys());
    const before = names.size;
    for (const [name, text] of kept) if (text === undefined) names.delete(name);
    for (const [name, text] of kept) if (text !== undefined) names.add(name);
    if (names.size <= this.options.max_items || names.size <= before) return;
    this.host.limited('private.max_items');
    throw new StanzaError('wait', 'resource-constraint', `at most ${this.options.max_items} elements are kept`);
  }
}

const isDeclaration = (name: string): boolean => name === 'xmlns' || name.startsWith('xmlns:');

function nameOf(element: Element): string {
  const ns = element.getNS() ?? '';
  if (ns === '' || ns === PRIVATE) throw new StanzaError('modify', 'not-acceptable', 'an element of a namespace');
  return `{${ns}}${element.getName()}`;
}
