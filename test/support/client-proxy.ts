// A core in memory with a client_proxy at it, clients that serve for it, and users.

import { clientProxyOptions } from '../../src/config/modules.js';
import type { ComponentOptions } from '../../src/core/options.js';
import { clientProxy } from '../../src/modules/client-proxy.js';
import { disco } from '../../src/modules/disco.js';
import { message } from '../../src/modules/message.js';
import { presence } from '../../src/modules/presence.js';
import { roster } from '../../src/modules/roster.js';
import { CoreClient, OPTIONS, testCore } from './core.js';
import { parseXml, type Xml } from './xml.js';

export const PROXY = 'proxy.example.test';
export const SERVICE = 'service@example.test';

export const component = (options: object = {}, target = SERVICE): ComponentOptions => ({
  module: 'client_proxy',
  name: 'Proxy',
  multiple: false,
  queue: 0,
  queue_bytes: 0,
  stanzas_per_second: 0,
  bytes_per_second: 0,
  attach: null,
  target_address: target,
  client_proxy: { ...clientProxyOptions.default, ...options },
});

/** The account is there, and has been asked. */
export async function proxied(options: object = {}) {
  const modules = [roster, presence, message, disco];
  const all = testCore(modules, {}, undefined, [clientProxy]);
  await all.core.hosts.get('example.test')?.accounts.create('service', 'secret');
  all.core.reload({ ...OPTIONS, components: { [PROXY]: component(options) } });
  return all;
}

export type Proxied = Awaited<ReturnType<typeof proxied>>;

/** A client of the account, which lets the component see it and is available. */
export async function serving({ core }: Proxied, resource: string, priority = 0): Promise<CoreClient> {
  const client = await new CoreClient(core).enter('service', resource);
  await client.ask('get', "<query xmlns='jabber:iq:roster'/>");
  client.say(`<presence xmlns='jabber:client' type='subscribed' to='${PROXY}'/>`);
  client.say(`<presence xmlns='jabber:client'><priority>${priority}</priority></presence>`);
  await client.hears(`<priority>${priority}</priority>`);
  client.stanzas.length = 0;
  return client;
}

/** A request of a user. */
export const request = (id: string, to = PROXY, type = 'get', body = id): string =>
  `<iq xmlns='jabber:client' type='${type}' id='${id}' to='${to}'><q xmlns='urn:q'>${body}</q></iq>`;

/** The answer of a client to what it was asked. */
export const result = (asked: Xml, body = 'a'): string =>
  `<iq xmlns='jabber:client' type='result' id='${asked.attr('id')}' to='${asked.attr('from')}'><a xmlns='urn:q'>${body}</a></iq>`;

export const failed = (asked: Xml, condition: string): string =>
  `<iq xmlns='jabber:client' type='error' id='${asked.attr('id')}' to='${asked.attr('from')}'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;

/** What came to a client and was not taken; without what an account tells its own clients. */
export const taken = (client: CoreClient): Xml[] =>
  client.stanzas
    .splice(0)
    .map((xml) => parseXml(xml))
    .filter(
      (each) => !each.attr('from')?.startsWith(`${SERVICE}/`) && each.child('query', 'jabber:iq:roster') === undefined,
    );
