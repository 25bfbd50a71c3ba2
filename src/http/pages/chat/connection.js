// The stream of this window, over BOSH or WebSocket by strophe.js: logs in or registers, comes back by itself with a growing
// pause, takes up the session of before a reload, and says what passes. It knows nothing of rosters and conversations.
//
// Events: `state`, `online` (detail: resumed), `refused` (detail: a sentence), `stanza` (detail: the element),
// `traffic` (detail: out, markup).

import './strophe.js';
import { Source } from './source.js';
import { child, NS, newId, problem, xml } from './xml.js';

const { Strophe } = globalThis.Strophe.Strophe ? globalThis.Strophe : globalThis;
const { Status } = Strophe;

const LONGEST = 30;
const PING_EVERY = 60_000;
const PING_WAIT = 15_000;
/** HTTP statuses after which Strophe tries the request again. */
const PASSING = [0, 502, 503, 504];

const AGAIN = 'Log in again, please.';
const REFUSALS = {
  'not-authorized': 'Wrong name or password.',
  'account-disabled': 'This account is closed.',
  conflict: 'Another client has taken the place of this one.',
  'host-unknown': 'The server does not serve this domain.',
  'temporary-auth-failure': 'The server cannot check passwords at the moment.',
  'no-auth-mech': 'The server offers no way to log in that this page knows.',
};

export class Connection extends Source {
  /** offline, connecting, online, troubled (BOSH, requests go unanswered) or waiting (until `again`). */
  state = 'offline';
  /** The full JID, once it was online. */
  address = '';
  /** When the next attempt comes, in milliseconds since 1970. */
  again = 0;
  #urls;
  #account;
  #secret;
  #strophe;
  #attempt = 0;
  #established = false;
  #reason;
  #timer;

