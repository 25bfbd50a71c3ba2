// RFC 6121 appendix A as plays: one for each type of presence about subscriptions that a user may send in each state. The contact
// is on the same server, so the play of an outbound cell is that of an inbound one too, in the state that mirrors the user's; what
// a server does not route can only be had inbound where the two do not agree, and those plays make them disagree first.

import { parsePlay } from '../support/plays/parse.js';
import type { Play } from '../support/plays/play.js';

/** As a user's server knows a contact. `to`: the user sees the contact. */
interface State {
  readonly to: boolean;
  readonly from: boolean;
  readonly out: boolean;
  readonly in: boolean;
}

type Type = 'subscribe' | 'unsubscribe' | 'subscribed' | 'unsubscribed';

const TYPES: readonly Type[] = ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed'];

const CAST = `[Client] Romeo
  jid: romeo@localhost/orchard
[Client] Juliet
  jid: juliet@localhost/balcony
[Client] Romeo later
  jid: romeo@localhost/later
[Client] Juliet later
  jid: juliet@localhost/later
-----`;

/** How each state comes about between Romeo and Juliet; it is Romeo's. */
const STATES = new Map([
  ['None', ''],
  ['None + Pending Out', 'Romeo subscribe'],
  ['None + Pending In', 'Juliet subscribe'],
  ['None + Pending Out+In', 'Romeo subscribe, Juliet subscribe'],
  ['To', 'Romeo subscribe, Juliet subscribed'],
  ['To + Pending In', 'Romeo subscribe, Juliet subscribed, Juliet subscribe'],
  ['From', 'Juliet subscribe, Romeo subscribed'],
  ['From + Pending Out', 'Juliet subscribe, Romeo subscribed, Romeo subscribe'],
  ['Both', 'Romeo subscribe, Juliet subscribed, Juliet subscribe, Romeo subscribed'],
]);

/** A.2.1 to A.2.4. */
function outbound(type: Type, state: State): { readonly route: boolean; readonly next: State } {
  switch (type) {
    case 'subscribe':
      return { route: true, next: { ...state, out: !state.to } };
    case 'unsubscribe':
      return { route: true, next: { ...state, to: false, out: false } };
    case 'subscribed':
      return state.in ? { route: true, next: { ...state, from: true, in: false } } : { route: false, next: state };
    case 'unsubscribed':
      return { route: state.in || state.from, next: { ...state, from: false, in: false } };
  }
}

/** A.3.1 to A.3.4. */
function inbound(type: Type, state: State): { readonly deliver: boolean; readonly next: State } {
  switch (type) {
    case 'subscribe':
      return { deliver: !state.from && !state.in, next: { ...state, in: !state.from } };
    case 'unsubscribe':
      return { deliver: state.from || state.in, next: { ...state, from: false, in: false } };
    case 'subscribed':
      return { deliver: state.out, next: state.out ? { ...state, to: true, out: false } : state };
    case 'unsubscribed':
      return { deliver: state.to || state.out, next: { ...state, to: false, out: false } };
  }
}

/** The name of a state in the tables. */
function nameOf({ to, from, out, in: pending }: State): string {
  const base = to ? (from ? 'Both' : 'To') : from ? 'From' : 'None';
  const more = [out ? 'Out' : '', pending ? 'In' : ''].filter((each) => each !== '').join('+');
  return more === '' ? base : `${base} + Pending ${more}`;
}

function stateOf(name: string): State {
  const [base, pending = ''] = name.split(' + Pending ');
  const [to, from] = [base === 'To' || base === 'Both', base === 'From' || base === 'Both'];
  return { to, from, out: pending.includes('Out'), in: pending.includes('In') };
}

function mirror({ to, from, out, in: pending }: State): State {
  return { to: from, from: to, out: pending, in: out };
}

/**
 * How the two come to disagree: Romeo's state is the one named, and Juliet's server routes what Romeo's does not wait for. Who
 * blocks the other misses what the other says.
 */
