// What can be said to each module of the core, by its name. Options are described here and nowhere else; a module gets
// its own group, complete and frozen. A module that is not here has none.

import { bytes, choice, count, flag, group, list, optional, patience, seconds, text, type Values } from './option.js';

const MEBIBYTE = 1_048_576;
const GIBIBYTE = 1024 * MEBIBYTE;
const TEBIBYTE = 1024 * GIBIBYTE;
const DAY = 86_400;

const pubsubLimits = (nodes: number, itemBytes: number, nodeBytes: number) => ({
  max_nodes: count(nodes, [1, 1_000_000], 'Most nodes; each account has its own with pep.'),
  max_items: count(1000, [1, 100_000], 'Most items that are kept at one node, whatever it is configured to keep.'),
  max_item_bytes: bytes(itemBytes, [1024, 16 * MEBIBYTE], 'Largest item that is published.'),
  max_node_bytes: bytes(nodeBytes, [1024, 1024 * MEBIBYTE], 'Most bytes of the items of one node; the oldest go.'),
  max_answer_bytes: bytes(
    MEBIBYTE,
    [1024, 1024 * MEBIBYTE],
    'Most bytes of items in one answer; those that are left have to be asked for by pages (XEP-0059).',
  ),
  max_subscriptions: count(1000, [1, 100_000], 'Most subscriptions, and most affiliations, of one node.'),
  max_addresses: count(10, [1, 1000], 'Most addresses of one account that are subscribed to the same node.'),
  max_untold: count(
    1000,
    [1, 100_000],
    'Most changes that others have still to be told of, before further ones are refused; each account has its own with pep.',
  ),
});

const fields = {
  fast: group(
    {
      days: count(21, [1, 3650], 'Days after which a token is not taken any more; in half of that it is replaced.'),
      max_clients: count(20, [1, 1000], 'Most clients of one account that have a token.'),
    },
    'Tokens in place of a password (XEP-0484).',
  ),
  roster: group(
    { max_items: count(1000, [1, 100_000], 'Most contacts of one account.') },
    'Contacts and subscriptions (RFC 6121).',
  ),
  presence: group(
    {
      max_directed: count(1000, [1, 100_000], 'Most addresses, besides its contacts, that one client is present for.'),
      max_requests: count(100, [1, 100_000], 'Most requests for subscription that wait for the answer of one account.'),
      max_request_bytes: bytes(4096, [1024, MEBIBYTE], 'Largest request for subscription that is kept for an answer.'),
    },
    'Presence and subscriptions (RFC 6121).',
  ),
  offline: group(
    { max_messages: count(100, [0, 100_000], 'Most messages kept for an account that is away.') },
    'Messages for accounts that are away (XEP-0160).',
  ),
  mam: group(
    {
      default: choice(
        'always',
        ['always', 'roster', 'never'],
        'What is archived for an account that has not said so: all messages, those of its contacts, or none.',
      ),
      max_age: count(0, [0, 36_500], 'Days after which a message is deleted; 0: not.'),
      max_items: count(
        10_000,
        [0, 100_000_000],
        'Most messages of one archive, about; the oldest are deleted; 0: no limit.',
      ),
      page: count(50, [1, 1000], 'Messages of a page when its client does not say how many.'),
      max_page: count(100, [1, 1000], 'Most messages of a page.'),
      max_queries: count(20, [1, 10_000], 'Most queries of one client that wait for their answers.'),
      max_preferences: count(1000, [0, 100_000], 'Most addresses that one account has preferences about.'),
    },
    'The archive of messages (XEP-0313).',
  ),
  commands: group(
    {
      max_sessions: count(1000, [1, 100_000], 'Most commands of all users together that are begun and not finished.'),
      max_sessions_per_user: count(10, [1, 1000], 'Most such commands of one user.'),
      timeout: seconds(600, [1, DAY], 'A command that its user does not go on with ends after this.'),
    },
    'Commands that users give to the server (XEP-0050).',
  ),
  announcements: group(
    {
      per_second: count(2000, [1, 100_000], 'Users per second that one announcement is sent to.'),
      max_bytes: bytes(8192, [64, MEBIBYTE], 'Largest announcement, or message of the day.'),
      max_underway: count(4, [1, 100], 'Most announcements that are being sent at the same time.'),
      shutdown_notice: text('', undefined, 'What users are told before the server stops; "" tells nothing.', {
        emptiable: true,
      }),
      shutdown: flag(false, 'Let admins stop and restart the whole server from their clients.'),
    },
    'Announcements and the message of the day (XEP-0133).',
  ),
  administration: group(
    { max_items: count(1000, [1, 100_000], 'Most accounts that one command lists or changes.') },
    'Accounts, for admins (XEP-0133).',
  ),
  vcard: group(
    { max_bytes: bytes(131_072, [1024, 16 * MEBIBYTE], 'Largest vCard, its photo included.') },
    'vCards (XEP-0054).',
  ),
  private: group(
    {
      max_bytes: bytes(65_536, [1024, 16 * MEBIBYTE], 'Largest element that is kept.'),
      max_items: count(100, [1, 100_000], 'Most elements that are kept for an account.'),
    },
    'Data that clients keep for themselves (XEP-0049).',
  ),
  blocking: group(
    { max_items: count(1000, [1, 100_000], 'Most addresses that one account blocks.') },
    'Blocked addresses (XEP-0191).',
  ),
  pep: group(
    {
      ...pubsubLimits(100, 131_072, 4 * MEBIBYTE),
      max_kinds: count(
        2000,
        [1, 1_000_000],
        'Most kinds of clients of which is remembered what they want to hear of, and most that are asked at a time.',
      ),
      max_contacts: count(10_000, [1, 1_000_000], 'Most contacts on other hosts whose clients are remembered.'),
    },
    'What accounts publish (XEP-0163).',
  ),
  register: group(
    {
      per_address: count(5, [1, 100_000], 'Accounts that may be made from one address within the interval.'),
      interval: seconds(3600, [1, 30 * DAY], 'The interval that registrations are counted in.'),
    },
    'Registration by clients (XEP-0077).',
  ),
  stream_management: group(
    {
      resume_timeout: seconds(300, [0, DAY], 'How long a session waits for a client that lost its connection; 0: not.'),
      max_unacked: count(1000, [10, 100_000], 'Most stanzas that wait for the acknowledgement of one client.'),
      max_unacked_bytes: bytes(MEBIBYTE, [65_536, 1024 * MEBIBYTE], 'Most bytes of such stanzas.'),
    },
    'Acknowledged stanzas and resumption (XEP-0198).',
  ),
};

