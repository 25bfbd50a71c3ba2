// SASL on a stream as RFC 6120 section 6 writes it: which mechanisms a client is offered, and the messages of an exchange.
// What the mechanisms say to each other is in core/sasl, what becomes of an attempt in logins.ts; that guessing takes long
// is the throttle's doing.

import type { C2s } from '../core/c2s.js';
import type { StreamStanza } from '../core/hooks.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { initialData, responseData, toText } from '../core/sasl/base64.js';
import { SaslError } from '../core/sasl/errors.js';
import type { Step } from '../core/sasl/mechanism.js';
import { Throttle } from '../core/throttle.js';
import { StreamError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { type Dialect, LOGINS, type LoggedIn, Login, type Logins } from './logins.js';

const CHANNEL_BINDING = 'urn:xmpp:sasl-cb:0';

const THROTTLE = new Part<Throttle>('failed logins');
const STREAMS = new Part<WeakMap<C2s, Login>>('logins on their way');

export const saslauth: Module = {
  name: 'saslauth',
  about: 'Lets clients log in: SCRAM, PLAIN, EXTERNAL and ANONYMOUS.',
  specifications: [
    { id: 'RFC 6120', name: 'XMPP Core, section 6' },
    { id: 'RFC 5802', name: 'SCRAM' },
    { id: 'RFC 7677', name: 'SCRAM-SHA-256' },
    { id: 'RFC 5929', name: 'Channel Bindings for TLS, section 4' },
    { id: 'RFC 9266', name: 'Channel binding for TLS 1.3' },
    { id: 'XEP-0175', name: 'Best Practices for Use of SASL ANONYMOUS', version: '1.2' },
    { id: 'XEP-0178', name: 'Best Practices for Use of SASL EXTERNAL with Certificates', version: '1.2' },
    { id: 'XEP-0440', name: 'SASL Channel-Binding Type Capability', version: '1.0.0' },
  ],
  load(host) {
    const limited = (limit: string) => host.limited(limit);
    const throttle = host.keep(THROTTLE, () => new Throttle(host, limited, () => host.now()));
    const streams = host.keep(STREAMS, () => new WeakMap());
    const logins: Logins = {
      of(stream) {
        const login = streams.get(stream) ?? new Login(stream, host, throttle);
        streams.set(stream, login);
        return login;
      },
    };
    host.provide(LOGINS, logins);
    host.hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity === undefined) features.push(...offer(logins.of(stream)));
    });
    host.hooks.on('stream-authenticated', ({ stream }) => void streams.delete(stream));
    host.hooks.nonza(NS.sasl, (event) => heard(logins, event));
  },
};

/** Section 6.3, XEP-0440. */
function offer(login: Login): string[] {
  const { names, bindings } = login.offer();
  const list = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
  const features = [`<mechanisms xmlns='${NS.sasl}'>${list}</mechanisms>`];
  if (bindings.length === 0) return features;
  const types = bindings.map((type) => `<channel-binding type='${type}'/>`).join('');
  return [...features, `<sasl-channel-binding xmlns='${CHANNEL_BINDING}'>${types}</sasl-channel-binding>`];
}

function heard(logins: Logins, { stream, stanza }: StreamStanza): void {
  const { name } = stanza;
  if (name !== 'auth' && name !== 'response' && name !== 'abort') throw new StreamError('unsupported-stanza-type');
  const login = logins.of(stream);
  login.attempt(DIALECT, () => stepOf(login, stanza));
}

/** Sections 6.4.2 to 6.4.4. */
function stepOf(login: Login, stanza: Stanza): Step | Promise<Step> {
  const text = stanza.tree.getText();
  if (stanza.name === 'abort') throw new SaslError('aborted');
  if (stanza.name === 'response') return login.respond(DIALECT, responseData(text));
  return login.begin(DIALECT, stanza.attr('mechanism') ?? '', initialData(text));
}

const DIALECT: Dialect = {
  challenge(stream, data) {
    say(stream, 'challenge', toText(data));
  },
  failure(stream, { condition, text }) {
    const said = text === undefined ? '' : `<text xml:lang='en'>${escapeText(text)}</text>`;
    say(stream, 'failure', `<${condition}/>${said}`);
  },
  success(stream, { data }: LoggedIn) {
    say(stream, 'success', data === undefined ? '' : toText(data));
  },
};

function say(stream: C2s, name: string, content: string): void {
  stream.send(Stanza.from(`<${name} xmlns='${NS.sasl}'>${content}</${name}>`));
}
