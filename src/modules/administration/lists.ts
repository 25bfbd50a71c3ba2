// Commands that count and list accounts (XEP-0133 sections 4.13 to 4.15 and 4.18 to 4.20). A count looks at all of them,
// a list at no more than it shows, and one more.

import { Breather } from '../../core/breather.js';
import type { Note } from '../../core/command.js';
import type { Host } from '../../core/host.js';
import type { FormField } from '../commands/form.js';
import { formXml } from '../data-form.js';
import type { Named } from './admin-command.js';
import { ADMIN } from './subjects.js';

const COUNTS = ['25', '50', '75', '100', '150', '200', 'none'];

const MAX_ITEMS: FormField = {
  name: 'max_items',
  type: 'list-single',
  label: 'Most accounts to show',
  options: COUNTS.map((each) => [each, each === 'none' ? 'As many as possible' : each]),
  value: '100',
};

type Usernames = Iterable<string> | AsyncIterable<string>;

export function lists(host: Host, most: number): Named[] {
  const { accounts } = host;
  return [
    ...both(host, most, 'registered', 'all accounts', () => accounts.usernames()),
    ...both(host, most, 'disabled', 'disabled accounts', () => accounts.disabled()),
    ...both(host, most, 'online', 'accounts that are there', () => online(host)),
  ];
}

function both(host: Host, most: number, which: string, words: string, usernames: () => Usernames): Named[] {
  return [
    {
      name: `get-${which}-users-num`,
      title: `Count ${words}`,
      fields: [],
      take: async () => {
        const value = await sizeOf(usernames());
        const label = `The number of ${words}`;
        return { payload: formXml('result', ADMIN, [{ name: `${which}usersnum`, type: 'text-single', label, value }]) };
      },
    },
    {
      name: `get-${which}-users-list`,
      title: `List ${words}`,
      fields: [MAX_ITEMS],
      take: async (answers) => {
        const wanted = Number(answers.text('max_items') || 'none');
        const { first, more } = await firstOf(usernames(), Number.isNaN(wanted) ? most : Math.min(wanted, most));
        const value = first.map((username) => `${username}@${host.domain}`);
        const label = `The list of ${words}`;
        const notes: Note[] = more ? [{ type: 'warn', text: `there are more than these ${first.length}` }] : [];
        return {
          payload: formXml('result', ADMIN, [{ name: `${which}userjids`, type: 'jid-multi', label, value }]),
          notes,
        };
      },
    },
  ];
}

/** Those who have a session. */
function online({ sessions }: Host): Set<string> {
  const usernames = new Set<string>();
  for (const { jid } of sessions) usernames.add(jid.local);
  return usernames;
}

async function sizeOf(usernames: Usernames): Promise<number> {
  const breather = new Breather();
  let size = 0;
  for await (const _ of usernames) {
    size++;
    await breather.breathe();
  }
  return size;
}

async function firstOf(usernames: Usernames, most: number): Promise<{ first: string[]; more: boolean }> {
  const breather = new Breather();
  const first: string[] = [];
  for await (const username of usernames) {
    if (first.length === most) return { first, more: true };
    first.push(username);
    await breather.breathe();
  }
  return { first, more: false };
}
