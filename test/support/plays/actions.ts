// What the lines of a play do.
//
//     Romeo connects                        opens a stream, authenticates, binds; also: connects by MECHANISM
//     Romeo opens a stream                  the features come as an element; also: opens a stream to DOMAIN
//     Romeo authenticates                   opens a stream, authenticates and opens it again
//     Romeo binds
//     Romeo is available                    sends presence and waits for it to come back; also: with priority N
//     Romeo and Juliet see each other       each has heard that the other one is available
//     Romeo sends:                          each element below
//     Romeo sends as it stands:             the text below
//     Romeo receives:                       these and nothing before, between or instead
//     Romeo receives in any order:
//     Romeo receives one of:
//     Romeo or Juliet receives:             at least one of them something of this, and all of them may
//     Romeo may receive:                    from now on such an element is fine at any time
//     Romeo asks until it is so:            the first element below, again and again, until the second is the answer
//     Romeo receives nothing                nothing came of all that anybody did so far
//     Romeo disconnects
//     Romeo loses the connection
//     Romeo is disconnected                 by the server
//     Romeo and Juliet are friends          subscribed to each other's presence
//     Romeo is subscribed to Juliet
//     Romeo and Juliet once said: X, Y      like "Romeo subscribe, Juliet subscribed": presence of that type, or block, unblock
//
// Where a play ends, nobody has received anything that the play did not speak of.

import type { Xml } from '../xml.js';
import type { Actor } from './actor.js';
import { elements } from './match.js';
import type { Step } from './play.js';
import type { Scene } from './scene.js';

/** How long what has to be some time may take; milliseconds. */
const PATIENCE = 5000;

type Action = (scene: Scene, actor: Actor, step: Step, word: string, more: string) => unknown;

const ACTIONS: readonly (readonly [RegExp, Action])[] = [
  [/^(.+) connects(?: by (\S+))?$/, (_scene, actor, _step, mechanism) => actor.connect(mechanism)],
  [/^(.+) opens a stream(?: to (\S+))?$/, (_scene, actor, _step, domain) => actor.open(domain)],
  [/^(.+) authenticates$/, (_, actor) => actor.authenticate()],
  [/^(.+) binds$/, (_, actor) => actor.bind()],
  [/^(.+) is available(?: with priority (-?\d+))?$/, (_scene, actor, _step, priority) => appear(actor, priority)],
  [/^(.+) sends:$/, (scene, actor, step) => scene.elements(step).forEach((each) => void actor.send(sendable(each)))],
  [/^(.+) and (.+) see each other$/, (scene, actor, _step, other) => meet(actor, scene.actor(other))],
  [/^(.+) sends as it stands:$/, (_scene, actor, step) => actor.send(step.xml.trim())],
  [/^(.+?) or (.+) receives:$/, either],
  [/^(.+) receives:$/, inOrder],
  [/^(.+) receives in any order:$/, inAnyOrder],
  [/^(.+) receives one of:$/, oneOf],
  [/^(.+) asks until it is so:$/, persist],
  [/^(.+) may receive:$/, (scene, actor, step) => actor.tolerated.push(...scene.elements(step))],
  [/^(.+) receives nothing$/, nothing],
  [/^(.+) disconnects$/, depart],
  [/^(.+) loses the connection$/, (_, actor) => actor.vanish()],
  [/^(.+) is disconnected$/, thrownOut],
  [/^(.+) and (.+) are friends$/, (scene, actor, _step, other) => befriend(scene, actor, other)],
  [
    /^(.+) is subscribed to (.+)$/,
    (scene, actor, _step, other) => past(scene, actor, other, subscription(actor.role.name, other)),
  ],
  [/^(.+) and (.+) once said:(.*)$/, (scene, actor, _step, other, said) => past(scene, actor, other, said)],
];

/** Does what a line says. */
export async function act(scene: Scene, step: Step): Promise<void> {
  for (const [pattern, action] of ACTIONS) {
    const match = pattern.exec(step.text);
    if (match) return void (await action(scene, scene.actor(match[1]), step, match[2], match[3]));
  }
  throw new Error('nobody knows what that means');
}

/** Fails where somebody has received what the play did not speak of. */
export async function finale(scene: Scene): Promise<void> {
  await scene.settle();
  for (const actor of scene.actors.values()) silent(scene, actor);
}

async function appear(actor: Actor, priority: string | undefined): Promise<void> {
  const payload = priority === undefined ? '' : `<priority>${priority}</priority>`;
  actor.send(`<presence xmlns="jabber:client">${payload}</presence>`);
  await sees(actor, actor);
}

async function meet(one: Actor, other: Actor): Promise<void> {
  await sees(one, other);
  await sees(other, one);
}

function sees(actor: Actor, { full }: Actor): Promise<Xml> {
  const fits = (each: Xml) => each.name === 'presence' && each.attr('from') === full && !each.attr('type');
  return actor.take(fits, `presence of ${full}`);
}

async function inOrder(scene: Scene, actor: Actor, step: Step): Promise<void> {
  for (const expected of scene.elements(step)) {
    const came = await heard(scene, actor, [expected]);
    const reason = scene.mismatch(expected, came);
    if (reason !== undefined) throw new Error(`${reason}\nexpected: ${expected.raw}\nreceived: ${came.raw}`);
  }
}

async function inAnyOrder(scene: Scene, actor: Actor, step: Step): Promise<void> {
  const left = [...scene.elements(step)];
  while (left.length > 0) left.splice(await chosen(scene, actor, left), 1);
}

