// A custom upstream that wraps the XMPP proxy: it sees every stanza and can change or stop it. This one refuses messages
// that hold a word, and marks all others.
//
//   node docs/examples/filter.js example.com=127.0.0.1:5222 spam

import { createServer, Stanza } from 'bosh-server';

const [upstream = 'localhost=127.0.0.1:5222', word = 'spam'] = process.argv.slice(2);
const [domain, address = ''] = upstream.split('=');
const [host, port = '5222'] = address.split(':');

/** Stands in the way from a client to its server; the way back is not touched. */
class Filtered {
  #client;
  #server;

  constructor(client, server) {
    this.#client = client;
    this.#server = server;
  }

  open(header) {
    this.#server.open(header);
  }

  stanza(stanza) {
    if (stanza.name !== 'message') return this.#server.stanza(stanza);
    if (!stanza.raw.includes(word))
      return this.#server.stanza(stanza.with({ 'xml:lang': stanza.attr('xml:lang') ?? 'en' }));
    const error = `<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    const answer = Stanza.from(`<message xmlns='jabber:client' type='error'>${error}</message>`);
    return this.#client.stanza(answer.with({ from: stanza.to, id: stanza.id }));
  }

  drain() {
    this.#server.drain();
  }

  close(ending) {
    this.#server.close(ending);
  }
}

const server = createServer({
  port: Number(process.env.PORT ?? 5280),
  host: '127.0.0.1',
  upstreams: { [domain]: { host, port: Number(port) } },
  upstream: (proxy) => ({
    attach: (client, header) => new Filtered(client, proxy.attach(client, header)),
    stop: () => proxy.stop(),
  }),
});
server.on('nodes', (stanzas, stream) => console.log(`${stream.transport} client sent ${stanzas[0].name}`));
await server.start();
console.log(`BOSH ${server.urls.bosh}  WebSocket ${server.urls.websocket}  domain ${domain}`);
process.once('SIGTERM', () => server.stop());
