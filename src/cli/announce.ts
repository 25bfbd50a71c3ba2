// `bosh-server announce|announceall DOMAIN TEXT`: the running server tells its users something. Without one nobody is there
// to tell it.

import { type Config, load } from '../config/load.js';
import { printable } from '../config/problem.js';
import type { AnnounceCommand, Answer } from '../control/accounts.js';
import { ask } from '../control/ask.js';
import { controlPath } from '../control/socket.js';
import { prepareDomain } from '../xmpp/jid.js';
import type { Terminal } from './terminal.js';

/** What is wrong, what to do about it, and the exit code. */
type Wrong = readonly [code: 1 | 2 | 4, wrong: string, fix: string];

/** Has it told; resolves to the exit code. */
export async function announce(
  command: AnnounceCommand,
  [domain = '', text = '']: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const wrong = await refused(command, domain, text, terminal);
  if (wrong === undefined) {
    terminal.print(`told to ${AUDIENCE[command]} of ${printable(domain)} from now on`);
    return 0;
  }
  const [code, what, fix] = wrong;
  terminal.complain(`${printable(what)}\n   fix: ${printable(fix)}`);
  return code;
}

const AUDIENCE = { announce: 'all who are there', announceall: 'all accounts' } as const;

async function refused(
  command: AnnounceCommand,
  domain: string,
  text: string,
  terminal: Terminal,
): Promise<Wrong | undefined> {
  if (domain === '' || text.trim() === '')
    return [
      2,
      `${command}  needs a domain and a text`,
      `write it as in bosh-server ${command} example.com "Back in five minutes."`,
    ];
  const { config } = load(terminal);
  const obstacle = obstacleOf(domain, config);
  if (obstacle !== undefined) return obstacle;
  const path = controlPath(config.storage.path);
  try {
    return wrongIn(await ask(path, { command, domain, text }));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM')
      return [1, `storage.path  ${path}: ${message}`, 'look into the log of the server'];
    return [4, `storage.path  ${path} may not be used by this user (${code})`, 'run this as the user of the server'];
  }
}

function obstacleOf(domain: string, { domains, storage }: Config): Wrong | undefined {
  const served = Object.keys(domains).map(prepareDomain);
  if (!served.includes(prepared(domain)))
    return [2, `${domain}  is no domain that is served here`, `write one of ${served.join(', ')}`];
  if (storage.driver !== 'memory') return undefined;
  const fix = 'keep the storage on disk: "storage": { "driver": "level", "path": "./data" }';
  return [2, 'storage.driver  is "memory": no command reaches the server', fix];
}

function wrongIn(answer: Answer | undefined): Wrong | undefined {
  if (answer === undefined) return [1, 'no server runs here', 'start it: nobody is there to be told'];
  const { outcome, text = outcome } = answer;
  if (outcome === 'done') return undefined;
  return [1, `nothing was told: ${text}`, 'look into the log of the server; reload it if it does not know the domain'];
}

function prepared(domain: string): string {
  try {
    return prepareDomain(domain);
  } catch {
    return '';
  }
}
