// Commands that tell about one account (XEP-0133 sections 4.8 to 4.10). What its password is nobody can tell.

import type { Host } from '../../core/host.js';
import type { Session } from '../../core/session.js';
import { type Field, formXml } from '../data-form.js';
import { LAST_USE } from '../last.js';
import { rosterXml } from '../roster.js';
import { ROSTERS } from '../rosters.js';
import { stampOf } from '../time.js';
import type { Named } from './admin-command.js';
import { ADMIN, accountOf, accountsOf, checkExist, ONE, several } from './subjects.js';

/** Milliseconds since 1970 at which sessions began. */
export type Beginnings = WeakMap<Session, number>;

export function questions(host: Host, beginnings: Beginnings): Named[] {
  const single = several(1);
  const rosters = host.use(ROSTERS);
  const account = (username: string): Field => ({
    name: 'accountjids',
    type: 'jid-multi',
    value: [`${username}@${host.domain}`],
  });
  return [
    {
      name: 'get-user-roster',
      title: 'Show the contacts of an account',
      fields: [single],
      take: async (answers) => {
        const usernames = accountsOf(host, answers);
        await checkExist(host, usernames);
        const [username] = usernames;
        return {
          payload: formXml('result', ADMIN, [account(username)], { more: rosterXml(await rosters.load(username)) }),
        };
      },
    },
    {
      name: 'get-user-lastlogin',
      title: 'Show when an account was last used',
      fields: [single],
      take: async (answers) => {
        const usernames = accountsOf(host, answers);
        await checkExist(host, usernames);
        const [username] = usernames;
        const at = await lastUse(host, username, beginnings);
        if (at === undefined) return { notes: [{ type: 'info', text: 'it is not known to have been used' }] };
        const label = host.sessions.of(username).length > 0 ? 'There since' : 'There until';
        const fields = [account(username), { name: 'lastlogin', label, value: [stampOf(new Date(at))] }];
        return { payload: formXml('result', ADMIN, fields) };
      },
    },
    {
      name: 'user-stats',
      title: 'Show statistics of an account',
      fields: [ONE],
      take: async (answers) => {
        const username = accountOf(host, answers);
        await checkExist(host, [username]);
        const sessions = host.sessions.of(username);
        const addresses = sessions.flatMap(({ stream }) => stream?.client.remoteAddress ?? []);
        const contacts = [...(await rosters.load(username)).items.values()].filter(({ listed }) => listed);
        const resources = sessions.map(({ jid }) => jid.resource);
        return {
          payload: formXml('result', ADMIN, [
            { name: 'ipaddresses', type: 'text-multi', label: 'Addresses', value: [...new Set(addresses)] },
            { name: 'rostersize', type: 'text-single', label: 'Contacts', value: [String(contacts.length)] },
            { name: 'onlineresources', type: 'text-multi', label: 'Clients', value: resources },
          ]),
        };
      },
    },
  ];
}

/** When its youngest session began; without one, when its last one ended. */
async function lastUse(host: Host, username: string, beginnings: Beginnings): Promise<number | undefined> {
  const begun = host.sessions.of(username).flatMap((session) => beginnings.get(session) ?? []);
  return begun.length > 0 ? Math.max(...begun) : host.find(LAST_USE)?.ended(username);
}
