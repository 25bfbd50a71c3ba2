// A core in memory, and clients of it without a transport.

import { moduleOptions } from '../../src/config/modules.js';
import { Core } from '../../src/core/core.js';
import type { ComponentModule, Module } from '../../src/core/module.js';
import type { CoreOptions, DomainOptions } from '../../src/core/options.js';
import { Metrics } from '../../src/metrics.js';
import { bind } from '../../src/modules/bind.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import type { Driver } from '../../src/storage/store.js';
import type { StreamEnd } from '../../src/stream/end.js';
import { JID } from '../../src/xmpp/jid.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from './client-stream.js';
import { MemoryLog } from './memory-log.js';
import { parseXml, type Xml } from './xml.js';

/** The condition of a stanza error; undefined when it is none. */
export const conditionOf = (stanza: Xml): string | undefined => stanza.child('error')?.children[0].name;

export const DOMAIN: DomainOptions = {
  auth: { anonymous: true, register: false },
  admins: [],
  modules: null,
  options: moduleOptions.default,
};

export const OPTIONS: CoreOptions = {
  domains: { 'example.test': DOMAIN },
  components: {},
  auth_timeout: 120,
  max_data_held: 100_000,
  limits: {
    rates: true,
    stanza_before_auth: 16_384,
    sessions_per_user: 20,
    auth_failures_per_address: 30,
    auth_failures_per_account: 10,
    stanzas_per_second: 0,
    stanza_burst: 500,
    bytes_per_second: 0,
    byte_burst: 524_288,
  },
  trusted_proxies: [],
};

/** Lets in whoever says who he is: `<auth xmlns='test'>romeo</auth>`; with `anonymous='true'`, as somebody without an account. */
const trusting: Module = {
  name: 'trusting',
  about: 'For tests.',
  specifications: [],
  load({ hooks, domain }) {
    hooks.nonza('test', ({ stream, stanza }) => {
      const anonymous = stanza.attr('anonymous') === 'true';
      stream.authenticated({ jid: JID.of(stanza.tree.getText(), domain), anonymous, mechanism: 'TEST' });
      stream.send(Stanza.from("<success xmlns='test'/>"));
    });
  },
};

/** A core with these modules, and whatever it told. */
export function testCore(
  modules: readonly Module[] = [],
  options: Partial<CoreOptions> = {},
  storage: Driver = new MemoryDriver(),
  componentModules: readonly ComponentModule[] = [],
) {
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
  const core = new Core(
    { ...OPTIONS, ...options },
    { log, metrics, modules: all, componentModules, events, now: () => clock.now },
  );
  core.start(storage);
  return { core, log, metrics, told, clock };
}

/** A client that has told who it is, and its stream. */
export class CoreClient extends FakeClient {
  readonly end: StreamEnd;
  account = '';
  #asked = 0;

  constructor(
    readonly core: Core,
    domain = 'example.test',
  ) {
    super();
    this.end = core.attach(this, { to: domain });
  }

  /** Says this; false: it is to wait now. */
  say(xml: string): boolean {
    return this.end.stanza(Stanza.from(xml));
  }

  /** Resolves to the first stanza with this in it, and forgets it and all before. */
  async hears(what: string): Promise<string> {
    const found = () => this.stanzas.findIndex((xml) => xml.includes(what));
    await this.when(() => found() >= 0);
    return this.stanzas.splice(0, found() + 1).pop() ?? '';
  }

  /** Asks with an iq; resolves to the answer. */
  async ask(type: 'get' | 'set', payload: string, to?: string): Promise<Xml> {
    const id = `ask${++this.#asked}`;
    const address = to === undefined ? '' : ` to='${to}'`;
    this.say(`<iq xmlns='jabber:client' type='${type}' id='${id}'${address}>${payload}</iq>`);
    const found = () => this.stanzas.findIndex((xml) => xml.startsWith('<iq') && xml.includes(`id='${id}'`));
    await this.when(() => found() >= 0);
    return parseXml(this.stanzas.splice(found(), 1)[0]);
  }

  /** Becomes available; resolves when it has seen so. */
  async available(priority = 0): Promise<this> {
    this.say(`<presence xmlns='jabber:client'><priority>${priority}</priority></presence>`);
    await this.hears('</priority>');
    return this;
  }

  /** Binds a resource; resolves to its address. */
  async enter(username: string, resource = 'test'): Promise<this> {
    await this.when(() => this.headers.length === 1);
    await this.core.hosts
      .get('example.test')
      ?.accounts.create(username, 'secret')
      .catch(() => {});
    this.account = username;
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

/** From now on `contact` gets the presence of `owner`; both have asked for their rosters then. */
export async function shown(owner: CoreClient, contact: CoreClient): Promise<void> {
  const [from, to] = [owner, contact].map(({ account }) => `${account}@example.test`);
  for (const client of [owner, contact]) await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
  owner.say(`<presence xmlns='jabber:client' type='subscribed' to='${to}'/>`);
  contact.say(`<presence xmlns='jabber:client' type='subscribe' to='${from}'/>`);
  await contact.hears("subscription='to'");
}
