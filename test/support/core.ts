// A core in memory, and clients of it without a transport.

import { moduleOptions } from '../../src/config/modules.js';
import { Core } from '../../src/core/core.js';
import type { Module } from '../../src/core/module.js';
import type { CoreOptions, DomainOptions } from '../../src/core/options.js';
import { Metrics } from '../../src/metrics.js';
import { bind } from '../../src/modules/bind.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { StreamEnd } from '../../src/stream/end.js';
import { JID } from '../../src/xmpp/jid.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from './client-stream.js';
import { MemoryLog } from './memory-log.js';

export const DOMAIN: DomainOptions = {
  auth: { anonymous: true, register: false },
  modules: null,
  options: moduleOptions.default,
};

export const OPTIONS: CoreOptions = {
  domains: { 'example.test': DOMAIN },
  auth_timeout: 120,
  limits: { rates: true, sessions_per_user: 20, auth_failures_per_address: 30, auth_failures_per_account: 10 },
  trusted_proxies: [],
};

/** Lets in whoever says who he is: `<auth xmlns='test'>romeo</auth>`. */
const trusting: Module = {
  name: 'trusting',
  about: 'For tests.',
  specifications: [],
  load({ hooks, domain }) {
    hooks.nonza('test', ({ stream, stanza }) => {
      stream.authenticated({ jid: JID.of(stanza.tree.getText(), domain), anonymous: false, mechanism: 'TEST' });
      stream.send(Stanza.from("<success xmlns='test'/>"));
    });
  },
};

/** A core with these modules, and whatever it told. */
export function testCore(modules: readonly Module[] = [], options: Partial<CoreOptions> = {}) {
  const [log, metrics, told] = [new MemoryLog(), new Metrics(), [] as string[]];
  const clock = { now: 0 };
  const events = {
    authenticated: () => {},
    created: ({ address }: { address: string }) => void told.push(`created ${address}`),
    closed: ({ address }: { address: string }) => void told.push(`closed ${address}`),
    loaded: (domain: string, name: string) => void told.push(`loaded ${domain} ${name}`),
    unloaded: (domain: string, name: string) => void told.push(`unloaded ${domain} ${name}`),
    failed: (domain: string, name: string, error: unknown) => void told.push(`failed ${domain} ${name}: ${error}`),
  };
  const all = [bind, trusting, ...modules];
  const core = new Core({ ...OPTIONS, ...options }, { log, metrics, modules: all, events, now: () => clock.now });
  core.start(new MemoryDriver());
  return { core, log, metrics, told, clock };
}

/** A client that has told who it is, and its stream. */
export class CoreClient extends FakeClient {
  readonly end: StreamEnd;

  constructor(
    readonly core: Core,
    domain = 'example.test',
  ) {
    super();
    this.end = core.attach(this, { to: domain });
  }

  /** Says this. */
  say(xml: string): void {
    this.end.stanza(Stanza.from(xml));
  }

  /** Resolves to the first stanza with this in it, and forgets it and all before. */
  async hears(what: string): Promise<string> {
    const found = () => this.stanzas.findIndex((xml) => xml.includes(what));
    await this.when(() => found() >= 0);
    return this.stanzas.splice(0, found() + 1).pop() ?? '';
  }

  /** Binds a resource; resolves to its address. */
  async enter(username: string, resource = 'test'): Promise<this> {
    await this.when(() => this.headers.length === 1);
    await this.core.hosts
      .get('example.test')
      ?.accounts.create(username, 'secret')
      .catch(() => {});
    this.say(`<auth xmlns='test'>${username}</auth>`);
    this.end.open({ to: 'example.test' });
    this.say(
      `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    await this.when(() => this.ending !== undefined || this.stanzas.some((xml) => xml.includes("id='bind'")));
    this.stanzas.length = 0;
    return this;
  }
}
