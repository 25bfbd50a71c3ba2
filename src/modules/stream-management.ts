// Stream management (XEP-0198): both sides acknowledge stanzas, and a session whose connection is lost waits for its client
// to come back, over whatever transport.

import { randomBytes } from 'node:crypto';
import type { ModuleOptions } from '../config/modules.js';
import type { C2s } from '../core/c2s.js';
import type { StreamStanza } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Session } from '../core/session.js';
import type { Ending } from '../stream/end.js';
import { StreamError } from '../xmpp/errors.js';
import { NS } from '../xmpp/ns.js';
import { Stanza } from '../xmpp/stanza.js';
import { Acknowledged, type Keeper } from './acknowledged.js';

type Options = ModuleOptions['stream_management'];

const MANAGED = new Part<Managed>('managed streams');
const FEATURE = `<sm xmlns='${NS.sm3}'><optional/></sm>`;

export const streamManagement: Module<Options> = {
  name: 'stream_management',
  about: 'Acknowledges stanzas, and lets clients resume a session whose connection was lost.',
  specifications: [{ id: 'XEP-0198', name: 'Stream Management', version: '1.6.3' }],
  needs: ['bind'],
  load(host, options) {
    const gone = (managed: Managed) => managed.gone();
    const managed = host.keep(MANAGED, () => new Managed(host, options), gone);
    managed.options = options;
    const { hooks } = host;
    hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity !== undefined && stream.session === undefined) features.push(FEATURE);
    });
    hooks.nonza(NS.sm3, (event) => managed.heard(event));
    hooks.on('session-detached', ({ session, ending }) => managed.detached(session, ending));
    hooks.on('session-closed', ({ session }) => managed.closed(session));
  },
};

/** How long after it was sent something is asked about that no further stanza asked for; milliseconds. */
const PATIENCE = 1000;

class Managed implements Keeper {
  readonly #sessions = new WeakMap<Session, Acknowledged>();
  /** Those whose clients may come back, by their token. */
  readonly #tokens = new Map<string, Acknowledged>();
  /** Those without a stream, by when they are given up; the first is the next. */
  readonly #absent = new Map<Acknowledged, number>();
  /** Those to be asked, once. */
  readonly #unasked = new Set<Acknowledged>();
  #asking: NodeJS.Timeout | undefined;
  #expiring: NodeJS.Timeout | undefined;
  readonly #outcomes;

  constructor(
    readonly host: Host,
    public options: Options,
  ) {
    const help = 'Sessions that their clients wanted to resume (resumed, failed), or did not in time (expired).';
    this.#outcomes = host.metrics.counter('resumptions_total', help, ['outcome']);
    host.metrics.read('sessions_absent', 'Sessions that wait for their clients to come back.', ['host'], () => [
      [{ host: host.domain }, this.#absent.size] as const,
    ]);
  }

  get maxStanzas(): number {
    return this.options.max_unacked;
  }

  get maxBytes(): number {
    return this.options.max_unacked_bytes;
  }

  heard({ stream, stanza }: StreamStanza): void {
    const { name } = stanza;
    if (name === 'enable') this.#enable(stream, stanza);
    else if (name === 'resume') this.#resume(stream, stanza);
    else if (name === 'r') this.#answer(stream);
    else if (name === 'a') this.#acknowledged(stream, stanza);
    else throw new StreamError('unsupported-stanza-type');
  }

  /** Section 3. */
  #enable(stream: C2s, stanza: Stanza): void {
    const { session } = stream;
    if (session === undefined || this.#sessions.has(session)) {
      stream.send(failed('unexpected-request'));
      return;
    }
    const { resume_timeout } = this.options;
    const wants = /^(true|1)$/.test(stanza.attr('resume') ?? '') && resume_timeout > 0;
    const token = wants ? randomBytes(18).toString('base64url') : undefined;
    const unacknowledged = new Acknowledged(session, this, token);
    this.#sessions.set(session, unacknowledged);
    if (token !== undefined) this.#tokens.set(token, unacknowledged);
    session.handled = 0;
    const offer = token === undefined ? '' : ` id='${token}' resume='true' max='${resume_timeout}'`;
    stream.send(new Stanza(Buffer.from(`<enabled xmlns='${NS.sm3}'${offer}/>`), NS.sm3));
    session.outbound = unacknowledged;
  }

  #answer(stream: C2s): void {
    const { session } = stream;
    if (session === undefined || !this.#sessions.has(session)) throw new StreamError('unsupported-stanza-type');
    stream.send(new Stanza(Buffer.from(`<a xmlns='${NS.sm3}' h='${session.handled % 2 ** 32}'/>`), NS.sm3));
  }

