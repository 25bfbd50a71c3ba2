// A core whose store is slow and fails now and then, under clients that come, go, are lost, come back and ask for
// everything at once, while its modules are loaded anew and accounts are deleted: whatever happens, two who mind their own
// business hear each other in order, nothing fails but what was told to, and at the end nobody is left.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { moduleOptions } from '../../src/config/modules.js';
import { modules } from '../../src/modules/index.js';
import { MemoryDriver } from '../../src/storage/memory.js';
import {
  type Added,
  type Driver,
  type HistoryStore,
  type Store,
  StoreError,
  type StoreKind,
} from '../../src/storage/store.js';
import { CoreClient, DOMAIN, OPTIONS, testCore } from '../support/core.js';

type Method = (...args: never[]) => unknown;

/** Takes some turns of the event loop for everything, and fails as often as it is told; by numbers that repeat. */
class TroubledDriver implements Driver {
  readonly #memory = new MemoryDriver();
  readonly #adding: Promise<void>[] = [];
  #at = 0;
  /** Nothing fails any more. */
  calm = false;

  constructor(readonly numbers: readonly number[]) {}

  get bytes(): number {
    return this.#memory.bytes;
  }

  open<K extends StoreKind>(host: string, store: string, kind: K): Store<K> {
    return new Proxy<Store<K>>(this.#memory.open(host, store, kind), {
      get: (target, name) => {
        const method = Reflect.get(target, name) as Method;
        if (name === 'keys' || name === 'reserve' || name === 'hurry') return method.bind(target);
        if (name === 'settled') return () => Promise.allSettled(this.#adding);
        if (name === 'add')
          return (...args: Parameters<HistoryStore['add']>) => this.#add(target as HistoryStore, store, args);
        return async (...args: never[]) => {
          await this.#trouble(store);
          return method.apply(target, args);
        };
      },
    });
  }

  async #trouble(store: string): Promise<void> {
    const number = this.numbers[this.#at++ % this.numbers.length];
    for (let turn = 0; turn < number % 5; turn++) await new Promise(setImmediate);
    if (!this.calm && store !== 'accounts' && number % 7 === 0) throw new StoreError('failed', 'trouble');
  }

  /** Its id is told at once, whether or not it will be there. */
  #add(target: HistoryStore, store: string, [key, item]: Parameters<HistoryStore['add']>): Added {
    const id = this.#memory.open('', '', 'archive').reserve(item.at);
    const kept = { ...item, stanza: item.stanza.toString() };
    const add = async () => {
      await this.#trouble(store);
      await target.add(key, kept).done;
    };
    const done = add();
    return { id, idBytes: Buffer.from(id), done, before: this.#adding.push(done) - 1 };
  }

  stop(): Promise<void> {
    return this.#memory.stop();
  }
}

const NAMES = ['romeo', 'juliet', 'nurse'];
const SM = 'urn:xmpp:sm:3';

type Word = readonly [who: number, what: number, whom: number];

/** What a client may say, by number. */
const SAYS: readonly ((to: string, n: number) => string)[] = [
  () => "<presence xmlns='jabber:client'/>",
  () => "<presence xmlns='jabber:client' type='unavailable'/>",
  (to) => `<presence xmlns='jabber:client' to='${to}'/>`,
  (to) => `<presence xmlns='jabber:client' to='${to}' type='probe'/>`,
  ...['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'].map(
    (type) => (to: string) => `<presence xmlns='jabber:client' to='${to}' type='${type}'/>`,
  ),
  (to, n) => `<message xmlns='jabber:client' to='${to}' type='chat' id='${n}'><body>hi</body></message>`,
  (to, n) => `<message xmlns='jabber:client' to='${to}/one' id='${n}'><body>hi</body></message>`,
  ...[
    "type='get'><query xmlns='jabber:iq:roster'/>",
    "type='set'><enable xmlns='urn:xmpp:carbons:2'/>",
    "type='get'><blocklist xmlns='urn:xmpp:blocking'/>",
    "type='set'><unblock xmlns='urn:xmpp:blocking'/>",
    "type='set'><vCard xmlns='vcard-temp'><FN>x</FN></vCard>",
    "type='set'><query xmlns='jabber:iq:private'><a xmlns='b'>c</a></query>",
  ].map((payload) => (_: string, n: number) => `<iq xmlns='jabber:client' id='${n}' ${payload}</iq>`),
  (to, n) =>
    `<iq xmlns='jabber:client' id='${n}' type='set'><query xmlns='jabber:iq:roster'><item jid='${to}'/></query></iq>`,
  (to, n) =>
    `<iq xmlns='jabber:client' id='${n}' type='set'><query xmlns='jabber:iq:roster'><item jid='${to}' subscription='remove'/></query></iq>`,
  (to, n) =>
    `<iq xmlns='jabber:client' id='${n}' type='set'><block xmlns='urn:xmpp:blocking'><item jid='${to}'/></block></iq>`,
  (to, n) => `<iq xmlns='jabber:client' id='${n}' type='get' to='${to}'><query xmlns='jabber:iq:last'/></iq>`,
  (to, n) => `<iq xmlns='jabber:client' id='${n}' type='get' to='${to}'><vCard xmlns='vcard-temp'/></iq>`,
  () => `<enable xmlns='${SM}' resume='true'/>`,
  () => `<r xmlns='${SM}'/>`,
  () => "<inactive xmlns='urn:xmpp:csi:0'/>",
  () => "<active xmlns='urn:xmpp:csi:0'/>",
];

