// Stream management (XEP-0198): both sides acknowledge stanzas, and a session whose connection is lost waits for its client
// to come back, over whatever transport.

import { randomBytes } from 'node:crypto';
import type { ModuleOptions } from '../config/modules.js';
import type { C2s } from '../core/c2s.js';
import type { InlineBoundEvent, StreamStanza } from '../core/hooks.js';
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

/** Resumes a session as part of a log-in (section 9.2 of version 1.6.3). */
export interface Resumption {
  /**
   * Calls `said` with the session that goes on over this stream and with `<resumed/>`, before anything is sent again;
   * false: there is none such. Rejects with StreamError.
   */
  resume(stream: C2s, asked: Asked, said: (session: Session, answer: string) => void): Promise<boolean>;
}
export const RESUMPTION = new Part<Resumption>('resumption');

/** Attributes of `<resume/>` and `<enable/>`. */
type Asked = Readonly<Record<string, string | undefined>>;

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
    host.provide(RESUMPTION, managed);
    const { hooks } = host;
    hooks.on('stream-features', ({ stream, features }) => {
      if (stream.identity !== undefined && stream.session === undefined) features.push(FEATURE);
    });
    hooks.nonza(NS.sm3, (event) => managed.heard(event));
    hooks.on('inline-features', ({ features }) => void features.add(NS.sm3));
    hooks.on('inline-bound', (event) => managed.bound(event));
    hooks.on('session-detached', ({ session, ending }) => managed.detached(session, ending));
    hooks.on('session-closed', ({ session }) => managed.closed(session));
  },
};

/** How long after it was sent something is asked about that no further stanza asked for; milliseconds. */
const PATIENCE = 1000;

class Managed implements Keeper, Resumption {
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
    else if (name === 'resume') this.#asked(stream, stanza);
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
    const { enabled, begin } = this.#manage(session, stanza.attr('resume'));
    stream.send(new Stanza(Buffer.from(enabled), NS.sm3));
    begin();
  }

  /** As part of a log-in: what comes behind its success is counted. */
  bound({ session, asked, answers, afterwards }: InlineBoundEvent): void {
    const enable = asked.getChild('enable', NS.sm3);
    if (enable === undefined) return;
    const { enabled, begin } = this.#manage(session, enable.attrs.resume);
    answers.push(enabled);
    afterwards.push(begin);
  }

  #manage(session: Session, resume = ''): { enabled: string; begin: () => void } {
    const { resume_timeout } = this.options;
    const wants = /^(true|1)$/.test(resume) && resume_timeout > 0;
    const token = wants ? randomBytes(18).toString('base64url') : undefined;
    const unacknowledged = new Acknowledged(session, this, token);
    this.#sessions.set(session, unacknowledged);
    if (token !== undefined) this.#tokens.set(token, unacknowledged);
    session.handled = 0;
    const offer = token === undefined ? '' : ` id='${token}' resume='true' max='${resume_timeout}'`;
    const begin = () => {
      session.outbound = unacknowledged;
    };
    return { enabled: `<enabled xmlns='${NS.sm3}'${offer}/>`, begin };
  }

  #answer(stream: C2s): void {
    const { session, working } = stream;
    const managed = session && this.#sessions.get(session);
    if (managed === undefined) throw new StreamError('unsupported-stanza-type');
    const { handled } = managed.session;
    if (working === undefined) managed.answer(handled, stream);
    // What was handled is what was kept.
    else void working.then(() => managed.session.stream === stream && managed.answer(handled, stream));
  }

  #acknowledged({ session }: C2s, stanza: Stanza): void {
    const unacknowledged = session && this.#sessions.get(session);
    if (unacknowledged === undefined) throw new StreamError('unsupported-stanza-type');
    unacknowledged.acknowledge(countOf(stanza.attr('h')));
  }

  /** Section 5. */
  #asked(stream: C2s, stanza: Stanza): void {
    if (stream.identity === undefined || stream.session !== undefined) {
      stream.send(failed('unexpected-request'));
      return;
    }
    const asked = { previd: stanza.attr('previd'), h: stanza.attr('h') };
    const said = (_: Session, answer: string) => stream.send(new Stanza(Buffer.from(answer), NS.sm3));
    stream.hold(
      this.resume(stream, asked, said).then((resumed) => {
        if (!resumed) stream.send(failed('item-not-found'));
      }),
    );
  }

  async resume(...[stream, asked, said]: Parameters<Resumption['resume']>): Promise<boolean> {
    for (;;) {
      const unacknowledged = this.#find(stream, asked);
      if (unacknowledged === undefined) return false;
      // What was handled is what was kept.
      const { session } = unacknowledged;
      const working = session.stream?.working ?? session.keeping;
      if (working === undefined) {
        this.#goOn(stream, unacknowledged, countOf(asked.h), said);
        return true;
      }
      await working;
    }
  }

  #find({ identity, over }: C2s, { previd = '' }: Asked): Acknowledged | undefined {
    const unacknowledged = this.#tokens.get(previd);
    const isTheirs = identity !== undefined && unacknowledged?.session.jid.bare.equals(identity.jid);
    if (isTheirs && !over) return unacknowledged;
    this.#outcomes.inc({ outcome: 'failed' });
    return undefined;
  }

  #goOn(stream: C2s, unacknowledged: Acknowledged, h: number, said: (session: Session, answer: string) => void): void {
    const { session, token } = unacknowledged;
    unacknowledged.acknowledge(h);
    this.#absent.delete(unacknowledged);
    session.stream?.replaced();
    session.stream = undefined;
    session.unfiltered();
    session.stream = stream;
    stream.bound(session);
    said(session, `<resumed xmlns='${NS.sm3}' previd='${token}' h='${session.handled % 2 ** 32}'/>`);
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

function countOf(h = ''): number {
  if (!/^\d{1,10}$/.test(h) || Number(h) >= 2 ** 32) throw new StreamError('policy-violation', 'h is no count');
  return Number(h);
}
