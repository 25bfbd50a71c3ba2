// A service that takes files (XEP-0363): a client says what it wants to upload, and is told one URL to put it to and one at
// which everybody who knows it gets it. The files themselves are in ../../files, and come and go by HTTP.

import { type UploadOptions, uploadOptions } from '../../config/modules.js';
import type { IqRequest } from '../../core/hooks.js';
import type { ComponentHost } from '../../core/host.js';
import { STATE } from '../../core/local-component.js';
import type { ComponentModule } from '../../core/module.js';
import { type Depot, QuotaError } from '../../files/depot.js';
import type { Refusal } from '../../files/ledger.js';
import type { Outcome, Slot } from '../../files/registry.js';
import type { Uploads } from '../../files/uploads.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute } from '../../xmpp/escape.js';
import { type JID, prepareDomain } from '../../xmpp/jid.js';
import { formXml } from '../data-form.js';
import { fetched } from '../store-error.js';
import { PURPOSE, type Purpose, readWish, type Terms, UPLOAD } from './wish.js';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';

interface Options {
  /** Of the service, for people. */
  readonly name?: string;
  readonly upload?: UploadOptions;
}

/** The module, for files that come and go there. */
export const upload = (uploads: Uploads): ComponentModule<Options> => ({
  name: 'upload',
  about: 'Takes files that clients share, and serves them by HTTP.',
  specifications: [{ id: 'XEP-0363', name: 'HTTP File Upload', version: '1.2.0' }],
  load(host, { name, upload: options = uploadOptions.default }) {
    const { domain, hooks, log } = host;
    const { ended, slots } = counters(host);
    const store = host.open('uploads', 'keyvalue');
    const depot = uploads.open(domain, options.path, options, { store, log, ended, now: Date.now });
    const service = new UploadService(host, depot, options, slots, () => options.url ?? uploads.url);
    hooks.iq('get', 'host', INFO, 'query', (request) => service.info(request, name));
    hooks.iq('get', 'host', ITEMS, 'query', () => `<query xmlns='${ITEMS}'/>`);
    hooks.iq('get', 'host', UPLOAD, 'request', (request) => service.request(request));
    hooks.on('message/host', ({ type }) => type === 'error');
    hooks.on('presence/host', () => true);
    hooks.on('user-deleted', ({ jid, waits }) => void waits.push(depot.forget(jid.toString())));
    hooks.on('sweep', () => depot.sweep());
    hooks.on('stopping', ({ waits }) => void waits.push(uploads.close(domain)));
    host.provide(STATE, () => `${depot.ledger.files} files`);
    const unread = measures(host, depot);
    return () => {
      for (const each of unread) each();
      void uploads.close(domain);
    };
  },
});

class UploadService {
  readonly #terms: Terms;
  readonly #domains: ReadonlySet<string>;

  constructor(
    readonly host: ComponentHost,
    readonly depot: Depot,
    readonly options: UploadOptions,
    readonly count: (outcome: 'given' | 'refused') => void,
    readonly url: () => string,
  ) {
    const { types, max_file_size, account_bytes, max_bytes, expire, domains } = options;
    const largest = Math.min(max_file_size, ...[account_bytes, max_bytes].filter((limit) => limit > 0));
    const lasting: Purpose[] = expire === 0 ? ['profile', 'permanent'] : [];
    this.#terms = { types, largest, purposes: ['message', 'ephemeral', ...lasting] };
    this.#domains = new Set(domains.map(prepareDomain));
  }

  /** Section 3. */
  info({ payload }: IqRequest, name: string | undefined): string {
    if (payload.attrs.node !== undefined) throw new StanzaError('cancel', 'item-not-found');
    const { largest, purposes } = this.#terms;
    const all = [INFO, ITEMS, UPLOAD, ...purposes.map((purpose) => `${PURPOSE}#${purpose}`)];
    const features = all.map((feature) => `<feature${attribute('var', feature)}/>`);
    const form = formXml('result', UPLOAD, [{ name: 'max-file-size', value: largest }]);
    const identity = `<identity category='store' type='file'${attribute('name', name ?? 'HTTP File Upload')}/>`;
    return `<query xmlns='${INFO}'>${identity}${features.join('')}${form}</query>`;
  }

  /** Sections 4 to 7. */
  async request({ from, payload, session }: IqRequest): Promise<string> {
    try {
      if (session?.anonymous || !this.#serves(from)) throw new StanzaError('auth', 'forbidden', 'not for everybody');
      const slot = await fetched(this.depot.reserve(readWish(payload, from.bare.toString(), this.#terms)));
      this.count('given');
      return this.#answer(slot);
    } catch (error) {
      this.count('refused');
      if (isTooLarge(error)) this.host.limited('upload.max_file_size');
      throw error instanceof QuotaError ? this.#full(error.refusal) : error;
    }
  }

  #serves({ local, domain }: JID): boolean {
    if (local === '') return false;
    if (this.#domains.size > 0) return this.#domains.has(domain);
    return [...this.host.domains].includes(domain);
  }

  #answer({ id, token, name }: Slot): string {
    const base = this.url().replace(/\/+$/, '');
    const at = (path: string) => attribute('url', `${base}/${path}/${encoded(name)}`);
    return `<slot xmlns='${UPLOAD}'><put${at(token)}/><get${at(id)}/></slot>`;
  }

  #full({ limit, retry }: Refusal): StanzaError {
    this.host.limited(`upload.${limit}`);
    const text = `Quota reached. ${REFUSALS[limit]} is ${this.options[limit]}`;
    if (retry === undefined) return new StanzaError('wait', 'resource-constraint', text);
    const attrs = { stamp: new Date(Math.ceil(retry / 1000) * 1000).toISOString().replace('.000', '') };
    return new StanzaError('wait', 'resource-constraint', text, { name: 'retry', ns: UPLOAD, attrs });
  }
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof StanzaError && error.application?.name === 'file-too-large';

const REFUSALS: Readonly<Record<Refusal['limit'], string>> = {
  max_slots: 'The number of uploads at the same time',
  files_per_day: 'The number of files a day',
  account_files: 'The number of files of an account',
  account_bytes: 'What an account may have, in bytes,',
  max_bytes: 'What there is room for, in bytes,',
};

/** RFC 3986 section 2.3: what is not unreserved is encoded. */
const encoded = (name: string): string =>
  encodeURIComponent(name).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

function counters({ metrics, domain: host }: ComponentHost) {
  const uploads = metrics.counter('uploads_total', 'Uploads, by how they ended.', ['host', 'outcome']);
  const slots = metrics.counter('upload_slots_total', 'Requests to upload a file.', ['host', 'outcome']);
  return {
    ended: (outcome: Outcome) => uploads.inc({ host, outcome }),
    slots: (outcome: 'given' | 'refused') => slots.inc({ host, outcome }),
  };
}

/** Returns what ends each. */
function measures({ metrics, domain }: ComponentHost, { ledger }: Depot): (() => void)[] {
  const read = (name: string, help: string, value: () => number) =>
    metrics.read(name, help, ['host'], () => [[{ host: domain }, value()]]);
  return [
    read('upload_files', 'Files that are kept.', () => ledger.files),
    read('upload_files_bytes', 'Bytes of files that are kept, and of those that may be uploaded.', () => ledger.bytes),
  ];
}
