// Administration of accounts from a client (XEP-0133), for those whom the domain names as `admins`, as ad-hoc commands.
// Get User Password is not offered: no password is kept. Announcements are another module's.

import type { ModuleOptions } from '../../config/modules.js';
import type { Module } from '../../core/module.js';
import { Part } from '../../core/parts.js';
import { Admins } from '../admins.js';
import { adminCommand } from './admin-command.js';
import { changes } from './changes.js';
import { lists } from './lists.js';
import { type Beginnings, questions } from './questions.js';

const BEGINNINGS = new Part<Beginnings>('when sessions began');

export const administration: Module<ModuleOptions['administration']> = {
  name: 'administration',
  about: 'Lets admins of the domain manage its accounts from their clients.',
  specifications: [{ id: 'XEP-0133', name: 'Service Administration', version: '1.3.1' }],
  needs: ['commands', 'roster'],
  load(host, { max_items }) {
    const beginnings: Beginnings = host.keep(BEGINNINGS, () => new WeakMap());
    const admins = new Admins(host);
    const named = [...changes(host, max_items), ...questions(host, beginnings), ...lists(host, max_items)];
    const offered = named.map((each) => adminCommand(host, admins, each));
    host.hooks.on('commands', ({ commands }) => void commands.push(...offered));
    host.hooks.on('session-created', ({ session }) => void beginnings.set(session, Date.now()));
  },
};
