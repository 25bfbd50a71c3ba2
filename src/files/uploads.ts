// The files of all services of this server: where their modules open depots, and where is known what a URL means.

import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Depot, type DepotDeps, type DepotOptions } from './depot.js';
import { Folder } from './folder.js';
import type { Claim, FileFacts, Outcome, Registry, Slot } from './registry.js';

/** Where files are, for HTTP: `<base>/upload/<random>/<name>`. */
export const UPLOAD_PATH = '/upload';

export interface UploadsOptions {
  /** Folder in which those have their files that name none; '': a temporary one, which goes when they do. */
  readonly home?: string;
  /** Where this server is for clients. */
  readonly base?: () => string;
}

export class Uploads implements Registry {
  readonly #home: string;
  readonly #temporary: boolean;
  readonly #base: () => string;
  readonly #depots = new Map<string, Depot>();
  /** Depots that were closed, and are not done. */
  readonly #closing = new Map<string, Promise<void>>();

  constructor({ home = '', base = () => 'http://localhost:5280' }: UploadsOptions = {}) {
    this.#temporary = home === '';
    this.#home = home || join(tmpdir(), `bosh-uploads-${randomBytes(8).toString('hex')}`);
    this.#base = base;
  }

  /** Where files are for clients, unless their service says otherwise. */
  get url(): string {
    return this.#base().replace(/\/+$/, '') + UPLOAD_PATH;
  }

  /** Opens the files of a domain, below this folder; '' takes one of ours. They are found from now on. */
  open(domain: string, path: string, options: DepotOptions, deps: Omit<DepotDeps, 'folder' | 'temporary'>): Depot {
    const folder = new Folder(join(path || this.#home, domain));
    const temporary = path === '' && this.#temporary;
    const depot = new Depot(options, { ...deps, folder, temporary }, this.#closing.get(domain));
    this.#depots.set(domain, depot);
    return depot;
  }

  /** Resolves when all is done that was begun there. */
  close(domain: string): Promise<void> {
    const depot = this.#depots.get(domain);
    if (depot === undefined) return this.#closing.get(domain) ?? Promise.resolve();
    this.#depots.delete(domain);
    const closed = depot.close().finally(() => {
      if (this.#closing.get(domain) === closed) this.#closing.delete(domain);
    });
    this.#closing.set(domain, closed);
    return closed;
  }

  /** Removes what is not to outlive the server. */
  async stop(): Promise<void> {
    await Promise.all([...this.#depots.keys()].map((domain) => this.close(domain)));
    await Promise.all(this.#closing.values());
    if (this.#temporary) await new Folder(this.#home).destroy();
  }

  async slot(token: string): Promise<Slot | undefined> {
    return (await this.#with(token))?.slot(token);
  }

  async begin(token: string): Promise<Claim | 'taken' | 'gone'> {
    return (await this.#with(token))?.begin(token) ?? 'gone';
  }

  async end(token: string, outcome: Outcome): Promise<Outcome> {
    return (await this.#with(token))?.end(token, outcome) ?? 'gone';
  }

  async find(id: string): Promise<FileFacts | undefined> {
    for (const depot of this.#depots.values()) {
      const file = await depot.find(id);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** The depot that has this slot. */
  async #with(token: string): Promise<Depot | undefined> {
    for (const depot of this.#depots.values()) if ((await depot.slot(token)) !== undefined) return depot;
    return undefined;
  }
}
