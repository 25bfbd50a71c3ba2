// vCards (XEP-0054): each account has one, which it sets and everybody may read. They are kept as they came; what is in one
// is the business of clients.

import type { ModuleOptions } from '../config/modules.js';
import type { IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Json, KeyValueStore } from '../storage/store.js';
import { standalone } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { fetched, stored } from './store-error.js';

const VCARD = 'vcard-temp';

/** vCards, for modules that read or write what is in them. */
export interface VCards {
  get(username: string): Promise<string | undefined>;
  /** `change` gives the vCard that follows. Rejects as a store does. */
  update(username: string, source: string, change: (vcard: string | undefined) => string): Promise<void>;
}
export const VCARDS = new Part<VCards>('vcards');

export const vcard: Module<ModuleOptions['vcard']> = {
  name: 'vcard',
  about: 'Keeps the vCard of each account.',
  specifications: [{ id: 'XEP-0054', name: 'vcard-temp', version: '1.3.0' }],
  load(host, { max_bytes }) {
    const { hooks } = host;
    const store = host.open('vcard', 'keyvalue');
    host.provide(VCARDS, lent(host, store));
    hooks.iq('get', 'account', VCARD, 'vCard', (request) => read(store, request));
    hooks.iq('set', 'own', VCARD, 'vCard', (request) => write(store, request, host, max_bytes));
    hooks.iq('set', 'account', VCARD, 'vCard', () => {
      throw new StanzaError('auth', 'forbidden');
    });
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(store.set(username, undefined)));
    for (const where of ['disco/host', 'disco/account'] as const) {
      hooks.on(where, ({ features }) => void features.add(VCARD));
    }
  },
};

/** Sections 3.1 and 3.3: who has no vCard is not told from who is not there. */
async function read(store: KeyValueStore, { own, to }: IqRequest): Promise<string> {
  const kept = await fetched(store.get(to.local));
  if (kept !== undefined) return String(kept);
  if (!own) throw new StanzaError('cancel', 'service-unavailable');
  return `<vCard xmlns='${VCARD}'/>`;
}

/** Section 3.2. */
function write(store: KeyValueStore, request: IqRequest, host: Host, maxBytes: number) {
  const text = standalone(request.payload);
  if (Buffer.byteLength(text) > maxBytes) {
    host.limited('vcard.max_bytes');
    throw new StanzaError('modify', 'not-acceptable', `a vCard has at most ${maxBytes} bytes`);
  }
  const { local } = request.from;
  const changed = () => host.tell('vcard-changed', { username: local, vcard: text, source: undefined });
  return stored(request, store.set(local, text).then(changed));
}

function lent(host: Host, store: KeyValueStore): VCards {
  const text = (kept: Json | undefined) => (kept === undefined ? undefined : String(kept));
  return {
    get: async (username) => text(await store.get(username)),
    async update(username, source, change) {
      const vcard = text(await store.update(username, (kept) => change(text(kept)))) ?? '';
      host.tell('vcard-changed', { username, vcard, source });
    },
  };
}
