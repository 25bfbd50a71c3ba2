// A stage of a command that is a form: what was filled in is right, or the client is told field by field what is not.

import type { CommandStage, CommandStep } from '../../core/command.js';
import { bad } from './errors.js';
import { type Answers, type FormDescription, questionXml, readForm } from './form.js';

export function formStage(
  description: FormDescription,
  take: (answers: Answers) => CommandStep | Promise<CommandStep>,
  last = true,
): CommandStage {
  return {
    form: questionXml(description),
    last,
    take(form) {
      const reading = readForm(form, description);
      if ('faults' in reading) throw bad('bad-payload', reading.faults.slice(0, MOST_FAULTS).join('; '));
      return take(reading.answers);
    },
  };
}

/** More than these nobody reads. */
const MOST_FAULTS = 10;