class Stage {
  readonly driver: TroubledDriver;
  readonly tested: ReturnType<typeof testCore>;
  readonly clients: CoreClient[] = [];
  /** Of clients that were lost, and may come back. */
  readonly tokens: { readonly account: string; readonly token: string }[] = [];
  #said = 0;
  #reloads = 0;

  constructor(numbers: readonly number[]) {
    this.driver = new TroubledDriver(numbers);
    const others = modules.filter(({ name }) => name !== 'bind');
    this.tested = testCore(others, {}, this.driver);
  }

  get core() {
    return this.tested.core;
  }

  /** One that is authenticated, and says what comes next without waiting for anything. */
  come(username: string, ...words: string[]): CoreClient {
    const client = new CoreClient(this.core);
    client.account = username;
    client.say(`<auth xmlns='test'>${username}</auth>`);
    client.end.open({ to: 'example.test' });
    for (const word of words) client.say(word);
    this.clients.push(client);
    return client;
  }

  bound(username: string, resource: string): CoreClient {
    const ask = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    return this.come(username, `<iq xmlns='jabber:client' type='set' id='bind'>${ask}</iq>`);
  }

  do([who, what, whom]: Word): void {
    const name = NAMES[who % NAMES.length];
    const client = this.clients[who % Math.max(1, this.clients.length)];
    if (what < SAYS.length) client?.say(SAYS[what](`${NAMES[whom % NAMES.length]}@example.test`, this.#said++));
    else if (what === SAYS.length) this.bound(name, ['one', 'two'][whom % 2]);
    else if (what === SAYS.length + 1) this.leave(client, 'lost');
    else if (what === SAYS.length + 2) this.leave(client, 'closed');
    else if (what === SAYS.length + 3) this.resume();
    else if (what === SAYS.length + 4) this.reload();
    else
      void this.core.hosts
        .get('example.test')
        ?.accounts.delete(name)
        .catch(() => {});
  }

  leave(client: CoreClient | undefined, how: 'lost' | 'closed'): void {
    if (client === undefined || client.ending !== undefined) return;
    this.clients.splice(this.clients.indexOf(client), 1);
    const token = / id='([^']+)' resume/.exec(client.stanzas.find((xml) => xml.startsWith('<enabled')) ?? '')?.[1];
    if (token !== undefined) this.tokens.push({ account: client.account, token });
    client.end.close({ how });
  }

  resume(): void {
    const { account, token } = this.tokens.pop() ?? { account: 'romeo', token: 'none' };
    this.come(account, `<resume xmlns='${SM}' previd='${token}' h='0'/>`);
  }

  reload(): void {
    const { stream_management, ...options } = moduleOptions.default;
    const said = { ...stream_management, max_unacked: 100 + this.#reloads++ };
    const domain = {
      ...DOMAIN,
      options: { ...options, stream_management: said },
      auth: { anonymous: true, register: this.#reloads % 2 === 0 },
    };
    this.core.reload({ ...OPTIONS, domains: { 'example.test': domain } });
  }

  /** Resolves when nothing happens any more. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  }
}

const words = fc.array(fc.tuple(fc.nat(9), fc.nat(SAYS.length + 5), fc.nat(9)), { minLength: 20, maxLength: 120 });
const numbers = fc.array(fc.nat(1000), { minLength: 50, maxLength: 200 });

test('two hear each other in order, nothing fails of itself, and at the end nobody is left', async () => {
  const play = fc.asyncProperty(words, numbers, async (said, trouble) => {
    const stage = new Stage(trouble);
    const host = stage.core.hosts.get('example.test');
    stage.driver.calm = true;
    for (const name of [...NAMES, 'paris', 'rosaline']) await host?.accounts.create(name, 'secret');
    const [paris, rosaline] = [
      await new CoreClient(stage.core).enter('paris'),
      await new CoreClient(stage.core).enter('rosaline'),
    ];
    await rosaline.available();
    for (const name of NAMES) {
      const client = stage.bound(name, 'one');
      client.say(`<enable xmlns='${SM}' resume='true'/>`);
      client.say("<presence xmlns='jabber:client'/>");
    }
    await stage.quiet();
    stage.driver.calm = false;
    let count = 0;
    for (const word of said) {
      stage.do(word);
      paris.say(
        `<message xmlns='jabber:client' to='rosaline@example.test' type='chat' id='n${count++}'><body>.</body></message>`,
      );
      if (word[0] % 3 === 0) await new Promise(setImmediate);
    }
    await stage.quiet();
    const heard = rosaline.stanzas.flatMap((xml) => / id='n(\d+)'/.exec(xml)?.[1] ?? []).map(Number);
    expect(heard).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const client of [...stage.clients, paris, rosaline]) client.end.close({ how: 'closed' });
    await stage.quiet();
    const left = [...(host?.sessions ?? [])].filter(({ stream }) => stream !== undefined);
    expect(left.map(({ address }) => address)).toEqual([]);
    expect(stage.tested.told.filter((line) => line.startsWith('failed'))).toEqual([]);
    const logged = new Set(
      stage.tested.log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.error),
    );
    expect([...logged].filter((error) => !(error instanceof StoreError))).toEqual([]);
    await stage.core.stop();
    expect(host?.sessions.size).toBe(0);
  });
  await fc.assert(play, { numRuns: 60, interruptAfterTimeLimit: 25_000 });
});
