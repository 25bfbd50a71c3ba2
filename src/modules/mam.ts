// The archive of messages (XEP-0313): what accounts write to each other is kept for both of them, each in an archive of its
// own, and their clients can ask for it. Messages of rooms are not in here: rooms have archives of their own.

import type { ModuleOptions } from '../config/modules.js';
import type { HookRegistry, IqRequest } from '../core/hooks.js';
import type { Host } from '../core/host.js';
import type { Module } from '../core/module.js';
import { Part } from '../core/parts.js';
import type { Session } from '../core/session.js';
import { StanzaError } from '../xmpp/errors.js';
import { Archives } from './mam/archives.js';
import { Archiving } from './mam/archiving.js';
import { AllPreferences, preferencesXml, readPreferences } from './mam/preferences.js';
import { Queries } from './mam/queries.js';
import { FORM_XML, MAM } from './mam/question.js';
import { fetched, stored } from './store-error.js';

type Options = ModuleOptions['mam'];

const PREFERENCES = new Part<AllPreferences>('archive preferences');

/** How often all archives are looked at for what is too old; milliseconds. */
const HOUR = 3_600_000;

export const mam: Module<Options> = {
  name: 'mam',
  about: 'Archives the messages of accounts, and lets their clients ask for them.',
  specifications: [
    { id: 'XEP-0313', name: 'Message Archive Management', version: '1.1.3' },
    { id: 'XEP-0441', name: 'Message Archive Management Preferences', version: '0.2.0' },
    { id: 'XEP-0059', name: 'Result Set Management', version: '1.0' },
    { id: 'XEP-0359', name: 'Unique and Stable Stanza IDs', version: '0.7.0' },
    { id: 'XEP-0334', name: 'Message Processing Hints', version: '1.0.0' },
  ],
  needs: ['message'],
  load(host, options) {
    const archives = new Archives(host, host.open('mam', 'history'), options);
    const preferences = host.keep(PREFERENCES, () => new AllPreferences(host.open('mam_preferences', 'keyvalue')));
    const archiving = new Archiving(host, archives, preferences, options.default);
    followAccounts(host, archives, preferences);
    followAnonymous(host, archiving.anonymous);
    archive(host.hooks, archiving);
    answer(host.hooks, new Queries(host, archives, options), new Wishes(host, preferences, options));
    const sweeping = setInterval(() => {
      archives.sweep().catch((error) => host.log.error('archive_sweep_failed', { error }));
    }, HOUR);
    sweeping.unref();
    return () => {
      clearInterval(sweeping);
      archives.stop();
    };
  },
};

function followAccounts(host: Host, archives: Archives, preferences: AllPreferences): void {
  const { hooks } = host;
  hooks.on('session-binding', ({ session, waits }) => void waits.push(preferences.load(session.jid.local)));
  hooks.on('session-created', ({ session }) => preferences.use(session.jid.local));
  hooks.on('session-closed', ({ session: { jid, anonymous } }) => {
    if (host.sessions.of(jid.local).length > 0) return;
    if (anonymous) preferences.forget(jid.local);
    else preferences.release(jid.local);
  });
  hooks.on('account-deleted', ({ username, waits }) => {
    waits.push(archives.remove(username), preferences.remove(username));
  });
  // Who was here before.
  for (const { jid } of host.sessions) {
    preferences.load(jid.local).then(
      () => preferences.use(jid.local),
      () => {},
    );
  }
}

function followAnonymous({ hooks, sessions }: Host, users: Set<string>): void {
  const come = ({ anonymous, jid }: Session) => void (anonymous && users.add(jid.local));
  hooks.on('session-created', ({ session }) => come(session));
  hooks.on('session-closed', ({ session: { jid } }) => {
    if (sessions.of(jid.local).length === 0) users.delete(jid.local);
  });
  for (const session of sessions) come(session);
}

function archive(hooks: HookRegistry, archiving: Archiving): void {
  // Behind all that may refuse a message or change it, in front of the copies that others get (XEP-0280).
  for (const to of ['full', 'bare', 'host'] as const) hooks.on(`pre-message/${to}`, archiving.sent, -50);
  for (const to of ['full', 'bare'] as const) hooks.on(`message/${to}`, archiving.comes, 20);
  // When nobody else keeps it.
  hooks.on('message/offline', (routed) => archiving.isKept(routed), -10);
  hooks.on('stopping', ({ waits }) => void waits.push(...archiving.unfinished()));
}

function answer(hooks: HookRegistry, queries: Queries, wishes: Wishes): void {
  hooks.iq('get', 'own', MAM, 'query', () => FORM_XML);
  hooks.iq('set', 'own', MAM, 'query', (request) => queries.query(request));
  hooks.iq('get', 'own', MAM, 'metadata', (request) => queries.metadata(request));
  hooks.iq('get', 'own', MAM, 'prefs', (request) => wishes.get(request));
  hooks.iq('set', 'own', MAM, 'prefs', (request) => wishes.set(request));
  // XEP-0386 section 3.2.
  hooks.on('inline-binding', ({ username, answers }) => void answers.push(queries.metadataOf(username)));
  const forbidden = () => {
    throw new StanzaError('auth', 'forbidden');
  };
  for (const name of ['query', 'prefs', 'metadata']) {
    for (const type of ['get', 'set'] as const) hooks.iq(type, 'account', MAM, name, forbidden);
  }
  hooks.on('disco/account', ({ features }) => {
    for (const feature of [MAM, `${MAM}#extended`, 'urn:xmpp:sid:0']) features.add(feature);
  });
}

/** What accounts say of their archives. */
class Wishes {
  constructor(
    readonly host: Host,
    readonly preferences: AllPreferences,
    readonly options: Options,
  ) {}

  async get({ from }: IqRequest): Promise<string> {
    return preferencesXml(await fetched(this.preferences.load(from.local)), this.options.default);
  }

  async set(request: IqRequest): Promise<string> {
    const preferences = readPreferences(request.payload);
    if (preferences.always.length + preferences.never.length > this.options.max_preferences) {
      this.host.limited('mam.max_preferences');
      throw new StanzaError('wait', 'resource-constraint', 'preferences about too many addresses');
    }
    await stored(request, this.preferences.set(request.from.local, preferences));
    return preferencesXml(preferences, this.options.default);
  }
}
