// Ad-hoc commands (XEP-0050): what the host can be told to do by hand, with forms to be filled in. It lists the commands
// and leads through their stages; what they do is brought by other modules, at the hook `commands`. Texts are English.

import type { ModuleOptions } from '../../config/modules.js';
import type { Command, CommandStage, CommandStep } from '../../core/command.js';
import type { IqRequest } from '../../core/hooks.js';
import type { Host } from '../../core/host.js';
import type { Module } from '../../core/module.js';
import { Part } from '../../core/parts.js';
import type { Element } from '../../xmpp/element.js';
import { StanzaError } from '../../xmpp/errors.js';
import { attribute, escapeText } from '../../xmpp/escape.js';
import type { JID } from '../../xmpp/jid.js';
import { DATA } from '../data-form.js';
import { fetched } from '../store-error.js';
import { bad, COMMANDS_NS, forbidden } from './errors.js';
import { type Run, Runs } from './runs.js';

const RUNS = new Part<Runs>('commands that are begun');
const ACTIONS = new Set(['execute', 'cancel', 'prev', 'next', 'complete']);
const LANG = 'en';

export const commands: Module<ModuleOptions['commands']> = {
  name: 'commands',
  about: 'Lets users give commands to the server from their clients, as other modules offer them.',
  specifications: [
    { id: 'XEP-0050', name: 'Ad-Hoc Commands', version: '1.3.0' },
    { id: 'XEP-0004', name: 'Data Forms', version: '2.13.2' },
  ],
  load(host, options) {
    const limited = (limit: string) => host.limited(limit);
    const runs = host.keep(RUNS, () => new Runs(options, () => host.now(), limited));
    runs.limits = options;
    const desk = new Desk(host, runs);
    const { hooks } = host;
    hooks.iq('set', 'host', COMMANDS_NS, 'command', (request) => desk.asked(request));
    hooks.on('session-closed', ({ session }) => runs.left(session.jid));
    hooks.on('disco/host', ({ features }) => void features.add(COMMANDS_NS));
    hooks.on('disco-node/host', ({ node, from, identities, features }) => {
      if (node === COMMANDS_NS) {
        identities.push({ category: 'automation', type: 'command-list', name: 'Commands' });
        return true;
      }
      const command = desk.find(node);
      if (command === undefined) return false;
      if (!command.mayRun(from)) throw forbidden();
      identities.push({ category: 'automation', type: 'command-node', name: command.name });
      features.add(COMMANDS_NS).add(DATA);
      return true;
    });
    hooks.on('disco-node-items/host', ({ node, from, items }) => {
      const isList = node === COMMANDS_NS;
      if (isList) for (const { node, name } of desk.shown(from)) items.push({ jid: host.domain, node, name });
      return isList || desk.find(node) !== undefined;
    });
  },
};

/** Where commands are given. */
class Desk {
  constructor(
    readonly host: Host,
    readonly runs: Runs,
  ) {}

  find(node: string | undefined): Command | undefined {
    return this.#all().find((command) => command.node === node);
  }

  shown(from: JID): Command[] {
    return this.#all().filter((command) => command.mayRun(from));
  }

  /** Errors name the command and the session too, for clients that run several. */
  async asked(request: IqRequest): Promise<string> {
    try {
      return await this.#asked(request);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      const { type, condition, text, application } = error;
      throw new StanzaError(type, condition, text, application, about(request.payload));
    }
  }

