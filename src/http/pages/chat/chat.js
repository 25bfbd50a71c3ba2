// The chat page: builds its parts and says who tells whom. The stream is connection.js; people.js and conversations.js are what
// XMPP makes of it; view/ shows them. All that the page knows of its server is in config.json.

import { Connection } from './connection.js';
import { Conversations } from './conversations.js';
import { address, bare } from './jid.js';
import { People } from './people.js';
import { Presence } from './presence.js';
import { answerRequests } from './requests.js';
import * as session from './session.js';
import { Traffic } from './traffic.js';
import { XmlConsole } from './view/console.js';
import { ConversationView } from './view/conversation-view.js';
import { find } from './view/dom.js';
import { Door } from './view/door.js';
import { Finder } from './view/finder.js';
import { keys } from './view/keys.js';
import { Notices } from './view/notices.js';
import { PeopleList } from './view/people-list.js';
import { SelfCard } from './view/self.js';
import { NS, xml } from './xml.js';

const config = await (await fetch('chat/config.json')).json();
const before = session.begin();

const connection = new Connection(urls(config));
const presence = new Presence(connection);
const people = new People(connection, presence);
const conversations = new Conversations(connection, people, presence);
answerRequests(connection);

const notices = new Notices(conversations);
const self = new SelfCard(connection, presence, (text) => notices.tell(text));
const list = new PeopleList(people, conversations, (to) => open(to));
const view = new ConversationView(people, conversations, () => connection.account?.kind === 'account');
const xmlConsole = new XmlConsole(new Traffic(connection), connection, () => view.open);
const finder = new Finder(people, (to) => open(to));
const door = new Door(config, enter);

keys({
  finder: () => finder.open(),
  step: (by) => open(list.neighbour(by)),
  console: () => xmlConsole.toggle(),
  composer: () => view.focus(),
  leave: back,
});
for (const [selector, deed] of Object.entries({
  '#find': () => finder.open(),
  '#toggle-console': () => xmlConsole.toggle(),
  '#ask-help': () => find('#help').showModal(),
  '#leave': leave,
  '#back': back,
  '#banner button': () => connection.retry(),
})) {
  find(selector).addEventListener('click', deed);
}
addEventListener('focus', () => view.seen());
addEventListener('hashchange', invited);
session.keep(() => {
  if (connection.state === 'offline') return undefined;
  const { account } = connection;
  const open = view.open;
  return {
    account,
    presence: presence.kept,
    people: people.kept,
    conversations: conversations.kept,
    open,
    address: connection.address,
  };
});

connection.addEventListener('online', ({ detail: { resumed } }) => {
  if (!find('#door').hidden) inside();
  if (!resumed) {
    people.reset();
    connection.request('set', undefined, xml('enable', { xmlns: NS.carbons })).catch(() => {});
  }
  people.fetch().then(() => {
    if (!resumed) presence.announce();
    conversations.flush();
    invited();
  });
  self.draw();
});
connection.addEventListener('refused', ({ detail }) => outside(detail));

if (before) restore(before);
else door.open({ invitation: invitation() });

/** Addresses relative to the page's own, so that a prefix of a proxy stays. */
function urls({ bosh, websocket }) {
  const socket = new URL(websocket, location.href);
  socket.protocol = socket.protocol.replace('http', 'ws');
  return { bosh: new URL(bosh, location.href).href, websocket: socket.href };
}

function enter({ how, domain, name, password, transport }) {
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

function restore(kept) {
  presence.restore(kept.presence);
  people.restore(kept.people);
  conversations.restore(kept.conversations);
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
  if (session.choices().console) xmlConsole.toggle(true);
}

function outside(failure) {
  session.forget();
  view.close();
  conversations.clear();
  people.clear();
  find('#room').hidden = true;
  door.open({ failure, invitation: invitation() });
}

function leave() {
  connection.end();
  outside('');
}

function open(to) {
  if (!to) return;
  if (to === bare(connection.address))
    return notices.tell('That is your own address: open the link in another window.');
  // On a small screen nothing of it has a size before.
  document.body.classList.add('talking');
  view.show(to);
  list.chosen = to;
  view.focus();
  if (connection.account?.kind === 'anonymous' || !people.of(to).isContact) presence.introduce(to);
}

function back() {
  document.body.classList.remove('talking');
  list.focus();
}

/** Whom the address of the page asks to talk to, and what they are called. */
function invitation() {
  const said = new URLSearchParams(location.hash.slice(1));
  const to = address(said.get('chat') ?? '');
  return to && { to, name: said.get('name') ?? to };
}

function invited() {
  const invited = invitation();
  if (!invited || connection.state !== 'online') return;
  history.replaceState(null, '', location.pathname + location.search);
  people.of(invited.to).nick ||= invited.name;
  open(invited.to);
}
