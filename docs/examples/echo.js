// A custom upstream in place of the XMPP proxy: a whole XMPP "server" that echoes. Run it, then log in to `echo.example`
// anonymously with any client and write yourself a message.
//
//   node docs/examples/echo.js

import { createServer, Stanza } from 'bosh-server';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const features = (xml) =>
  Stanza.from(`<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${xml}</stream:features>`);

/** The server's end of one stream. */
class EchoSession {
  #client;
  #authenticated = false;
  #count = 0;

  constructor(client, header) {
    this.#client = client;
    queueMicrotask(() => this.open(header)); // an upstream speaks only after attach has returned
  }

  open(header) {
    this.#client.open({ from: header.to, id: `echo-${++this.#count}`, version: '1.0' });
    const feature = this.#authenticated
      ? `<bind xmlns='${BIND}'/>`
      : `<mechanisms xmlns='${SASL}'><mechanism>ANONYMOUS</mechanism></mechanisms>`;
    this.#client.stanza(features(feature));
  }

  stanza(stanza) {
    if (stanza.name === 'auth') {
      this.#authenticated = true;
      this.#client.stanza(Stanza.from(`<success xmlns='${SASL}'/>`));
    } else if (stanza.payload?.ns === BIND) {
      const jid = `guest@echo.example/${this.#client.name.replace(/\W/g, '')}`;
      this.#client.stanza(
        Stanza.from(
          `<iq xmlns='jabber:client' type='result' id='${stanza.id}'><bind xmlns='${BIND}'><jid>${jid}</jid></bind></iq>`,
        ),
      );
    } else if (stanza.name === 'message') {
      return this.#client.stanza(stanza.with({ from: stanza.to, to: undefined }));
    } else if (stanza.name === 'iq' && (stanza.type === 'get' || stanza.type === 'set')) {
      this.#client.stanza(stanza.with({ type: 'result', from: stanza.to, to: undefined }));
    }
    return true;
  }

  drain() {}

  close() {
    this.#client = undefined;
  }
}

const echo = {
  attach: (client, header) => new EchoSession(client, header),
  stop: async () => {},
};

const server = createServer({
  port: Number(process.env.PORT ?? 5280),
  host: '127.0.0.1',
  firewall: { allow: ['echo.example'] },
  upstream: echo,
});
await server.start();
console.log(`BOSH ${server.urls.bosh}  WebSocket ${server.urls.websocket}  domain echo.example`);
process.once('SIGTERM', () => server.stop());