  async #asked(request: IqRequest): Promise<string> {
    const { node, sessionid, action = 'execute' } = request.payload.attrs;
    if (node === undefined) throw new StanzaError('modify', 'bad-request', 'a command has a node');
    if (!isEnglish(request.payload.attrs['xml:lang'])) throw bad('bad-locale', 'this server speaks English only');
    if (!ACTIONS.has(action)) throw bad('malformed-action', 'no action of commands');
    const command = this.find(node);
    if (command === undefined) throw new StanzaError('cancel', 'item-not-found', 'there is no such command');
    if (!command.mayRun(request.from)) throw forbidden();
    if (sessionid === undefined) return this.#begin(command, action, request);
    return this.#goOn(command, this.runs.find(sessionid, request.from, command), action, request.payload);
  }

  async #begin(command: Command, action: string, { from, session }: IqRequest): Promise<string> {
    if (action !== 'execute') throw bad('bad-action', 'a command begins with execute');
    const run = this.runs.begin(from, command);
    try {
      return this.#said(command, run, await this.#doing(run, () => command.run({ from, session })));
    } catch (error) {
      this.runs.end(run);
      throw error;
    }
  }

  async #goOn(command: Command, run: Run, action: string, payload: Element): Promise<string> {
    if (run.busy) throw new StanzaError('wait', 'unexpected-request', 'it is being done');
    if (action === 'cancel') {
      this.runs.end(run);
      return written(command, run, 'canceled', '');
    }
    if (action === 'prev') return this.#back(command, run);
    const stage = run.stages[run.stages.length - 1];
    if (action !== 'execute' && action !== onwards(stage)) throw bad('bad-action', `${action} cannot be done here`);
    this.runs.touch(run);
    return this.#said(command, run, await this.#doing(run, () => stage.take(payload.getChild('x', DATA))));
  }

  #back(command: Command, run: Run): string {
    if (run.stages.length < 2) throw bad('bad-action', 'this is the first stage');
    run.stages.pop();
    this.runs.touch(run);
    return this.#asking(command, run, run.stages[run.stages.length - 1]);
  }

  /** One thing at a time. What fails without being anybody's fault ends it. */
  async #doing(run: Run, work: () => CommandStep | Promise<CommandStep>): Promise<CommandStep> {
    run.busy = true;
    try {
      return await fetched((async () => work())());
    } catch (error) {
      if (!(error instanceof StanzaError)) this.runs.end(run);
      throw error;
    } finally {
      run.busy = false;
    }
  }

  #said(command: Command, run: Run, step: CommandStep): string {
    if ('form' in step) {
      run.stages.push(step);
      return this.#asking(command, run, step);
    }
    this.runs.end(run);
    const { payload = '', notes = [] } = step;
    const said = notes.map(({ type, text }) => `<note type='${type}'>${escapeText(text)}</note>`);
    return written(command, run, 'completed', `${payload}${said.join('')}`);
  }

  #asking(command: Command, run: Run, stage: CommandStage): string {
    const action = onwards(stage);
    const back = run.stages.length > 1 ? '<prev/>' : '';
    return written(
      command,
      run,
      'executing',
      `<actions execute='${action}'>${back}<${action}/></actions>${stage.form}`,
    );
  }

  #all(): Command[] {
    const found: Command[] = [];
    this.host.tell('commands', { commands: found });
    return found;
  }
}

const LONGEST = 1024;

function about({ attrs }: Element): string {
  const said = ['node', 'sessionid', 'action'].map((name) => {
    const value = attrs[name];
    return value !== undefined && value.length <= LONGEST ? attribute(name, value) : '';
  });
  return `<command xmlns='${COMMANDS_NS}'${said.join('')}/>`;
}

const onwards = ({ last }: CommandStage): 'complete' | 'next' => (last ? 'complete' : 'next');

/** The language of the stanza is that of its stream, which need not have been meant. */
const isEnglish = (lang: string | undefined): boolean => lang === undefined || /^(en(-.*)?|i-default)?$/i.test(lang);

function written(
  { node }: Command,
  { id }: Run,
  status: 'executing' | 'completed' | 'canceled',
  inside: string,
): string {
  const tag = `<command xmlns='${COMMANDS_NS}'${attribute('node', node)} sessionid='${id}' status='${status}' xml:lang='${LANG}'`;
  return inside === '' ? `${tag}/>` : `${tag}>${inside}</command>`;
}
