// The chat page behind its door: builds its parts and says who tells whom. The stream is connection.js; people.js, rooms.js
// and conversations.js are what XMPP makes of it; view/ shows them. The XML console, the dialog of rooms, the panel about a
// room, uploads, the own picture and registration are loaded when they are first used.

import { Archive } from './archive.js';
import { Avatars } from './avatars.js';
import { Bookmarks } from './bookmarks.js';
import { config, door } from './chat.js';
import { Connection } from './connection.js';
import { Conversations } from './conversations.js';
import { Services } from './disco.js';
import { History } from './history.js';
import { bare, domain } from './jid.js';
import { later } from './later.js';
import { invitation, linkTo, urls } from './links.js';
import { People } from './people.js';
import { Pep } from './pep.js';
import { Presence } from './presence.js';
import { answerRequests } from './requests.js';
import { Rooms } from './rooms.js';
import * as session from './session.js';
import { Traffic } from './traffic.js';
import { AboutRoom } from './view/about-room.js';
import { ConversationView } from './view/conversation-view.js';
import { find } from './view/dom.js';
import { Finder } from './view/finder.js';
import { keys } from './view/keys.js';
import { Notices } from './view/notices.js';
import { PeopleList } from './view/people-list.js';
import { SelfCard } from './view/self.js';
import { NS, xml } from './xml.js';

// Archive and rooms are asked first: they take what is theirs.
const connection = new Connection(urls(config));
const presence = new Presence(connection);
const archive = new Archive(connection);
const rooms = new Rooms(connection, presence);
const people = new People(connection, presence);
const conversations = new Conversations(connection, people, presence, rooms);
const services = new Services(connection);
const pep = new Pep(connection);
const avatars = new Avatars(connection, pep, people, rooms, presence);
const history = new History(connection, archive, people, rooms, conversations);
const bookmarks = new Bookmarks(connection, pep, rooms, (to, how) => enterRoom(to, how).catch(() => {}));
answerRequests(connection);

const parts = { connection, presence, people, rooms, conversations, services, avatars, history };
const notices = new Notices(conversations);
const tell = (text) => notices.tell(text);
const self = new SelfCard(parts, tell);
const list = new PeopleList(parts, (to) => open(to), accept);
const view = new ConversationView(parts, {
  contacts: () => connection.account?.kind === 'account',
  isOurs: (url) => config.uploads.some((each) => new URL(url).href.startsWith(new URL(`${each}/`).href)),
  uploads: () => services.upload,
});
const about = new AboutRoom(parts, {
  tell,
  mention: (nick) => view.mention(nick),
  whisper: (nick) => view.whisper(nick),
  leave: leaveRoom,
  link: (room) => linkTo({ room: room.address }),
});
const finder = new Finder(people, rooms, (to) => open(to));
const traffic = new Traffic(connection);
const xmlConsole = part(async () => {
  const { XmlConsole } = await import('./view/console.js');
  return new XmlConsole(traffic, connection, () => view.open);
});
const entrance = part(async () => {
  const { Entrance } = await import('./view/entrance.js');
  return new Entrance(parts, markRoom, (to) => open(to));
});

keys({
  finder: () => finder.open(),
  entrance: () => askRoom(),
  about: () => about.toggle(),
  file: () => view.choose(),
  step: (by) => open(list.neighbour(by)),
  console: () => toggleConsole(),
  composer: () => view.focus(),
  leave: back,
});
for (const [selector, deed] of Object.entries({
  '#find': () => finder.open(),
  '#ask-room': () => askRoom(),
  '.ask-room': () => askRoom(),
  '#toggle-console': () => toggleConsole(),
  '#ask-help': () => find('#help').showModal(),
  '#leave': leave,
  '#back': back,
  '#banner button': () => connection.retry(),
  '#outside .enter': enterAgain,
  '#outside .remove': () => leaveRoom(rooms.find(view.open)),
})) {
  for (const each of document.querySelectorAll(selector)) each.addEventListener('click', deed);
}
addEventListener('focus', () => view.seen());
addEventListener('hashchange', invited);
rooms.addEventListener('left', ({ detail: { room } }) => rooms.find(room.address) || forget(room));
session.keep(() => {
  if (connection.state === 'offline') return undefined;
  return {
    account: connection.account,
    presence: presence.kept,
    people: people.kept,
    rooms: rooms.kept,
    conversations: conversations.kept,
    services: services.kept,
    avatar: avatars.kept,
    newest: history.newest,
    open: view.open,
    address: connection.address,
  };
});

