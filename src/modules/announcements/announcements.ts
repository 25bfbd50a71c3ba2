// Announcements of admins, and of the operator, to the users of a domain (XEP-0133 sections 4.23 to 4.26, 4.30 and 4.31):
// to those who are there, to all, or once to each as they come; and a last word before the server stops.

import type { ModuleOptions } from '../../config/modules.js';
import { Breather } from '../../core/breather.js';
import type { AnnouncementEvent } from '../../core/hooks.js';
import type { Host } from '../../core/host.js';
import type { Module } from '../../core/module.js';
import { StanzaError } from '../../xmpp/errors.js';
import { adminCommand, type Named } from '../administration/admin-command.js';
import { Admins } from '../admins.js';
import type { Answers, FormField } from '../commands/form.js';
import { halting } from './halting.js';
import { MessageOfTheDay, MOTD } from './motd.js';
import { type Announcement, accountIn, lapse, online, send, TELLING, Telling } from './telling.js';

export const announcements: Module<ModuleOptions['announcements']> = {
  name: 'announcements',
  about: 'Lets admins tell something to all users, and has a message of the day.',
  specifications: [{ id: 'XEP-0133', name: 'Service Administration', version: '1.3.1' }],
  needs: ['commands', 'message'],
  load(host, options) {
    const telling = host.keep(
      TELLING,
      () => new Telling(host, options),
      (kept) => kept.stop(),
    );
    telling.limits = options;
    const motd = host.keep(MOTD, () => new MessageOfTheDay(host, host.open('motd', 'keyvalue')));
    const announcer = new Announcer(host, telling, motd, options.max_bytes);
    const admins = new Admins(host);
    const { hooks } = host;
    const offered = [
      ...announcer.commands(),
      ...(options.shutdown ? halting(host, announcer.optional(), (said) => announcer.tell(said, 'online')) : []),
    ].map((named) => adminCommand(host, admins, named));
    hooks.on('commands', ({ commands }) => void commands.push(...offered));
    hooks.on('announcing', (event) => announcer.asked(event));
    hooks.on('session-available', ({ session }) => void motd.available(session));
    hooks.on('session-closed', ({ session }) => motd.closed(session));
    hooks.on('account-deleted', ({ username, waits }) => void waits.push(motd.forget(username)));
    hooks.on('draining', ({ waits }) => void waits.push(lastWord(host, options.shutdown_notice)));
    hooks.on('stopping', ({ waits }) => {
      telling.stop();
      waits.push(...telling.unfinished(), ...motd.unfinished());
    });
  },
};

class Announcer {
  readonly #text: FormField;

  constructor(
    readonly host: Host,
    readonly telling: Telling,
    readonly motd: MessageOfTheDay,
    readonly maxBytes: number,
  ) {
    this.#text = { name: 'announcement', type: 'text-multi', label: 'Announcement', required: true, maxBytes };
  }

  commands(): Named[] {
    const motd = { ...this.#text, name: 'motd', label: 'Message of the day' };
    return [
      this.#announcement('announce', 'Tell something to all who are there', 'online'),
      this.#announcement('announce-all', 'Tell something to all accounts', 'all'),
      {
        name: 'set-motd',
        title: 'Set the message of the day',
        fields: [SUBJECT, motd],
        take: async (answers) => {
          this.telling.begin();
          await this.motd.set(said(answers, 'motd'));
          void this.telling.toAll(online(this.host), 'motd', (username) => this.motd.toUser(username));
          return {};
        },
      },
      {
        name: 'edit-motd',
        title: 'Edit the message of the day',
        fields: async () => {
          const there = (await this.motd.current()) ?? nothing();
          return [
            { ...SUBJECT, value: there.subject ?? '' },
            { ...motd, value: there.text.split('\n') },
          ];
        },
        take: async (answers) => {
          if (!(await this.motd.edit(said(answers, 'motd')))) nothing();
          return {};
        },
      },
      {
        name: 'delete-motd',
        title: 'Delete the message of the day',
        fields: [],
        take: async () => {
          if (!(await this.motd.delete())) nothing();
          return {};
        },
      },
    ];
  }

  /** The fields of an announcement that may be left out. */
  optional(): FormField[] {
    return [SUBJECT, { ...this.#text, required: false }];
  }

  /** Begins; throws StanzaError when others are still on their way. */
  tell(announcement: Announcement, audience: AnnouncementEvent['audience']): void {
    const { host, telling } = this;
    telling.begin();
    const usernames = audience === 'online' ? online(host) : host.accounts.usernames();
    const type = audience === 'online' ? 'headline' : undefined;
    void telling.toAll(usernames, audience, (username) => send(host, accountIn(host, username), announcement, type));
  }

  /** By the operator. */
  asked({ audience, ...announcement }: AnnouncementEvent): boolean {
    if (Buffer.byteLength(announcement.text) > this.maxBytes) {
      this.host.limited('announcements.max_bytes');
      throw new StanzaError('modify', 'not-acceptable', `it is longer than ${this.maxBytes} bytes`);
    }
    this.tell(announcement, audience);
    return true;
  }

  #announcement(name: string, title: string, audience: AnnouncementEvent['audience']): Named {
    return {
      name,
      title,
      fields: [SUBJECT, this.#text],
      take: async (answers) => {
        this.tell(said(answers, 'announcement'), audience);
        return { notes: [{ type: 'info', text: 'it is being sent' }] };
      },
    };
  }
}

const SUBJECT: FormField = { name: 'subject', type: 'text-single', label: 'Subject', maxBytes: 1024 };

const said = (answers: Answers, name: string): Announcement => ({
  text: answers.text(name),
  subject: answers.text('subject'),
});

function nothing(): never {
  throw new StanzaError('cancel', 'item-not-found', 'there is no message of the day');
}

/** Milliseconds that clients get to have it: one of BOSH may be between two requests. */
const GRACE = 1000;

/** To every client that is there; resolves when they have it, as far as can be known. */
async function lastWord(host: Host, text: string): Promise<void> {
  if (text === '') return;
  const breather = new Breather();
  const reached: Promise<void>[] = [];
  for (const session of host.sessions) {
    if (session.presence === undefined || session.stream === undefined) continue;
    await send(host, session.jid, { text }, 'headline');
    reached.push(new Promise((resolve) => session.reached(resolve)));
    await breather.breathe();
  }
  await Promise.race([Promise.all(reached), lapse(GRACE)]);
}