  #acknowledged({ session }: C2s, stanza: Stanza): void {
    const unacknowledged = session && this.#sessions.get(session);
    if (unacknowledged === undefined) throw new StreamError('unsupported-stanza-type');
    unacknowledged.acknowledge(countOf(stanza));
  }

  /** Section 5. */
  #resume(stream: C2s, stanza: Stanza): void {
    const { identity } = stream;
    const unacknowledged = this.#tokens.get(stanza.attr('previd') ?? '');
    if (identity === undefined || stream.session !== undefined) {
      stream.send(failed('unexpected-request'));
      return;
    }
    const { session } = unacknowledged ?? {};
    if (unacknowledged === undefined || session === undefined || !session.jid.bare.equals(identity.jid)) {
      this.#outcomes.inc({ outcome: 'failed' });
      stream.send(failed('item-not-found'));
      return;
    }
    // What was handled is what was kept.
    const working = session.stream?.working;
    if (working !== undefined) {
      stream.hold(working.then(() => stream.over || this.#resume(stream, stanza)));
      return;
    }
    unacknowledged.acknowledge(countOf(stanza));
    this.#absent.delete(unacknowledged);
    session.stream?.replaced();
    session.stream = undefined;
    session.unfiltered();
    session.stream = stream;
    stream.bound(session);
    const token = unacknowledged.token;
    stream.send(
      new Stanza(
        Buffer.from(`<resumed xmlns='${NS.sm3}' previd='${token}' h='${session.handled % 2 ** 32}'/>`),
        NS.sm3,
      ),
    );
    this.#outcomes.inc({ outcome: 'resumed' });
    unacknowledged.repeat();
  }

  /** True: it waits for its client. Only who vanished may come back: a goodbye ends it (section 5). */
  detached(session: Session, { how }: Ending): boolean {
    const unacknowledged = this.#sessions.get(session);
    if (unacknowledged?.token === undefined || how !== 'lost') return false;
    session.unfiltered();
    this.#absent.set(unacknowledged, this.host.now() + this.options.resume_timeout * 1000);
    this.#expire();
    return true;
  }

  closed(session: Session): void {
    const unacknowledged = this.#sessions.get(session);
    if (unacknowledged === undefined) return;
    this.#sessions.delete(session);
    this.#absent.delete(unacknowledged);
    if (unacknowledged.token !== undefined) this.#tokens.delete(unacknowledged.token);
  }

  /** Nobody counts any more: who is away does not come back, and who is there goes on without. */
  gone(): void {
    clearTimeout(this.#asking);
    clearTimeout(this.#expiring);
    for (const [unacknowledged] of [...this.#absent]) unacknowledged.session.closed({ how: 'lost' });
    for (const session of this.host.sessions) {
      if (session.stream !== undefined) this.#sessions.get(session)?.replacedBy(session.stream.client);
    }
  }

  // What clients leave unacknowledged.

  waits(unacknowledged: Acknowledged): void {
    this.#unasked.add(unacknowledged);
    this.#asking ??= setTimeout(() => this.#ask(), PATIENCE).unref();
  }

  limited(limit: string): void {
    this.host.limited(`stream_management.${limit}`);
  }

  #ask(): void {
    this.#asking = undefined;
    const unasked = [...this.#unasked];
    this.#unasked.clear();
    for (const unacknowledged of unasked) unacknowledged.ask();
  }

  // Those who do not come back.

  /** One timer for all: they are given up in the order in which they left. */
  #expire(): void {
    if (this.#expiring !== undefined) return;
    for (const [, at] of this.#absent) {
      this.#expiring = setTimeout(() => this.#expired(), Math.max(at - this.host.now(), 0)).unref();
      return;
    }
  }

  #expired(): void {
    this.#expiring = undefined;
    const now = this.host.now();
    for (const [unacknowledged, at] of [...this.#absent]) {
      if (at > now) break;
      this.#outcomes.inc({ outcome: 'expired' });
      unacknowledged.session.closed({ how: 'lost' });
    }
    this.#expire();
  }
}

const failed = (condition: string): Stanza =>
  new Stanza(Buffer.from(`<failed xmlns='${NS.sm3}'><${condition} xmlns='${NS.stanzas}'/></failed>`), NS.sm3);

function countOf(stanza: Stanza): number {
  const h = stanza.attr('h') ?? '';
  if (!/^\d{1,10}$/.test(h) || Number(h) >= 2 ** 32) throw new StreamError('policy-violation', 'h is no count');
  return Number(h);
}
