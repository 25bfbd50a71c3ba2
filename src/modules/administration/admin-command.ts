// A command of XEP-0133: for admins, with one form at most, and a line in the log.

import type { Caller, Command, CommandResult } from '../../core/command.js';
import type { ComponentHost } from '../../core/host.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { Admins } from '../admins.js';
import { Answers, type FormField } from '../commands/form.js';
import { formStage } from '../commands/stage.js';
import { ADMIN } from './subjects.js';

/** A command for admins: one form at most. */
export interface Named {
  /** Behind the `#` of its node. */
  readonly name: string;
  readonly title: string;
  readonly instructions?: string;
  /** None: it is done at once. What has values of now is asked for them each time. */
  readonly fields: readonly FormField[] | (() => Promise<readonly FormField[]>);
  /** It is about a password: nobody must read along. */
  readonly confidential?: boolean;
  /** `about`: the accounts that were changed, for the log. */
  take(answers: Answers, caller: Caller): Promise<CommandResult & { readonly about?: readonly string[] }>;
}

/** Nobody but admins sees it. What they do with it is logged. */
export function adminCommand(host: Pick<ComponentHost, 'log'>, admins: Admins, named: Named): Command {
  const { name, title, instructions = title, fields, confidential } = named;
  return {
    node: `${ADMIN}#${name}`,
    name: title,
    mayRun: (from) => admins.has(from),
    async run(caller) {
      if (confidential && !caller.session?.stream?.secure)
        throw new StanzaError('auth', 'not-authorized', 'only over an encrypted connection');
      const take = (answers: Answers) => carriedOut(host, named, answers, caller);
      const asked = typeof fields === 'function' ? await fields() : fields;
      return asked.length > 0
        ? formStage({ formType: ADMIN, title, instructions, fields: asked }, take)
        : take(NOTHING);
    },
  };
}

const NOTHING = new Answers(new Map());

async function carriedOut(
  host: Pick<ComponentHost, 'log'>,
  { name, take }: Named,
  answers: Answers,
  caller: Caller,
): Promise<CommandResult> {
  const { about = [], ...result } = await take(answers, caller);
  host.log.info('admin_command', { command: name, by: caller.from.bare.toString(), accounts: about.slice(0, MOST) });
  return result;
}

/** Accounts that one line of the log names. */
const MOST = 20;