  /** @param urls of `bosh` and `websocket` */
  constructor(urls) {
    super();
    this.#urls = urls;
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    addEventListener('online', () => this.retry());
    globalThis.document.addEventListener('visibilitychange', () => this.#looked());
    setInterval(() => this.#ping(), PING_EVERY);
  }

  /** Who is connected: kind (`anonymous` or `account`), domain, name, transport, and after a login SCRAM's keys. */
  get account() {
    return this.#account;
  }

  /** A first connection; `registers` makes the account before. */
  begin({ password, registers, ...account }) {
    this.#account = account;
    this.#secret = password;
    this.#established = false;
    this.#attempt = 0;
    this.#connect(registers);
  }

  /** Takes up what a page before this one left; a BOSH session is simply continued. */
  resume(account) {
    this.#account = account;
    this.#secret = account.keys;
    this.#established = true;
    if (account.transport !== 'bosh' || !this.#restore()) this.#connect();
  }

  /** At once rather than after the pause. */
  retry() {
    if (this.state === 'waiting') this.#connect();
  }

  /** Says goodbye. */
  end() {
    clearTimeout(this.#timer);
    const strophe = this.#strophe;
    this.#strophe = undefined;
    this.#enter('offline');
    strophe?.disconnect();
  }

  /** False when there is no stream to send on. */
  send(stanza) {
    if (this.state !== 'online') return false;
    this.#strophe.send(stanza);
    return true;
  }

  /** An IQ; resolves with its result, rejects with condition and text. */
  request(type, to, payload) {
    const stanza = xml('iq', { type, to, id: newId() }, payload);
    return new Promise((resolve, reject) => {
      if (this.state !== 'online') reject({ condition: 'offline', text: 'not connected' });
      else this.#strophe.sendIQ(stanza, resolve, (error) => reject(problem(error)), PING_WAIT);
    });
  }

  #connect(registers = false) {
    clearTimeout(this.#timer);
    const { kind, domain, name } = this.#account;
    if (kind === 'account' && this.#secret === undefined) return this.#refuse(AGAIN);
    const strophe = this.#open();
    if (registers) this.#registerFirst(strophe);
    this.#enter('connecting');
    const jid = kind === 'account' ? `${name}@${domain}` : domain;
    strophe.connect(jid, this.#secret ?? '', (...news) => this.#changed(strophe, ...news));
  }

  #restore() {
    const strophe = this.#open();
    try {
      strophe.restore(undefined, (...news) => this.#changed(strophe, ...news));
      return true;
    } catch {
      return false;
    }
  }

  #open() {
    const { transport } = this.#account;
    const websocket = transport === 'websocket';
    const strophe = new Strophe.Connection(this.#urls[transport], {
      keepalive: true,
      enableStreamManagement: websocket,
    });
    this.#strophe = strophe;
    this.#reason = undefined;
    strophe.rawInput = (markup) => {
      this.tell('traffic', { out: false, markup });
      // After Strophe has read it: it may be the end.
      if (this.state === 'troubled') setTimeout(() => this.#recovered(strophe));
    };
    strophe.rawOutput = (markup) => this.tell('traffic', { out: true, markup });
    for (const name of ['message', 'presence']) strophe.addHandler((each) => this.#received(each), null, name, null);
    strophe.addHandler((each) => this.#received(each), null, 'iq', ['get', 'set']);
    for (const status of PASSING) strophe.addProtocolErrorHandler('HTTP', status, () => this.#troubled(strophe));
    return strophe;
  }

  #registerFirst(strophe) {
    const authenticate = strophe.authenticate.bind(strophe);
    strophe.authenticate = (mechanisms) => {
      this.#register(strophe).then(
        () => authenticate(mechanisms),
        ({ message }) => this.#refuse(message),
      );
    };
  }

  async #register(strophe) {
    const { register } = await import('./registration.js');
    await register(strophe, { ...this.#account, password: this.#secret });
  }

  // Strophe forgets a handler that throws.
  #received(stanza) {
    try {
      this.tell('stanza', stanza);
    } catch (error) {
      reportError(error);
    }
    return true;
  }

  #changed(strophe, status, condition, element) {
    if (strophe !== this.#strophe) return;
    switch (status) {
      case Status.CONNECTED:
      case Status.ATTACHED:
        this.#online(strophe, status === Status.ATTACHED || strophe.hasResumed());
        break;
      case Status.AUTHFAIL:
        this.#refuse(this.#refusal(condition ?? element?.firstElementChild?.localName ?? 'not-authorized'));
        break;
      case Status.CONNFAIL:
      case Status.ERROR:
        this.#reason ??= condition;
        break;
      case Status.DISCONNECTED:
        this.#lost();
        break;
    }
  }

  #online(strophe, resumed) {
    this.#established = true;
    this.#attempt = 0;
    this.address = strophe.jid;
    if (strophe.scram_keys) this.#account = { ...this.#account, keys: strophe.scram_keys };
    this.#enter('online');
    this.tell('online', { resumed });
  }

  #refuse(sentence) {
    this.end();
    this.tell('refused', sentence);
  }

  // SCRAM's keys are of no use where every login has a salt of its own.
  #refusal(condition) {
    const stale = condition === 'not-authorized' && typeof this.#secret === 'object';
    return stale ? AGAIN : refusal(condition);
  }

  #lost() {
    this.#strophe = undefined;
    if (this.#reason === 'conflict' || this.#reason === 'host-unknown') this.#refuse(refusal(this.#reason));
    else if (!this.#established) this.#refuse(unreachable(this.#reason));
    else this.#wait();
  }

  #wait() {
    const pause = Math.min(LONGEST, 2 ** this.#attempt++) * (750 + 500 * chance());
    this.again = Date.now() + pause;
    this.#timer = setTimeout(() => this.#connect(), pause);
    this.#enter('waiting');
  }

  // Strophe repeats a request ever more rarely: good for a session that is there, too slow for one that is not yet.
  #troubled(strophe) {
    if (strophe !== this.#strophe) return;
    if (this.state === 'online') this.#enter('troubled');
    else if (!strophe.connected) setTimeout(() => strophe.disconnect());
  }

  #recovered(strophe) {
    if (strophe !== this.#strophe || this.state !== 'troubled') return;
    this.#enter('online');
    this.tell('online', { resumed: true });
  }

  #looked() {
    if (globalThis.document.hidden) return;
    this.retry();
    this.#ping();
  }

  // A WebSocket whose other side is gone stays open for long.
  #ping() {
    const strophe = this.#strophe;
    if (this.state !== 'online' || this.#account.transport !== 'websocket') return;
    this.request('get', this.#account.domain, xml('ping', { xmlns: NS.ping })).catch(({ condition }) => {
      if (condition === 'timeout' && strophe === this.#strophe) strophe._doDisconnect();
    });
  }

  #enter(state) {
    this.state = state;
    this.tell('state', state);
  }
}

/** The answer to an IQ request: a result, or an error with this condition. */
export function answer(iq, payload, condition) {
  const attributes = { to: iq.getAttribute('from') ?? undefined, id: iq.getAttribute('id') ?? undefined };
  if (condition === undefined) return xml('iq', { ...attributes, type: 'result' }, payload);
  const error = xml('error', { type: 'cancel' }, xml(condition, { xmlns: NS.stanzas }));
  return xml('iq', { ...attributes, type: 'error' }, error);
}

/** The payload of an IQ request, if it is this one. */
export function asks(iq, type, name, namespace) {
  return iq.getAttribute('type') === type ? child(iq, name, namespace) : undefined;
}

function refusal(condition) {
  return REFUSALS[condition] ?? `The server refused: ${condition.replaceAll('-', ' ')}.`;
}

function unreachable(condition) {
  return (
    REFUSALS[condition] ?? (/^[a-z-]+$/.test(condition ?? '') ? refusal(condition) : 'The server cannot be reached.')
  );
}

/** From 0 to 1. */
const chance = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
