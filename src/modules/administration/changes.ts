// Commands that change accounts (XEP-0133 sections 4.1 to 4.5 and 4.7). All of it is what the command line does too.

import type { Caller, CommandResult } from '../../core/command.js';
import type { Host } from '../../core/host.js';
import { StanzaError, StreamError } from '../../xmpp/errors.js';
import { bad } from '../commands/errors.js';
import type { Answers, FormField } from '../commands/form.js';
import type { Named } from './admin-command.js';
import { accountOf, accountsOf, checkExist, checked, each, ONE, refusal, several } from './subjects.js';

const PASSWORD: FormField = { name: 'password', type: 'text-private', label: 'The password', required: true };
const AGAIN: FormField = { ...PASSWORD, name: 'password-verify', label: 'The password again' };

export function changes(host: Host, most: number): Named[] {
  const { accounts } = host;
  const many = several(most);
  const clients = { ...many, label: 'The accounts, or clients of them, one address a line' };
  return [
    {
      name: 'add-user',
      title: 'Add an account',
      fields: [ONE, PASSWORD, AGAIN],
      confidential: true,
      take: async (answers) => {
        const password = passwordOf(answers);
        const username = accountOf(host, answers);
        await one(username, accounts.create(username, password));
        return done(username);
      },
    },
    {
      name: 'delete-user',
      title: 'Delete accounts',
      fields: [many],
      take: (answers, caller) => all(host, caller, answers, (username) => accounts.delete(username)),
    },
    {
      name: 'disable-user',
      title: 'Disable accounts',
      fields: [many],
      take: (answers, caller) => all(host, caller, answers, (username) => accounts.disable(username)),
    },
    {
      name: 'reenable-user',
      title: 'Enable accounts again',
      fields: [many],
      take: (answers, caller) => all(host, caller, answers, (username) => accounts.enable(username)),
    },
    {
      name: 'end-user-session',
      title: 'End sessions of accounts',
      fields: [clients],
      take: (answers) => ended(host, answers),
    },
    {
      name: 'change-user-password',
      title: 'Change the password of an account',
      fields: [ONE, PASSWORD],
      confidential: true,
      take: async (answers) => {
        const username = accountOf(host, answers);
        await one(username, accounts.setPassword(username, answers.text('password')));
        return done(username);
      },
    },
  ];
}

const done = (username: string): CommandResult & { readonly about: string[] } => ({ about: [username] });

async function one(username: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw refusal(error, username);
  }
}

function passwordOf(answers: Answers): string {
  const password = answers.text('password');
  if (password !== answers.text('password-verify'))
    throw bad('bad-payload', 'password-verify: is not the same as password');
  return password;
}

/** Nothing is begun when one of them is not there; nobody locks himself out. */
async function all(host: Host, { from }: Caller, answers: Answers, work: (username: string) => Promise<void>) {
  const usernames = accountsOf(host, answers);
  if (from.domain === host.domain && usernames.includes(from.local))
    throw new StanzaError('cancel', 'not-allowed', 'accountjids: your own account is among them');
  await checkExist(host, usernames);
  return { ...(await each(host, usernames, work)), about: usernames };
}

/** Section 4.5: all sessions of an account, or the one of a client. */
async function ended(host: Host, answers: Answers) {
  const addresses = answers.jids('accountjids').map((jid) => checked(host, jid, 'accountjids', true));
  const sessions = addresses.flatMap((jid) =>
    jid.isBare ? [...host.sessions.of(jid.local)] : [host.sessions.find(jid) ?? []].flat(),
  );
  // The client that asks, if it is among them, hears the answer first.
  setImmediate(() => {
    for (const session of new Set(sessions)) session.end(new StreamError('not-authorized', 'ended by an admin'));
  });
  const text = `${new Set(sessions).size} sessions are ended`;
  return { notes: [{ type: 'info' as const, text }], about: addresses.map((jid) => jid.toString()) };
}
