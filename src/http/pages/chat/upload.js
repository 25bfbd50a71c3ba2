// Sends files to the service of the own domain (XEP-0363), whose address to get them then stands in a message (XEP-0066).

import { child, NS, xml } from './xml.js';

const HEADERS = ['Authorization', 'Cookie', 'Expires'];
const UNITS = ['bytes', 'KB', 'MB', 'GB'];
const REFUSALS = {
  forbidden: 'this server takes no files from you',
  'resource-constraint': 'there is no room for it at the moment',
};

/** 1200000 as `1.2 MB`. */
export function sizeOf(bytes) {
  const step = Math.max(0, Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** step).toFixed(1))} ${UNITS[step]}`;
}

/** A file on its way. */
export class Upload {
  file;
  #connection;
  #service;
  #request = new XMLHttpRequest();
  #isCancelled = false;

  constructor(connection, service, file) {
    this.#connection = connection;
    this.#service = service;
    this.file = file;
  }

  /** Resolves with the address to get it; rejects with a sentence, with '' after `cancel`. `progress` is told from 0 to 1. */
  async start(progress) {
    const { size } = this.file;
    const { most } = this.#service;
    if (size > most) throw new Error(`it is larger than ${sizeOf(most)}`);
    if (size === 0) throw new Error('it is empty');
    const { put, get } = await this.#slot();
    if (this.#isCancelled) throw new Error('');
    await this.#put(put, progress);
    return get;
  }

  cancel() {
    this.#isCancelled = true;
    this.#request.abort();
  }

  async #slot() {
    const { name, size, type } = this.file;
    const wish = xml('request', { xmlns: NS.upload, filename: name, size, 'content-type': type || undefined });
    const result = await this.#connection.request('get', this.#service.address, wish).catch(({ condition, text }) => {
      throw new Error(REFUSALS[condition] ?? text);
    });
    const slot = child(result, 'slot', NS.upload);
    const get = slot && child(slot, 'get')?.getAttribute('url');
    if (!get) throw new Error('the server gives it no place');
    return { put: child(slot, 'put'), get };
  }

  #put(put, progress) {
    const request = this.#request;
    return new Promise((resolve, reject) => {
      request.open('PUT', put.getAttribute('url'));
      for (const each of put.children) {
        const name = each.getAttribute('name');
        if (HEADERS.includes(name)) request.setRequestHeader(name, each.textContent.replace(/[\r\n]/g, ''));
      }
      request.setRequestHeader('Content-Type', this.file.type || 'application/octet-stream');
      request.upload.addEventListener('progress', ({ loaded, total }) => progress(loaded / total));
      request.addEventListener('load', () => {
        if (request.status >= 200 && request.status < 300) resolve();
        else reject(new Error(`the server answered ${request.status}`));
      });
      request.addEventListener('error', () => reject(new Error('the server for files is not reached')));
      request.addEventListener('abort', () => reject(new Error('')));
      request.send(this.file);
    });
  }
}
