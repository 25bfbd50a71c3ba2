// The hooks of a host: where modules take part. They are named by the kind of address, all declared here with what they
// are given, so that a misspelt one does not compile. Handlers run by priority, higher first, then in the order they
// came; one that returns true has handled it, and no other is asked. A handler refuses by throwing a StanzaError or a
// StreamError; whatever else it throws is its module's failure, and the others are asked as if it had not been there.

import type { Ending } from '../stream/end.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError, StreamError } from '../xmpp/errors.js';
import type { JID } from '../xmpp/jid.js';
import type { Kind, Stanza } from '../xmpp/stanza.js';
import type { C2s } from './c2s.js';
import type { Command } from './command.js';
import type { Routed } from './routed.js';
import type { Session } from './session.js';

/** What an address stands for: a resource, an account, or the host itself. */
export type Address = 'full' | 'bare' | 'host';

/** A stanza that came for an address of this host. */
export type StanzaHook = `${Kind}/${Address}`;
/** A stanza that a client of this host sends, before it is routed; `pre-presence/self` has no `to`. */
export type PreHook = `pre-${Kind}/${Address}` | 'pre-presence/self';

export interface FeaturesEvent {
  readonly stream: C2s;
  /** Elements in their order, each self-contained XML. */
  readonly features: string[];
}

export interface StreamStanza {
  readonly stream: C2s;
  readonly stanza: Stanza;
}

export interface SessionEvent {
  readonly session: Session;
}

export interface BindingEvent extends SessionEvent {
  /** Push what has to be there before the client is told its address: the account's data, read from the store. */
  readonly waits: Promise<unknown>[];
}

/** What can be on from the beginning of a session (XEP-0386), by namespace. */
export interface InlineFeaturesEvent {
  readonly features: Set<string>;
}

/** What an account's client is told in any case as it binds that way: push what reads it. */
export interface InlineBindingEvent {
  readonly username: string;
  readonly answers: Promise<string>[];
}

export interface InlineBoundEvent extends SessionEvent {
  /** The request, with what the client wants in it. */
  readonly asked: Element;
  /** What the client is told of it. */
  readonly answers: string[];
  /** What is to be done right after it was told. */
  readonly afterwards: (() => void)[];
}

export interface ClosedEvent extends SessionEvent {
  readonly ending: Ending;
}

/** Stanzas that were on their way to a session and did not reach its client, oldest first. */
export interface UndeliveredEvent extends SessionEvent {
  readonly stanzas: readonly Stanza[];
}

export interface ComponentEvent {
  readonly domain: string;
}

export interface AccountEvent {
  readonly username: string;
  /** Push what is to be done before it is said to be done. */
  readonly waits: Promise<unknown>[];
}

export interface UserEvent {
  /** The bare address. */
  readonly jid: JID;
  /** Push what is to be done before it is said to be done. */
  readonly waits: Promise<unknown>[];
}

export interface StoppingEvent {
  /** Push what was begun and is not done. */
  readonly waits: Promise<unknown>[];
}

/** Answers to disco#info are gathered from whoever has something to say. */
export interface DiscoEvent {
  readonly from: Routed['from'];
  readonly to: Routed['to'];
  /** Only for `disco-node`. */
  readonly node: string | undefined;
  readonly features: Set<string>;
  readonly identities: { category: string; type: string; name?: string }[];
  /** Data forms and other extensions. */
  readonly extensions: Element[];
}

/** An account is about to be asked what it is, or what it has. */
export interface DiscoAskingEvent {
  readonly username: string;
  readonly node: string | undefined;
  /** Push what has to be read before that. */
  readonly waits: Promise<unknown>[];
}

export interface DiscoItemsEvent {
  readonly from: Routed['from'];
  readonly to: Routed['to'];
  readonly node: string | undefined;
  readonly items: { jid: string; name?: string; node?: string }[];
}

/** What a host can be told to do (XEP-0050) is gathered from all modules. */
export interface CommandsEvent {
  readonly commands: Command[];
}