async function oneOf(scene: Scene, actor: Actor, step: Step): Promise<void> {
  await chosen(scene, actor, scene.elements(step));
}

/** Servers may choose between resources: at least one has it, and every other one may. */
async function either(scene: Scene, actor: Actor, step: Step, other: string): Promise<void> {
  await scene.settle();
  const expected = scene.elements(step);
  const all = [actor, ...other.split(' or ').map((name) => scene.actor(name))];
  const fits = (came: Xml) => expected.some((each) => scene.mismatch(each, came) === undefined);
  if (!all.some((each) => each.unread.some(fits))) throw new Error(`nobody received ${expected.join(' or ')}`);
  for (const each of all) each.tolerated.push(...expected);
}

/** The place of the expected element that the next one is. */
async function chosen(scene: Scene, actor: Actor, choice: readonly Xml[]): Promise<number> {
  const came = await heard(scene, actor, choice);
  const reasons = choice.map((each) => scene.mismatch(each, came));
  const at = reasons.indexOf(undefined);
  if (at < 0) throw new Error(`${reasons.join('\n')}\nreceived: ${came.raw}`);
  return at;
}

/** The next element that is expected, or not tolerated. */
async function heard(scene: Scene, actor: Actor, expected: readonly Xml[]): Promise<Xml> {
  for (;;) {
    const came = await actor.next(String(expected[0]));
    const fits = expected.some((each) => scene.mismatch(each, came) === undefined);
    if (fits || !isTolerated(scene, actor, came)) return came;
  }
}

/** For what a server does some time after it was told. The next question waits for the answer to the one before. */
async function persist(scene: Scene, actor: Actor, step: Step): Promise<void> {
  const [question, expected] = scene.elements(step);
  const end = Date.now() + PATIENCE;
  for (;;) {
    actor.send(sendable(question));
    const came = await actor.take((each) => each.attr('id') === question.attr('id'), `an answer to ${question.raw}`);
    const reason = scene.mismatch(expected, came);
    if (reason === undefined) return;
    if (Date.now() > end) throw new Error(`${reason}\nexpected: ${expected.raw}\nreceived: ${came.raw}`);
  }
}

async function nothing(scene: Scene, actor: Actor): Promise<void> {
  await scene.settle();
  silent(scene, actor);
}

async function depart(scene: Scene, actor: Actor): Promise<void> {
  if (actor.bound) await nothing(scene, actor);
  await actor.leave();
}

async function thrownOut(scene: Scene, actor: Actor): Promise<void> {
  for (let came = await actor.ending(); came !== undefined; came = await actor.ending()) {
    if (!isTolerated(scene, actor, came)) throw new Error(`not the end: ${came.raw}`);
  }
}

function silent(scene: Scene, actor: Actor): void {
  const more = actor.unread.filter((each) => !isTolerated(scene, actor, each));
  if (more.length > 0) throw new Error(`${actor.role.name} also received:\n${more.map(String).join('\n')}`);
  actor.forget();
}

function isTolerated(scene: Scene, actor: Actor, came: Xml): boolean {
  const isAcknowledgement = came.ns === 'urn:xmpp:sm:3' && came.name === 'a';
  return isAcknowledgement || actor.tolerated.some((each) => scene.mismatch(each, came) === undefined);
}

/**
 * Presence about subscriptions that two exchanged by clients that are gone now. A server may or may not answer the probe for a
 * contact who is not there (RFC 6121 4.3.2), so that is tolerated.
 */
async function past(scene: Scene, actor: Actor, other: string, said: string): Promise<void> {
  const both = [scene.extra(actor.role.name), scene.extra(other)];
  await Promise.all(both.map((each) => each.connect()));
  for (const [, name, type] of said.matchAll(/(\S[^,]*) (\w+)(?:,|$)/g)) {
    const [from, to] = both[0].role.name === name ? both : both.toReversed();
    from.send(pastWord(type, to.bare));
    await from.ping();
    await to.ping();
  }
  await Promise.all(both.map((each) => each.leave()));
  for (const [from, to] of [both, both.toReversed()]) {
    const absence = elements(`<presence from="${from.bare}" type="unavailable"/>`);
    for (const each of scene.actors.values()) if (each.bare === to.bare) each.tolerated.push(...absence);
  }
}

function pastWord(type: string, to: string): string {
  if (!type.endsWith('block')) return `<presence xmlns="jabber:client" to="${to}" type="${type}"/>`;
  const command = `<${type} xmlns="urn:xmpp:blocking"><item jid="${to}"/></${type}>`;
  return `<iq xmlns="jabber:client" type="set" id="${type}">${command}</iq>`;
}

function befriend(scene: Scene, actor: Actor, other: string): Promise<void> {
  const { name } = actor.role;
  return past(scene, actor, other, `${subscription(name, other)}, ${subscription(other, name)}`);
}

function subscription(subscriber: string, contact: string): string {
  return `${subscriber} subscribe, ${contact} subscribed`;
}

/** Its text with the namespace that the play's wrapper declared. */
function sendable({ raw, ns }: Xml): string {
  const [tag] = /^<[^>]*>/.exec(raw) ?? [raw];
  return /\sxmlns=/.test(tag) ? raw : raw.replace(/^<[^\s/>]+/, (name) => `${name} xmlns="${ns}"`);
}
