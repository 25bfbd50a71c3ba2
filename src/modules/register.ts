// In-band registration (XEP-0077): clients make accounts before they log in, where the domain lets them, and change their
// password or delete their account later. Passwords are only taken where nobody can read along.

import type { ModuleOptions } from '../config/modules.js';
import { AccountError } from '../core/accounts.js';
import type { C2s } from '../core/c2s.js';
import type { DONE, IqRequest, StreamStanza } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import { SaslError } from '../core/sasl/errors.js';
import type { Session } from '../core/session.js';
import { errorAnswer, resultAnswer } from '../xmpp/answer.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { escapeText } from '../xmpp/escape.js';
import { JID } from '../xmpp/jid.js';
import { Admins } from './admins.js';
import { Registrations } from './registrations.js';
import { stanzaErrorOf, stored } from './store-error.js';

const REGISTER = 'jabber:iq:register';
const FEATURE = "<register xmlns='http://jabber.org/features/iq-register'/>";
const FORM = `<query xmlns='${REGISTER}'><instructions>Choose a username and password.</instructions><username/><password/></query>`;

const REGISTRATIONS = new Part<Registrations>('registrations');

export const register: Module<ModuleOptions['register']> = {
  name: 'register',
  about: 'Lets clients make accounts, change their passwords and delete their accounts.',
  specifications: [{ id: 'XEP-0077', name: 'In-Band Registration', version: '2.4' }],
  load(host, options) {
    const { hooks } = host;
    const registrations = host.keep(REGISTRATIONS, () => new Registrations(options, () => host.now()));
    registrations.limits = options;
    const desk = new Desk(host, registrations);
    hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity === undefined && host.options.auth.register && stream.secure) features.push(FEATURE);
    });
    hooks.on('iq/unauthenticated', (event) => desk.asked(event));
    for (const address of ['own', 'host'] as const) {
      hooks.iq('get', address, REGISTER, 'query', (request) => registered(host, request));
      hooks.iq('set', address, REGISTER, 'query', (request) => changed(host, request));
    }
    hooks.on('disco/host', ({ features }) => void (host.options.auth.register && features.add(REGISTER)));
  },
};

/** Where those come who have no account yet (section 3.1). */
class Desk {
  /** Streams that made one: each makes one. */
  readonly #served = new WeakSet<C2s>();
  readonly #admins: Admins;

  constructor(
    readonly host: Host,
    readonly registrations: Registrations,
  ) {
    this.#admins = new Admins(host);
  }

  /** True: it was about registration. */
  asked({ stream, stanza }: StreamStanza): boolean {
    const { payload, type } = stanza;
    if (payload?.ns !== REGISTER || payload.name !== 'query' || (type !== 'get' && type !== 'set')) return false;
    const query = stanza.tree.getChild('query', REGISTER);
    const work = async () => (type === 'get' ? this.#form(stream) : this.#make(stream, query));
    const answered = work().then(
      (answer) => stream.send(resultAnswer(stanza, answer)),
      (thrown) => {
        const error = stanzaErrorOf(thrown);
        if (!(error instanceof StanzaError)) throw error;
        stream.send(errorAnswer(stanza, error));
      },
    );
    stream.hold(answered);
    return true;
  }

  #form(stream: C2s): string {
    this.#check(stream);
    return FORM;
  }

  async #make(stream: C2s, query: Element | undefined): Promise<undefined> {
    this.#check(stream);
    if (this.#served.has(stream)) throw new StanzaError('cancel', 'not-acceptable', 'one account is made already');
    const { username, password } = this.#read(query);
    // The account of an admin that nobody has made yet is not for whoever comes first.
    if (this.#admins.has(JID.of(username, this.host.domain)))
      throw new StanzaError('cancel', 'conflict', 'the username is taken');
    const undo = this.#count(stream);
    try {
      await this.host.accounts.create(username, password);
    } catch (error) {
      undo();
      throw refusal(error);
    }
    this.#served.add(stream);
    this.host.log.info('account_registered', { address: stream.client.remoteAddress });
  }

  #check(stream: C2s): void {
    if (!this.host.options.auth.register) throw new StanzaError('cancel', 'service-unavailable');
    if (!stream.secure) throw new StanzaError('auth', 'not-authorized', 'only over an encrypted connection');
  }