export const moduleOptions = group(fields, 'What is said to each module.');

/** The options of each module, by its name. */
export type ModuleOptions = Values<typeof fields>;

const clientProxy = {
  policy: choice(
    'least_pending',
    ['random', 'round_robin', 'least_pending', 'sticky'],
    'Which of the clients answers; "sticky": the same one for the same user.',
  ),
  timeout: patience(60, [0.1, 3600], 'How long a client may take to answer.'),
  max_pending: count(10_000, [1, 1_000_000], 'Most requests that wait for an answer.'),
  max_pending_bytes: bytes(16 * MEBIBYTE, [1024, 1024 * MEBIBYTE], 'Most bytes of such requests.'),
  max_clients: count(100, [1, 10_000], 'Most clients of the account that are known at the same time.'),
  max_users: count(
    10_000,
    [1, 1_000_000],
    'Most users that clients can write to; who has not spoken for longest is forgotten first.',
  ),
  messages: flag(false, 'Carry messages and presence in both directions too.'),
  requests: flag(false, 'Let the clients ask users who have spoken to this component before.'),
};

export const clientProxyOptions = group(
  clientProxy,
  'Several clients behind one address (component module client_proxy).',
);

export type ClientProxyOptions = Values<typeof clientProxy>;

const pubsub = {
  ...pubsubLimits(1000, 65_536, 16 * MEBIBYTE),
  max_nodes_per_owner: count(100, [1, 1_000_000], 'Most nodes that one account owns, when it makes another one.'),
};

export const pubsubOptions = group(pubsub, 'Publish-subscribe (component module pubsub).');

export type PubsubOptions = Values<typeof pubsub>;
export type PepOptions = ModuleOptions['pep'];
/** What both have. */
export type PubsubLimits = Omit<PubsubOptions, 'max_nodes_per_owner'>;