connection.addEventListener('online', ({ detail: { resumed } }) => {
  if (!find('#door').hidden) inside();
  if (resumed) {
    conversations.flush();
    avatars.fetch();
    invited();
  } else begun();
  self.draw();
});
connection.addEventListener('refused', ({ detail }) => outside(detail));

/** A stream that knows nothing of us yet. */
async function begun() {
  // Who opens it by keys types on at once.
  entrance(() => {});
  people.reset();
  rooms.reset();
  connection.request('set', undefined, xml('enable', { xmlns: NS.carbons })).catch(() => {});
  services.look();
  await people.fetch();
  presence.announce();
  conversations.flush();
  avatars.fetch();
  bookmarks.enter();
  await Promise.all([services.known, history.catchUp()]);
  invited();
}

/** A part that is loaded by its first use; what it is then asked to do comes to nothing if it cannot be. */
function part(load) {
  const loaded = later(load);
  return (work) => loaded().then(work, () => tell('This part of the page did not load: try again.'));
}

function askRoom(how) {
  return entrance((dialog) => dialog.open(how));
}

function toggleConsole(open) {
  return xmlConsole((shown) => shown.toggle(open));
}

/** Comes in as the door says: how, domain, name, password, transport. */
export function enter({ how, domain, name, password, transport }) {
  presence.nick = name;
  const kind = how === 'anonymous' ? 'anonymous' : 'account';
  connection.begin({
    kind,
    domain,
    name,
    password: kind === 'account' ? password : undefined,
    transport,
    registers: how === 'register',
  });
}

/** Takes up what a page before this one kept. */
export function restore(kept) {
  presence.restore(kept.presence);
  people.restore(kept.people);
  conversations.restore(kept.conversations);
  rooms.restore(kept.rooms);
  services.restore(kept.services);
  avatars.restore(kept.avatar);
  history.newest = kept.newest;
  connection.address = kept.address;
  inside();
  if (kept.open) open(kept.open);
  connection.resume(kept.account);
}

function inside() {
  door.close();
  find('#room').hidden = false;
  document.body.classList.toggle('guest', connection.account?.kind === 'anonymous');
  self.draw();
  list.chosen = view.open;
  if (session.choices().console) toggleConsole(true);
}

function outside(failure) {
  session.forget();
  close();
  for (const each of [conversations, people, rooms, avatars]) each.clear();
  history.newest = undefined;
  find('#room').hidden = true;
  door.open({ failure, invitation: invitation() });
}

function leave() {
  connection.end();
  outside('');
}

function open(to) {
  if (!to) return;
  if (to === bare(connection.address)) return tell('That is your own address: open the link in another window.');
  const room = rooms.find(to);
  if (!room && services.rooms && domain(to) === services.rooms) return askRoom({ room: to });
  // On a small screen nothing of it has a size before.
  document.body.classList.add('talking');
  view.show(to);
  about.room = room;
  list.chosen = to;
  view.focus();
  if (room) return;
  if (connection.account?.kind === 'anonymous' || !people.of(to).isContact) presence.introduce(to);
  avatars.want(to);
}

function close() {
  view.close();
  about.room = undefined;
  document.body.classList.remove('talking');
}

function back() {
  document.body.classList.remove('talking');
  list.focus();
}

function enterRoom(to, how) {
  const last = conversations.find(to)?.messages.findLast(({ note, own }) => !note && !own)?.at;
  return rooms.enter(to, { ...how, since: last });
}

/** Enters it now and from now on. */
async function markRoom(to, how) {
  await enterRoom(to, how);
  bookmarks.add(rooms.find(to), how.password);
}

async function accept({ address: room, password }) {
  try {
    await markRoom(room, { password });
    open(room);
  } catch ({ message }) {
    askRoom({ room, password, failure: message });
  }
}

function enterAgain() {
  const { address, nick } = rooms.find(view.open);
  enterRoom(address, { nick }).catch(({ message }) => askRoom({ room: address, failure: message }));
}

function leaveRoom(room) {
  rooms.leave(room);
  list.focus();
}

/** Nothing of a room that was left stays. */
function forget({ address }) {
  if (view.open === address) close();
  conversations.remove(address);
}

function invited() {
  const invited = invitation();
  if (!invited || connection.state !== 'online') return;
  globalThis.history.replaceState(null, '', location.pathname + location.search);
  if (invited.room) return rooms.find(invited.to) ? open(invited.to) : accept({ address: invited.to });
  people.of(invited.to).nick ||= invited.name;
  open(invited.to);
}
