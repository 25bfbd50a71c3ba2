// The command line: which command, with which configuration, and the exit code. Exit codes: 0 ok, 1 the run failed,
// 2 usage or configuration, 3 a check found problems, 4 port, permission or storage, 70 a bug.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { changeAccount, type OpenAccounts } from './cli/accounts.js';
import { announce } from './cli/announce.js';
import { check } from './cli/check.js';
import { printDocument, printManual } from './cli/documents.js';
import { init } from './cli/init.js';
import { proxies, proxyConfig } from './cli/proxy-config.js';
import { type Create, run } from './cli/run.js';
import type { Terminal } from './cli/terminal.js';
import { readArguments } from './config/flags.js';
import { ConfigError, explain, load } from './config/load.js';
import { helpText } from './config/manual.js';
import { nearest } from './config/nearest.js';
import { printable } from './config/problem.js';
import { ACCOUNT_COMMANDS, ANNOUNCE_COMMANDS } from './control/accounts.js';

/** Does what the arguments say; resolves to the exit code. */
export async function main(argv: readonly string[], create: Create = fromServer): Promise<number> {
  const terminal = here(argv);
  const { words, help, version } = readArguments(argv, []);
  if (help) return said(terminal, usage(terminal));
  if (version) return said(terminal, terminal.version);
  const command = COMMANDS.get(words[0] ?? 'run');
  if (command === undefined) return misused(terminal, `${words[0]}  is not a command`, words[0], COMMANDS.keys());
  try {
    return await command(words.slice(1), terminal, create);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.complain(error.message);
    return words[0] === 'check' ? 3 : 2;
  }
}

type Command = (words: readonly string[], terminal: Terminal, create: Create) => number | Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['run', (words, terminal, create) => alone(words, terminal) ?? run(load(terminal), terminal, create)],
  ['check', (words, terminal) => alone(words, terminal) ?? checked(terminal)],
  [
    'config',
    ([what = 'print', ...more], terminal) =>
      MANUALS.includes(what)
        ? manual(what, more, terminal)
        : (alone(more, terminal) ??
          printDocument(what, terminal) ??
          misused(terminal, `config ${what}  is not a command`, what, DOCUMENTS)),
  ],
  ['init', (words, terminal) => alone(words, terminal) ?? init(terminal)],
  ...ACCOUNT_COMMANDS.map((command): [string, Command] => [
    command,
    ([word = '', ...more], terminal) => alone(more, terminal) ?? changeAccount(command, word, terminal, openAccounts),
  ]),
  ...ANNOUNCE_COMMANDS.map((command): [string, Command] => [
    command,
    (words, terminal) => alone(words.slice(2), terminal) ?? announce(command, words, terminal),
  ]),
  ['proxy-config', ([name = '', ...more], terminal) => alone(more, terminal) ?? printProxy(name, terminal)],
]);

const MANUALS = ['modules', 'specifications'];
const DOCUMENTS = ['print', 'schema', 'docs', 'example', ...MANUALS];

async function manual(what: string, words: readonly string[], terminal: Terminal): Promise<number> {
  const [name] = words;
  const extra = alone(words.slice(what === 'modules' ? 1 : 0), terminal);
  if (extra !== undefined) return extra;
  return (
    (await printManual(name, what, terminal)) ??
    misused(terminal, `${name}  is not a module`, '', [], 'bosh-server config modules lists them')
  );
}

/** Only when the server is to run is it loaded. */
const fromServer: Create = async ({ style, ...options }) => {
  const size = options.workers === 'auto' ? availableParallelism() : options.workers;
  if (size > 1) {
    const { createPrimary } = await import('./primary.js');
    return createPrimary(size, { ...options, style });
  }
  const { createServer } = await import('./server.js');
  return createServer(options);
};

const openAccounts: OpenAccounts = async (config) => {
  const { accountsIn } = await import('./home.js');
  return accountsIn(config);
};

async function checked(terminal: Terminal): Promise<number> {
  const loaded = load(terminal);
  for (const warning of loaded.warnings) terminal.complain(`${explain(warning)}\n`);
  const problems = await check(loaded.config);
  if (problems.length > 0) {
    terminal.complain(problems.join('\n\n'));
    return 3;
  }
  return said(terminal, `${loaded.file ?? 'no configuration file'}: everything is fine`);
}

const choices = `write proxy-config ${proxies.slice(0, -1).join(', ')} or ${proxies.at(-1)}`;

function printProxy(name: string, terminal: Terminal): number {
  const known = proxies.find((proxy) => proxy === name);
  if (known === undefined) return misused(terminal, `proxy-config ${name}  is not a command`, name, proxies, choices);
  return said(terminal, proxyConfig(known, load(terminal).config).trimEnd());
}

function said(terminal: Terminal, text: string): number {
  terminal.print(text);
  return 0;
}

function alone(words: readonly string[], terminal: Terminal): number | undefined {
  return words.length === 0 ? undefined : misused(terminal, `${words[0]}  is more than this command takes`, '', []);
}

function misused(
  terminal: Terminal,
  message: string,
  word: string,
  known: Iterable<string>,
  otherwise = 'bosh-server --help lists the commands',
): number {
  const near = nearest(word, known);
  const fix = near === undefined ? otherwise : `write ${near}`;
  terminal.complain(
    `${printable(`${message}`) + (near === undefined ? '' : `\n   did you mean ${near}?`)}\n   fix: ${fix}`,
  );
  return 2;
}

function usage({ version, columns }: Terminal): string {
  return `bosh-server ${version}: XMPP over BOSH, WebSocket and TCP, for domains of its own and in front of any XMPP server

Usage: bosh-server [command] [--option=value ...]

Commands:
  run                          run the server; this is what happens without a command
  check                        look for mistakes in the configuration, files, ports, certificates, storage, upstreams
  init                         write a commented bosh.conf.json; takes --domain, --upstream and --config=PATH
  config print                 the configuration in effect, and where each value was said
  config docs|schema|example   the manual, the JSON Schema for editors, a file with every option
  config modules [NAME]        the modules of local domains, or all about one of them
  config specifications        what is implemented, with versions
  adduser|passwd|deluser|disableuser|enableuser JID
                               change an account of "domains", whether the server runs or not; the password is asked
                               for, or is one line of standard input
  announce|announceall DOMAIN TEXT
                               have the running server tell this to all who are there, or to all accounts
  proxy-config nginx|haproxy|caddy   what a web server in front needs

  -c, --config=PATH            the configuration file; else ./bosh.conf.json, else /etc/bosh.conf.json
  --upstream=DOMAIN[=HOST[:PORT]]
                               an XMPP domain and its server; without HOST it is found by DNS. Can be repeated
  --domain=DOMAIN              an XMPP domain that is served here, with accounts of its own. Can be repeated
  -h, --help                   this text
  -v, --version                the version

Exit codes: 0 ok, 1 the run failed, 2 usage or configuration, 3 check found problems, 4 port, permission or storage,
            75 an admin asked for a restart

Every option is also a variable (BOSH_MAX_INACTIVITY) and a line of the file ("max_inactivity": 160).

${helpText(Math.min(Math.max(columns, 60), 110))}`.trimEnd();
}

/** This process. */
function here(argv: readonly string[]): Terminal {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    argv,
    env: process.env,
    cwd: process.cwd(),
    isTTY: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 100,
    version,
    input: () => process.stdin,
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    prompt: (text) => void process.stderr.write(text),
  };
}
