// What the load process knows of a session, whatever carries it.

import type { Conversation } from './conversation.js';

export interface SessionOptions {
  readonly kind: 'bosh' | 'ws' | 'tcp';
  readonly port: number;
  readonly path: string;
  readonly domain: string;
  /** A relay that parses nothing stands there: no login, unless told, and the session is the URL's path. */
  readonly relay: boolean;
  /** Logs in all the same: the backend behind it answers. */
  readonly bound?: boolean;
  /** Text in each message. */
  readonly bytes: number;
  /** Messages in one turn. */
  readonly burst: number;
  /** BOSH: each turn sends a poll and the messages in two requests on two connections. */
  readonly two: boolean;
  /** BOSH: messages go over another connection than the one that the session began with, which is that of a proxy. */
  readonly elsewhere?: boolean;
  /** Session n is the user u<n>; without it everybody is anonymous. */
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256';
  /** Fetches the roster and sends initial presence once it is bound. */
  readonly available?: boolean;
  /** Every second session answers the one before it; otherwise each talks to itself. */
  readonly pairs?: boolean;
}

export interface Session {
  readonly talk: Conversation;
  /** From the connection to the result of the resource binding, or to the own presence. */
  open(): Promise<void>;
  /** Sends the next messages; told to `turned` when those it waits for have come. */
  turn(): void;
  /** Nothing to say: leaves a request waiting, or just stays. */
  rest(): void;
  /** Whether it still rests. */
  rests(): boolean;
  /** Says goodbye; rejects when something came that nobody sent. */
  finish(): Promise<void>;
  /** Its connections are gone, without a word. */
  cut(): void;
  /** What it is waiting for. */
  waitsFor(): string;
}

/** What a session tells. */
export interface Listener {
  /** All messages of the turn came, once, whole and in order. */
  turned(session: Session): void;
  failed(error: Error): void;
  /** Requests or frames sent, counted. */
  sent(): void;
}

/** Whether it is to be logged in. */
export function logsIn({ relay, bound = false }: SessionOptions): boolean {
  return !relay || bound;
}