const DISAGREED = new Map([
  ['None', 'Romeo subscribe, Juliet block, Romeo unsubscribe, Juliet unblock'],
  ['None + Pending In', 'Romeo subscribe, Juliet block, Romeo unsubscribe, Juliet unblock, Juliet subscribe'],
  ['To', 'Romeo subscribe, Juliet subscribed, Romeo block, Juliet unsubscribed, Romeo unblock, Romeo subscribe'],
  [
    'To + Pending In',
    'Romeo subscribe, Juliet subscribed, Romeo block, Juliet unsubscribed, Romeo unblock, Romeo subscribe, Juliet subscribe',
  ],
  ['From', 'Juliet subscribe, Romeo subscribed, Romeo subscribe, Juliet block, Romeo unsubscribe, Juliet unblock'],
  [
    'Both',
    'Juliet subscribe, Romeo subscribed, Romeo subscribe, Juliet subscribed, Romeo block, Juliet unsubscribed, Romeo unblock, Romeo subscribe',
  ],
]);

/** One play for each cell of A.3 in which nothing is delivered, of a stanza that a server that agrees would not route. */
function unasked(): readonly Play[] {
  const subscribed = [...DISAGREED].map(([name, past]) => unaskedPlay('subscribed', name, past));
  const without = [...DISAGREED].filter(([name]) => !stateOf(name).to);
  return [...subscribed, ...without.map(([name, past]) => unaskedPlay('unsubscribed', name, past))];
}

/** Who believes to be subscribed and is not would be corrected by the answer to a probe (section 4.3.2): Romeo sends no presence then. */
function unaskedPlay(type: Type, name: string, past: string): Play {
  const state = stateOf(name);
  const number = TYPES.indexOf(type) + 1;
  const text = `# RFC 6121 A.3.${number}: "${type}" comes to "${name}" unasked and is not delivered
# needs: blocking
${CAST}
Romeo and Juliet once said: ${past}
Romeo may receive:
  ${presence('Juliet')}
  ${absence('Juliet')}
${interested('Romeo', 'Juliet', state)}
${state.to ? '' : availability('Romeo', 'Juliet', state, [])}
Juliet connects
Juliet sends:
  <presence type="${type}" to="\${Romeo's JID}"/>
Romeo receives nothing
Romeo disconnects
Juliet disconnects
${found('Romeo', 'Juliet', state)}
${state.to ? '' : reminded('Romeo', 'Juliet', state)}
`;
  return parsePlay(text, 'subscription-states');
}

/** One play for each cell of A.2, which is one of A.3 too where the stanza is routed. */
export function subscriptionStates(): readonly Play[] {
  return [...TYPES.flatMap((type) => [...STATES].map(([name, past]) => play(type, name, past))), ...unasked()];
}

function play(type: Type, name: string, past: string): Play {
  const state = stateOf(name);
  const { route, next } = outbound(type, state);
  const theirs = mirror(state);
  const { deliver, next: theirNext } = route ? inbound(type, theirs) : { deliver: false, next: theirs };
  const number = TYPES.indexOf(type) + 1;
  const there = `; A.3.${number}: it comes to "${nameOf(theirs)}" and is ${deliver ? '' : 'not '}delivered`;
  const title = `RFC 6121 A.2.${number}: "${type}" from "${name}" is ${route ? `routed${there}` : 'not routed'}`;
  const odd = type === 'unsubscribe' && name === 'None + Pending Out';
  const text = `# ${title}
${odd ? '# not on prosody: it pushes the removal of an item that is not in the roster' : ''}
${CAST}
Romeo and Juliet once said: ${past}
${entrance('Romeo', 'Juliet', state, [])}
${entrance('Juliet', 'Romeo', theirs, theirs.to ? [presence('Romeo')] : [])}
${receives('Romeo', state.to ? [presence('Juliet')] : [])}
${leeway('Romeo', 'Juliet', state, next)}
${leeway('Juliet', 'Romeo', theirs, theirNext)}
Romeo sends:
  <presence type="${type}" to="\${Juliet's JID}"/>
${receives('Romeo', pushes('Juliet', state, next))}
${receives('Juliet', [
  ...(deliver ? [about(type, 'Romeo')] : []),
  ...pushes('Romeo', theirs, theirNext),
  ...(theirNext.to && !theirs.to ? [presence('Romeo')] : []),
  ...(theirs.to && !theirNext.to ? [absence('Romeo')] : []),
])}
Romeo receives nothing
Juliet receives nothing
Juliet may receive:
  ${absence('Romeo')}
Romeo disconnects
Juliet disconnects
${epilogue('Romeo', 'Juliet', next)}
${epilogue('Juliet', 'Romeo', theirNext)}
`;
  return parsePlay(text, 'subscription-states');
}

