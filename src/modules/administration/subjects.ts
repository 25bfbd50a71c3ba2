// Which accounts a command of an admin is about, and what becomes of each.

import { AccountError } from '../../core/accounts.js';
import type { CommandResult, Note } from '../../core/command.js';
import type { Host } from '../../core/host.js';
import { SaslError } from '../../core/sasl/errors.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { bad } from '../commands/errors.js';
import type { Answers, FormField } from '../commands/form.js';
import { stanzaErrorOf } from '../store-error.js';

export const ADMIN = 'http://jabber.org/protocol/admin';

export const ONE: FormField = { name: 'accountjid', type: 'jid-single', label: 'The account', required: true };

export const several = (maxValues: number): FormField => ({
  name: 'accountjids',
  type: 'jid-multi',
  label: 'The accounts, one address a line',
  required: true,
  maxValues,
});

/** Throws StanzaError bad-payload when it is none of an account of this host. */
export function accountOf(host: Host, answers: Answers, name = ONE.name): string {
  const [jid] = answers.jids(name);
  return checked(host, jid, name).local;
}

/** Of accounts, each once. */
export function accountsOf(host: Host, answers: Answers, name = 'accountjids'): string[] {
  return [...new Set(answers.jids(name).map((jid) => checked(host, jid, name).local))];
}

/** An address of an account here; with `resources`, or of a client of it. */
export function checked({ domain }: Host, jid: JID, name: string, resources = false): JID {
  const wrong = (what: string) => bad('bad-payload', `${name}: ${jid.toString().slice(0, 100)} ${what}`);
  if (jid.local === '') throw wrong('is no account');
  if (jid.domain !== domain) throw wrong('is of another domain');
  if (!jid.isBare && !resources) throw wrong('is a client, not an account');
  return jid;
}

/** Throws StanzaError item-not-found when one is not there. */
export async function checkExist({ accounts }: Host, usernames: readonly string[]): Promise<void> {
  for (const username of usernames) if (!(await accounts.exists(username))) throw unknown(username);
}

const unknown = (username: string) => new StanzaError('cancel', 'item-not-found', `there is no account ${username}`);

/** What an error about an account is to the admin; others stay what they are. */
export function refusal(thrown: unknown, username: string): unknown {
  if (thrown instanceof SaslError) return new StanzaError('wait', 'resource-constraint', 'too many at once');
  if (!(thrown instanceof AccountError)) return stanzaErrorOf(thrown);
  if (thrown.reason === 'exists') return new StanzaError('cancel', 'conflict', `there is an account ${username}`);
  if (thrown.reason === 'unknown') return unknown(username);
  return bad('bad-payload', 'password: is too long, or has characters that cannot be typed everywhere');
}

/**
 * Does it to one after the other; what fails keeps none of the others from being done, and is told by name. Throws when
 * nothing could be done.
 */
export async function each(
  { log }: Host,
  usernames: readonly string[],
  work: (username: string) => Promise<void>,
): Promise<CommandResult> {
  const failures: { username: string; error: unknown }[] = [];
  for (const username of usernames) {
    try {
      await work(username);
    } catch (error) {
      const told = refusal(error, username);
      if (!(told instanceof StanzaError)) log.error('admin_command_failed', { account: username, error });
      failures.push({ username, error: told });
    }
  }
  if (failures.length === usernames.length && failures.length > 0) throw failures[0].error;
  const notes = failures.map(({ username, error }): Note => ({ type: 'error', text: `${username}: ${told(error)}` }));
  return { notes: [{ type: 'info', text: `done for ${usernames.length - failures.length} accounts` }, ...notes] };
}

const told = (error: unknown): string =>
  error instanceof StanzaError ? (error.text ?? error.condition) : 'it failed, and the log of the server has why';