/** Somebody who may has something to say to many. */
export interface AnnouncementEvent {
  readonly text: string;
  readonly subject?: string;
  /** All accounts: those who are away find it when they come. */
  readonly audience: 'online' | 'all';
}

type StanzaEvents = { readonly [K in StanzaHook | PreHook]: Routed };

/** Hook names and what their handlers are given. */
export interface HookEvents extends StanzaEvents {
  /** The stream was opened, or restarted: what is offered to this client now. */
  'stream-features': FeaturesEvent;
  /** An iq from a client that is not authenticated; true: it was one that is taken then (in-band registration). */
  'iq/unauthenticated': StreamStanza;
  /** An iq from a client that is authenticated and has no resource yet. */
  'iq/unbound': StreamStanza;
  /** A client has proved who it is. */
  'stream-authenticated': { readonly stream: C2s };
  /** A resource is about to be bound. */
  'session-binding': BindingEvent;
  /** What a client may ask for as it logs in and binds. */
  'inline-features': InlineFeaturesEvent;
  /** A resource is about to be bound as its client logs in. */
  'inline-binding': InlineBindingEvent;
  /** A resource is bound as its client logs in; nobody else knows of it yet. */
  'inline-bound': InlineBoundEvent;
  /** A resource was bound. */
  'session-created': SessionEvent;
  /** Its connection is gone; true: somebody keeps the session for its client to come back (XEP-0198). */
  'session-detached': ClosedEvent;
  /** It is over; it is no longer among the host's sessions. */
  'session-closed': ClosedEvent;
  /** It is over, and these are left. */
  undelivered: UndeliveredEvent;
  /** A client became available, or sent presence again (RFC 6121 sections 4.2 and 4.4); `session.presence` is the new one. */
  'session-available': SessionEvent & { readonly initial: boolean };
  /** A client is unavailable: by its word, or because its session ended. */
  'session-unavailable': SessionEvent;
  /** A message for an account that nobody takes now: true: it is kept. */
  'message/offline': Routed;
  /** A component can be heard from now on: all hosts are there, or its link to another server is; and no more. */
  'component-up': ComponentEvent;
  'component-down': ComponentEvent;
  /** Several times a second, of a component: deadlines may be over. */
  sweep: { readonly now: number };
  'account-deleted': AccountEvent;
  /** An account of a domain of this server, told to components and to all domains. */
  'user-deleted': UserEvent;
  /** An account has another vCard; `source`: the module that wrote it, when its client did not. */
  'vcard-changed': { readonly username: string; readonly vcard: string; readonly source: string | undefined };
  /** The operator of this machine wants this told to the users of the host; true: it is being told. */
  announcing: AnnouncementEvent;
  /** The server is about to stop, and all clients are still there. */
  draining: StoppingEvent;
  /** The host is about to close, and its sessions are over; asked again until nobody has anything left to finish. */
  stopping: StoppingEvent;
  /** Push what you offer; who may run it is for each to say. */
  commands: CommandsEvent;
  'disco-asking/account': DiscoAskingEvent;
  'disco/host': DiscoEvent;
  'disco/account': DiscoEvent;
  'disco-items/host': DiscoItemsEvent;
  'disco-items/account': DiscoItemsEvent;
  /** One node of an address. True: it is one of ours, and all was said about it. */
  'disco-node/host': DiscoEvent;
  'disco-node/account': DiscoEvent;
  'disco-node-items/host': DiscoItemsEvent;
  'disco-node-items/account': DiscoItemsEvent;
}

/** True: handled. */
export type Handler<T> = (event: T) => unknown;

/** An iq of type get or set; its one child is `payload`. */
export interface IqRequest extends Routed {
  readonly payload: Element;
}

/** The answer with nothing in it. */
export const DONE = Symbol('done');

/** The payload of the result; DONE for none; nothing: this handler does not answer it after all (service-unavailable). */
export type IqAnswer = Element | string | typeof DONE | undefined;
export type IqHandler = (request: IqRequest) => IqAnswer | Promise<IqAnswer>;

/**
 * Whom an iq is for: the host; an account, whoever asks; or one's own account (with and without `to`), which is looked
 * for first.
 */
