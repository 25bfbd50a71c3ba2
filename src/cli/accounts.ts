// `bosh-server adduser|passwd|deluser|disableuser|enableuser JID`: by the running server where there is one, for it holds the lock of the
// database; else on the database itself.

import { type Config, load } from '../config/load.js';
import { printable } from '../config/problem.js';
import {
  type AccountCommand,
  type AccountRequest,
  type AccountsOf,
  type Answer,
  carryOut,
} from '../control/accounts.js';
import { ask } from '../control/ask.js';
import { controlPath } from '../control/socket.js';
import { JID, prepareDomain } from '../xmpp/jid.js';
import { type NoPassword, readPassword } from './password.js';
import type { Terminal } from './terminal.js';

/** The accounts of the configured domains while no server runs. Rejects with a StorageOpenError. */
export type OpenAccounts = (config: Config) => Promise<{ readonly of: AccountsOf; close(): Promise<void> }>;

/** What is said, and the exit code. */
interface Verdict {
  readonly text: string;
  readonly code: 0 | 1 | 2 | 4;
}

/** Does it; resolves to the exit code. */
export async function changeAccount(
  command: AccountCommand,
  word: string,
  terminal: Terminal,
  open: OpenAccounts,
): Promise<number> {
  const { text, code } = await verdict(command, word, terminal, open);
  const safe = text.split('\n').map(printable).join('\n');
  if (code === 0) terminal.print(safe);
  else terminal.complain(safe);
  return code;
}

async function verdict(
  command: AccountCommand,
  word: string,
  terminal: Terminal,
  open: OpenAccounts,
): Promise<Verdict> {
  const jid = accountOf(word);
  if (jid === undefined) return notAJid(command, word);
  const { config } = load(terminal);
  const obstacle = obstacleOf(jid, config);
  if (obstacle !== undefined) return obstacle;
  const request = { command, jid: jid.toString() };
  if (!WITH_PASSWORD.has(command)) return carriedOut(request, config, open);
  const read = await readPassword(terminal);
  return typeof read === 'string' ? without(read) : carriedOut({ ...request, ...read }, config, open);
}

function accountOf(word: string): JID | undefined {
  try {
    const jid = JID.parse(word);
    return jid.local !== '' && jid.isBare ? jid : undefined;
  } catch {
    return undefined;
  }
}

/** What can be said without touching the accounts. */
function obstacleOf({ domain }: JID, { domains, storage }: Config): Verdict | undefined {
  const served = Object.keys(domains).map(prepareDomain);
  if (!served.includes(domain)) return notServed(domain, served);
  return storage.driver === 'memory' ? IN_MEMORY : undefined;
}

async function carriedOut(request: AccountRequest, config: Config, open: OpenAccounts): Promise<Verdict> {
  const path = controlPath(config.storage.path);
  try {
    return verdictOf((await ask(path, request)) ?? (await directly(request, config, open)), request);
  } catch (error) {
    const { code, message, name } = error as NodeJS.ErrnoException;
    if (name === 'StorageOpenError') return { text: message, code: 4 };
    if (code === 'EACCES' || code === 'EPERM') return notAllowed(path, code);
    return { text: `storage.path  ${path}: ${message}\n   fix: look into the log of the server`, code: 1 };
  }
}

async function directly(request: AccountRequest, config: Config, open: OpenAccounts): Promise<Answer> {
  const accounts = await open(config);
  try {
    return await carryOut(request, accounts.of);
  } finally {
    await accounts.close();
  }
}

const WITH_PASSWORD: ReadonlySet<AccountCommand> = new Set<AccountCommand>(['adduser', 'passwd']);

const DONE: Readonly<Record<AccountCommand, string>> = {
  adduser: 'is added',
  passwd: 'has a new password',
  deluser: 'is deleted',
  disableuser: 'is disabled',
  enableuser: 'is enabled',
};

function verdictOf({ outcome, text }: Answer, { command, jid }: AccountRequest): Verdict {
  switch (outcome) {
    case 'done':
      return { text: `${jid} ${DONE[command]}`, code: 0 };
    case 'exists':
      return said(1, `${jid}  is there already`, `bosh-server passwd ${jid} gives it another password`);
    case 'unknown':
      return said(1, `${jid}  is no account`, 'look at the spelling; bosh-server adduser adds one');
    case 'password':
      return said(1, 'the password  is too long, or has characters that cannot be typed everywhere', 'choose another');
    case 'domain':
      return said(1, `${jid}  is of a domain that the running server does not serve yet`, 'reload or restart it');
    case 'malformed':
      return said(
        1,
        'the running server  does not understand this command',
        'restart it: it may be of another version',
      );
    default:
      return said(1, `${jid}  nothing is known for sure: ${text}`, 'look into the log of the server, and try again');
  }
}

const said = (code: 1 | 2 | 4, wrong: string, fix: string): Verdict => ({ text: `${wrong}\n   fix: ${fix}`, code });

function notAJid(command: AccountCommand, word: string): Verdict {
  const wrong = word === '' ? `${command}  needs an address` : `${word}  is not the address of an account`;
  return said(2, wrong, `write it as in bosh-server ${command} romeo@example.com`);
}

function notServed(domain: string, served: readonly string[]): Verdict {
  const fix =
    served.length === 0 ? 'none is: name it in "domains"' : `write one of ${served.join(', ')}, or add it to "domains"`;
  return said(2, `${domain}  is no domain that is served here`, fix);
}

const IN_MEMORY = said(
  2,
  'storage.driver  is "memory": accounts are gone when the server stops, and no command reaches them',
  'keep them on disk: "storage": { "driver": "level", "path": "./data" }',
);

const notAllowed = (path: string, code: string): Verdict =>
  said(4, `storage.path  ${path} may not be used by this user (${code})`, 'run this command as the user of the server');

function without(reason: NoPassword): Verdict {
  if (reason === 'interrupted') return { text: 'nothing was changed', code: 1 };
  if (reason === 'different') return said(1, 'the passwords  are not the same', 'try again; nothing was changed');
  return said(2, 'the password  is empty', 'type one, or give it as one line of standard input');
}