const muc = {
  max_rooms: count(10_000, [1, 1_000_000], 'Most rooms.'),
  max_rooms_per_owner: count(100, [1, 1_000_000], 'Most rooms that one account owns, when it makes another one.'),
  max_occupants: count(1000, [1, 100_000], 'Most occupants of a room; its admins get in beyond that.'),
  max_clients_per_occupant: count(10, [1, 1000], 'Most clients of one account under one nickname.'),
  max_affiliations: count(1000, [1, 100_000], 'Most users that a room knows: owners, admins, members and outcasts.'),
  max_history: count(100, [0, 10_000], 'Most messages of a room that are kept for those who enter.'),
  max_history_bytes: bytes(262_144, [0, 1024 * MEBIBYTE], 'Most bytes of such messages.'),
  max_nick_bytes: bytes(256, [1, 1023], 'Longest nickname.'),
  max_subject_bytes: bytes(4096, [1, MEBIBYTE], 'Longest subject.'),
  max_presence_bytes: bytes(
    8192,
    [512, MEBIBYTE],
    'Largest presence of an occupant; whoever enters later is sent it too.',
  ),
  max_reason_bytes: bytes(1024, [0, MEBIBYTE], 'Longest reason that somebody gives for what he does to others.'),
  max_registrations: count(100, [0, 100_000], 'Most users of a room whose registrations wait for an admin.'),
  archive: flag(true, 'Archive what is said in new rooms, once they are persistent; owners can change that.'),
  archive_max_age: count(0, [0, 36_500], 'Days after which a message of an archive is deleted; 0: not.'),
  archive_max_items: count(
    100_000,
    [0, 100_000_000],
    'Most messages of the archive of one room, about; the oldest are deleted; 0: no limit.',
  ),
  archive_page: count(50, [1, 1000], 'Messages of a page of an archive when its client does not say how many.'),
  archive_max_page: count(100, [1, 1000], 'Most messages of such a page.'),
  max_queries: count(100, [1, 10_000], 'Most queries of archives of rooms that are answered at the same time.'),
  stanzas_per_second: count(
    10,
    [0, 100_000],
    'Messages, presence and requests per second that are taken of one account in a room, and ten times as many at once; what is more is refused. What is large, or changes several things, counts as several. 0 sets no limit.',
  ),
};

export const mucOptions = group(muc, 'Rooms (component module muc).');

export type MucOptions = Values<typeof muc>;

const upload = {
  path: text(
    '',
    'folder',
    'Folder in which the files have one of their own, by the domain of the service; without it `uploads` in the folder of the storage, or a temporary one when that is in memory.',
  ),
  url: optional(
    text(
      '',
      'url',
      'URL under which clients reach the files, such as "https://files.example.com/upload"; without it `public_url` and "/upload".',
    ),
  ),
  domains: list([], 'domain', 'Domains whose accounts may upload; none means all of this server.'),
  types: list(
    [],
    'media',
    'Types of files that are taken, as their clients say, such as "image/png" or "image/*"; none means any.',
  ),
  max_file_size: bytes(100 * MEBIBYTE, [1, TEBIBYTE], 'Largest file.'),
  account_bytes: bytes(GIBIBYTE, [0, 1024 * TEBIBYTE], 'Most bytes of the files of one account; 0 sets no limit.'),
  account_files: count(10_000, [0, 10_000_000], 'Most files of one account; 0 sets no limit.'),
  files_per_day: count(500, [0, 10_000_000], 'Most files that one account uploads within 24 hours; 0 sets no limit.'),
  max_bytes: bytes(50 * GIBIBYTE, [0, 1024 * TEBIBYTE], 'Most bytes of all files; 0 sets no limit.'),
  expire: count(30, [0, 36_500], 'Days after which a file is deleted; 0: not.'),
  slot_timeout: seconds(300, [1, DAY], 'How long a client may wait with the upload that it was allowed.'),
  max_slots: count(20, [1, 10_000], 'Most uploads of one account that were allowed and are not done.'),
  min_rate: bytes(8192, [1, GIBIBYTE], 'Bytes per second that an upload has to bring on the average.'),
};

export const uploadOptions = group(upload, 'Files that clients share (component module upload).');

export type UploadOptions = Values<typeof upload>;