export type IqAddress = 'host' | 'account' | 'own';

/** What modules register with. Each returns its undo; what a module registered is undone when it is unloaded. */
export interface HookRegistry {
  on<K extends keyof HookEvents>(name: K, handler: Handler<HookEvents[K]>, priority?: number): () => void;
  /** A StanzaError that is thrown is the answer; anything else that is thrown, internal-server-error. */
  iq(type: 'get' | 'set', address: IqAddress, ns: string, name: string, handler: IqHandler): () => void;
  /** First-level elements of a client that are no stanzas, by namespace. */
  nonza(ns: string, handler: (event: StreamStanza) => void): () => void;
}

interface Entry {
  readonly owner: string;
  readonly priority: number;
  readonly handler: Handler<never>;
}

interface IqEntry {
  readonly owner: string;
  readonly handler: IqHandler;
}

interface NonzaEntry {
  readonly owner: string;
  readonly handler: (event: StreamStanza) => void;
}

/** Told of what a handler threw. */
export type Failed = (owner: string, error: unknown) => void;

const NONE: readonly Entry[] = [];

export class Hooks {
  readonly #lists = new Map<string, readonly Entry[]>();
  readonly #iqs = new Map<string, IqEntry>();
  readonly #nonzas = new Map<string, NonzaEntry>();

  constructor(readonly failed: Failed) {}

  /** The same hooks, for the handlers of one owner. */
  of(owner: string): HookRegistry {
    return {
      on: (name, handler, priority = 0) => this.#listed(name, { owner, priority, handler: handler as Handler<never> }),
      iq: (type, address, ns, name, handler) =>
        this.#kept(this.#iqs, `${type} ${address} ${ns} ${name}`, { owner, handler }),
      nonza: (ns, handler) => this.#kept(this.#nonzas, ns, { owner, handler }),
    };
  }

  /** True when one has handled it. */
  run<K extends keyof HookEvents>(name: K, event: HookEvents[K]): boolean {
    const list = this.#lists.get(name) ?? NONE;
    for (let i = 0; i < list.length; i++) {
      try {
        const answer = (list[i].handler as Handler<HookEvents[K]>)(event);
        if (answer === true) return true;
        if (answer instanceof Promise) this.#watch(list[i].owner, answer);
      } catch (error) {
        if (error instanceof StanzaError || error instanceof StreamError) throw error;
        this.failed(list[i].owner, error);
      }
    }
    return false;
  }

  /** All are asked, whatever one throws: for what happened, not for what is to be decided. */
  tell<K extends keyof HookEvents>(name: K, event: HookEvents[K]): void {
    for (const { handler, owner } of this.#lists.get(name) ?? NONE) {
      try {
        const answer = (handler as Handler<HookEvents[K]>)(event);
        if (answer instanceof Promise) this.#watch(owner, answer);
      } catch (error) {
        this.failed(owner, error);
      }
    }
  }

  /** Nobody waits for what a handler does later; but what it throws then is its module's failure too. */
  #watch(owner: string, work: Promise<unknown>): void {
    work.catch((error) => this.failed(owner, error));
  }

  iqHandler(type: string, address: IqAddress, ns: string, name: string): IqEntry | undefined {
    return this.#iqs.get(`${type} ${address} ${ns} ${name}`);
  }

  nonza(ns: string): NonzaEntry | undefined {
    return this.#nonzas.get(ns);
  }

  #listed(name: string, entry: Entry): () => void {
    const list = [...(this.#lists.get(name) ?? NONE), entry];
    this.#lists.set(
      name,
      list.sort((a, b) => b.priority - a.priority),
    );
    return () =>
      void this.#lists.set(
        name,
        (this.#lists.get(name) ?? NONE).filter((each) => each !== entry),
      );
  }

  #kept<T>(map: Map<string, T>, key: string, entry: T): () => void {
    if (map.has(key)) throw new Error(`"${key}" is handled already`);
    map.set(key, entry);
    return () => void (map.get(key) === entry && map.delete(key));
  }
}