  #read(query: Element | undefined): { username: string; password: string } {
    const [username, password] = ['username', 'password'].map((name) => query?.getChildText(name, REGISTER) ?? '');
    if (username === '' || password === '') throw notAcceptable('a username and a password');
    try {
      return { username: JID.of(username, this.host.domain).local, password };
    } catch (error) {
      throw error instanceof StanzaError ? notAcceptable('not a username') : error;
    }
  }

  #count({ client: { remoteAddress } }: C2s): () => void {
    const { limits, trusted_proxies } = this.host;
    if (!limits.rates) return () => {};
    const undo = this.registrations.take(remoteAddress, trusted_proxies);
    if (undo !== undefined) return undo;
    this.host.limited('register.per_address');
    throw new StanzaError('wait', 'policy-violation', 'too many accounts were made from this address');
  }
}

// What those ask who have an account.

function registered(host: Host, request: IqRequest): string {
  const { jid } = memberOf(host, request);
  return `<query xmlns='${REGISTER}'><registered/><username>${escapeText(jid.local)}</username><password/></query>`;
}

function changed(host: Host, request: IqRequest): Promise<typeof DONE> {
  const session = memberOf(host, request);
  const { payload } = request;
  const remove = payload.getChild('remove', REGISTER) !== undefined;
  if (remove && payload.getChildElements().length > 1) throw badRequest('remove alone');
  const work = remove ? cancel(host, session, request) : change(host, session, payload);
  return stored(
    request,
    work.catch((error) => {
      throw refusal(error);
    }),
  );
}

/** Section 3.2: the client is told before its session ends. */
async function cancel(host: Host, session: Session, { stanza }: IqRequest): Promise<void> {
  await host.accounts.delete(session.jid.local, () => session.send(resultAnswer(stanza)));
}

/** Section 3.3. */
async function change(host: Host, { jid, stream }: Session, query: Element): Promise<void> {
  const [username, password] = ['username', 'password'].map((name) => query.getChildText(name, REGISTER) ?? '');
  if (username === '' || password === '') throw badRequest('a username and a password');
  if (!isNamed(username, jid)) throw new StanzaError('cancel', 'not-allowed', 'the password of another');
  if (!stream?.secure) throw new StanzaError('auth', 'not-authorized', 'only over an encrypted connection');
  await host.accounts.setPassword(jid.local, password);
}

function isNamed(username: string, { local, domain }: JID): boolean {
  try {
    return JID.of(username, domain).local === local;
  } catch {
    return false;
  }
}

/** The session of an account of this host. Throws StanzaError for others. */
function memberOf({ domain }: Host, { session }: IqRequest): Session {
  if (session === undefined || session.jid.domain !== domain) throw new StanzaError('auth', 'forbidden');
  if (session.anonymous) throw new StanzaError('cancel', 'not-allowed', 'without an account');
  return session;
}

const notAcceptable = (text: string) => new StanzaError('modify', 'not-acceptable', text);
const badRequest = (text: string) => new StanzaError('modify', 'bad-request', text);

/** What an account error is to the client; others stay what they are. */
function refusal(error: unknown): unknown {
  if (error instanceof SaslError) return new StanzaError('wait', 'resource-constraint', 'too many at once');
  if (!(error instanceof AccountError)) return error;
  if (error.reason === 'exists') return new StanzaError('cancel', 'conflict', 'the username is taken');
  if (error.reason === 'password') return notAcceptable('not a password');
  return new StanzaError('auth', 'registration-required');
}