/** Somebody comes, interested in the roster and available, and has what waits for them. */
function entrance(who: string, other: string, state: State, seen: readonly string[]): string {
  return `${interested(who, other, state)}\n${availability(who, other, state, seen)}`;
}

function interested(who: string, other: string, state: State): string {
  return `${who} may receive:
  ${push(other, state)}
${who} connects
${who} sends:
  <iq type="get" id="roster"><query xmlns="jabber:iq:roster"/></iq>
${who} receives:
  <iq type="result" id="roster"><query xmlns="jabber:iq:roster" scansion:strict="false"/></iq>`;
}

function availability(who: string, other: string, state: State, seen: readonly string[]): string {
  return `${who} is available\n${receives(who, [...(state.in ? [about('subscribe', other)] : []), ...seen])}`;
}

/**
 * What nobody minds: a push of what the roster already shows, presence once more, and that of the contact from whom a user has
 * just unsubscribed.
 */
function leeway(who: string, other: string, before: State, after: State): string {
  const seen = before.to ? [presence(other), ...(after.to ? [] : [absence(other)])] : [];
  return `${who} may receive:\n  ${[push(other, after), ...seen].join('\n  ')}`;
}

/** The state as a new client of the same account finds it. */
function epilogue(who: string, other: string, state: State): string {
  return `${found(who, other, state)}\n${reminded(who, other, state)}\n${who} later disconnects`;
}

/** In the roster. */
function found(who: string, other: string, state: State): string {
  const empty = isVisible(state)
    ? ''
    : `<iq type="result" id="roster"><query xmlns="jabber:iq:roster" ver="{scansion:any}"/></iq>`;
  return `${who} later connects
${who} later may receive:
  <presence type="unavailable" from="\${${other}'s JID}"/>
  ${push(other, state)}
${who} later sends:
  <iq type="get" id="roster"><query xmlns="jabber:iq:roster"/></iq>
${who} later receives one of:
  <iq type="result" id="roster"><query xmlns="jabber:iq:roster" scansion:strict="false">${item(other, state)}</query></iq>
  ${empty}
  ${empty.replace(' ver="{scansion:any}"', '')}`;
}

/** In the request that waits, where one does. */
function reminded(who: string, other: string, state: State): string {
  return `${who} later is available\n${receives(`${who} later`, state.in ? [about('subscribe', other)] : [])}`;
}

function receives(who: string, all: readonly string[]): string {
  return all.length === 0 ? '' : `${who} receives in any order:\n  ${all.join('\n  ')}`;
}

function pushes(other: string, before: State, after: State): readonly string[] {
  return item(other, before) === item(other, after) ? [] : [push(other, after)];
}

function push(other: string, state: State): string {
  return `<iq type="set"><query xmlns="jabber:iq:roster" scansion:strict="false">${item(other, state)}</query></iq>`;
}

/** The roster shows nothing of a pending request of the contact's. */
function item(other: string, { to, from, out }: State): string {
  const subscription = to ? (from ? 'both' : 'to') : from ? 'from' : 'none';
  const ask = out ? 'subscribe' : '{scansion:no}';
  return `<item jid="\${${other}'s JID}" subscription="${subscription}" ask="${ask}" scansion:strict="false"/>`;
}

function isVisible({ to, from, out }: State): boolean {
  return to || from || out;
}

function about(type: Type, from: string): string {
  return `<presence type="${type}" from="\${${from}'s JID}"/>`;
}

function presence(from: string): string {
  return `<presence from="\${${from}'s full JID}"/>`;
}

function absence(from: string): string {
  return `<presence type="unavailable" from="\${${from}'s full JID}"/>`;
}
