// Stopping the server from a client (XEP-0133 sections 4.30 and 4.31), where the configuration lets admins do so: users are
// told, and after a while whoever runs the server is asked to stop it.

import type { Halt, Host } from '../../core/host.js';
import { Part } from '../../core/parts.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { Named } from '../administration/admin-command.js';
import type { FormField } from '../commands/form.js';
import type { Announcement } from './telling.js';

/** When it is to be stopped. */
interface Planned {
  timer: NodeJS.Timeout | undefined;
}
const PLANNED = new Part<Planned>('end of the server');

const DELAYS: readonly (readonly [value: string, label: string])[] = [
  ['0', 'At once'],
  ['30', '30 seconds'],
  ['60', '60 seconds'],
  ['90', '90 seconds'],
  ['120', '2 minutes'],
  ['180', '3 minutes'],
  ['240', '4 minutes'],
  ['300', '5 minutes'],
];
const DELAY: FormField = {
  name: 'delay',
  type: 'list-single',
  label: 'Time until then',
  options: DELAYS,
  value: '60',
};

const TITLES = { shutdown: 'Shut down the server', restart: 'Restart the server' } as const;

export function halting(host: Host, fields: readonly FormField[], tell: (said: Announcement) => void): Named[] {
  const planned = host.keep(
    PLANNED,
    (): Planned => ({ timer: undefined }),
    ({ timer }) => clearTimeout(timer),
  );
  const command = (how: Halt): Named => ({
    name: how,
    title: TITLES[how],
    fields: [DELAY, ...fields],
    take: async (answers) => {
      if (planned.timer !== undefined)
        throw new StanzaError('cancel', 'conflict', 'the server is about to stop already');
      const said = answers.text('announcement');
      if (said !== '') tell({ text: said, subject: answers.text('subject') });
      const seconds = Number(answers.text('delay') || DELAY.value);
      planned.timer = setTimeout(() => halt(host, planned, how), seconds * 1000).unref();
      return { notes: [{ type: 'info', text: `${TITLES[how]}: in ${seconds} seconds` }] };
    },
  });
  return [command('restart'), command('shutdown')];
}

function halt(host: Host, planned: Planned, how: Halt): void {
  planned.timer = undefined;
  if (!host.halt(how)) host.log.warn('halt_refused', { how });
}
