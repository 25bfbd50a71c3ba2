// Commands that a host offers (XEP-0050), as modules bring them: what is to be filled in, stage by stage, and what it comes
// to. Types only; the module `commands` speaks the protocol.

import type { Element } from '../xmpp/element.js';
import type { JID } from '../xmpp/jid.js';
import type { Session } from './session.js';

/** Who runs a command. */
export interface Caller {
  /** A full address; proven. */
  readonly from: JID;
  /** When it is a client of this server. */
  readonly session: Session | undefined;
}

/** A sentence for people. */
export interface Note {
  readonly type: 'info' | 'warn' | 'error';
  readonly text: string;
}

/** It is done. */
export interface CommandResult {
  /** XML, such as a data form of type `result`. */
  readonly payload?: string;
  readonly notes?: readonly Note[];
}

/** Something has to be filled in first. */
export interface CommandStage {
  /** A data form (XEP-0004), as XML. */
  readonly form: string;
  /** What is filled in here is the last there is. */
  readonly last: boolean;
  /**
   * Takes what was filled in; undefined: the client sent no form. What it throws as StanzaError is told, and the client may
   * try again.
   */
  take(form: Element | undefined): CommandStep | Promise<CommandStep>;
}

export type CommandStep = CommandResult | CommandStage;

export interface Command {
  /** Unique in its host. */
  readonly node: string;
  /** For people. */
  readonly name: string;
  /** Who may run it also sees it; asked again at each stage. */
  mayRun(from: JID): boolean;
  run(caller: Caller): CommandStep | Promise<CommandStep>;
}
