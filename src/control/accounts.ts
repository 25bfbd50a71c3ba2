// What an operator may ask, about accounts mostly, and the answers: as values that can be said as JSON. Whether it comes over the
// control socket or is done on the store at once is the same.

import { AccountError, type Accounts } from '../core/accounts.js';
import type { StanzaError } from '../xmpp/errors.js';
import { JID } from '../xmpp/jid.js';

export const ACCOUNT_COMMANDS = ['adduser', 'passwd', 'deluser', 'disableuser', 'enableuser'] as const;
export type AccountCommand = (typeof ACCOUNT_COMMANDS)[number];

export interface AccountRequest {
  readonly command: AccountCommand;
  /** Bare JID. */
  readonly jid: string;
  /** For `adduser` and `passwd`. */
  readonly password?: string;
}

/** `domain`: it is not served here; `failed`: not the operator's fault, and `text` says why. */
export type Outcome = 'done' | 'exists' | 'unknown' | 'password' | 'domain' | 'malformed' | 'failed';

export interface Answer {
  readonly outcome: Outcome;
  readonly text?: string;
}

/** What an operator has to say to the users of a domain. */
export interface AnnounceRequest {
  readonly command: AnnounceCommand;
  readonly domain: string;
  readonly text: string;
}

/** To those who are there, or to all accounts. */
export const ANNOUNCE_COMMANDS = ['announce', 'announceall'] as const;
export type AnnounceCommand = (typeof ANNOUNCE_COMMANDS)[number];

export type ControlRequest = AccountRequest | AnnounceRequest;

/** Begins to tell it; the domain is as the operator wrote it. Never throws. */
export type Announce = (request: AnnounceRequest) => Answer;

/** The accounts of a domain that is served here, by its prepared name. */
export type AccountsOf = (domain: string) => Accounts | undefined;

/** Does it. Never rejects. */
export async function carryOut(request: AccountRequest, accountsOf: AccountsOf): Promise<Answer> {
  try {
    const { local, domain, isBare } = JID.parse(request.jid);
    const accounts = accountsOf(domain);
    if (local === '' || !isBare) return { outcome: 'malformed' };
    if (accounts === undefined) return { outcome: 'domain' };
    await change(request, local, accounts);
    return { outcome: 'done' };
  } catch (error) {
    if (error instanceof AccountError) return { outcome: error.reason };
    if ((error as StanzaError).condition === 'jid-malformed') return { outcome: 'malformed' };
    return { outcome: 'failed', text: error instanceof Error ? error.message : String(error) };
  }
}

function change({ command, password = '' }: AccountRequest, username: string, accounts: Accounts): Promise<void> {
  switch (command) {
    case 'adduser':
      return accounts.create(username, password);
    case 'passwd':
      return accounts.setPassword(username, password);
    case 'deluser':
      return accounts.delete(username);
    case 'disableuser':
      return accounts.disable(username);
    case 'enableuser':
      return accounts.enable(username);
  }
}
