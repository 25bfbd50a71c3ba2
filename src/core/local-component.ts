// A component whose module runs in here: a domain without accounts. Where its stanzas go is its router: the one of this
// server, or a link to another server (XEP-0114) that the component is attached to.

import { BaseHost, type HostDeps, LentHost } from './base-host.js';
import type { ComponentHost } from './host.js';
import { Part } from './parts.js';

/** How the component is, in a few words for people; its module tells. */
export const STATE = new Part<() => string>('state');

export class LocalComponent extends BaseHost<ComponentHost> {
  constructor(
    domain: string,
    deps: HostDeps,
    /** For people, in the list of services. */
    readonly label: string | undefined,
  ) {
    super(domain, deps);
  }

  lend(owner: string, undo: (() => void)[]): ComponentHost {
    return new LentHost(this, this.parts, owner, undo);
  }

  get state(): string {
    return this.parts.find(STATE)?.() ?? 'here';
  }

  stop(): void {
    this.modules.unloadAll();
  }
}
