// Plays that a server cannot bring to a good end: were one of them to pass, no play would show anything.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { elements, mismatch } from '../support/plays/match.js';
import { ownStage } from '../support/plays/own-stage.js';
import { parsePlay } from '../support/plays/parse.js';
import { TRANSPORTS } from '../support/plays/play.js';
import { Scene } from '../support/plays/scene.js';
import type { Stage } from '../support/plays/stage.js';
import { perform } from '../support/plays/theatre.js';

const CAST = `# a play
[Client] Romeo
  jid: romeo@localhost/orchard
[Client] Juliet
  jid: juliet@localhost/balcony
-----
Romeo connects
Juliet connects
Juliet is available
Romeo sends:
  <message to="\${Juliet's full JID}" type="chat" id="m1"><body>Hist!</body></message>
  <message to="\${Juliet's full JID}" type="chat" id="m2"><body>Hark!</body></message>
`;

let stage: Stage;

beforeAll(async () => {
  stage = await ownStage.build(['romeo-0', 'juliet-0'].map((name) => ({ name, password: 'wherefore art thou' })));
});
afterAll(() => stage.stop());

const performed = (text: string, transport = TRANSPORTS[0]) =>
  perform(new Scene(parsePlay(CAST + text, 'a.scs'), '0', stage, () => transport));

const M1 = '<message type="chat" id="m1"><body>Hist!</body></message>';
const M2 = '<message type="chat" id="m2"><body>Hark!</body></message>';

it.each(TRANSPORTS)('a play whose server does what it says is over, over %s', async (transport) => {
  await performed(`Juliet receives:\n  ${M1}\n  ${M2}\nRomeo receives nothing`, transport);
});

it.each([
  ['what the play did not speak of', `Juliet receives:\n  ${M1}`, /a\.scs:the end.*also received:.*m2/s],
  ['something where it says nothing', 'Juliet receives nothing', /a\.scs:13: Juliet receives nothing.*m1.*m2/s],
  ['another order', `Juliet receives:\n  ${M2}\n  ${M1}`, /id of <message> is m1, not m2/],
  ['another text', `Juliet receives:\n  ${M1.replace('Hist!', 'Ho!')}`, /says "Hist!", not "Ho!"/],
  ['another type', `Juliet receives:\n  ${M1.replace(' type="chat"', '')}`, /also has type='chat'/],
  ['more than expected', `Juliet receives:\n  ${M1.replace('<body>Hist!</body>', '')}`, /body.* was not expected/],
  ['less than expected', `Juliet receives:\n  ${M1.replace('<body>', '<thread>1</thread><body>')}`, /no <thread>/],
  ['none of the choice', `Juliet receives one of:\n  ${M2}`, /id of <message> is m1, not m2/],
  ['nothing of the choice', `Romeo or Juliet receives:\n  ${M1.replaceAll('m1', 'm3')}`, /nobody received/],
  ['a stanza instead of the end', 'Juliet is disconnected', /not the end/],
  ['a line that is not known', 'Juliet swoons', /nobody knows what that means/],
  ['somebody who is not known', 'Tybalt connects', /nobody is called Tybalt/],
])('a play fails where there is %s', async (_, text, reason) => {
  await expect(performed(text)).rejects.toThrow(reason);
});

it.each([
  ['no title', 'Romeo connects\n-----\n'],
  ['no line of dashes', '# title\nRomeo connects\n'],
  ['a person without a JID', '# title\n[Client] Romeo\n-----\n'],
  ['an unknown transport', '# title\n# transport: pigeon\n-----\n'],
])('%s is no play', (_, text) => {
  expect(() => parsePlay(text, 'a.scs')).toThrow(/^a\.scs: /);
});

it.each([
  ['<a/>', '<b/>'],
  ['<a xmlns="x"/>', '<a xmlns="y"/>'],
  ['<a b="1"/>', '<a/>'],
  ['<a b="1"/>', '<a b="2"/>'],
  ['<a b="{scansion:any}"/>', '<a/>'],
  ['<a b="{scansion:no}"/>', '<a b="1"/>'],
  ['<a/>', '<a b="1"/>'],
  ['<a>{scansion:any}</a>', '<a/>'],
  ['<a><b/></a>', '<a/>'],
  ['<a><b/><b/></a>', '<a><b/></a>'],
  ['<a scansion:strict="false"><b c="1"/></a>', '<a><b c="2"/></a>'],
  ['<presence scansion:strict="false"/>', '<presence type="unavailable"/>'],
])('%s is not %s', (expected, came) => {
  expect(mismatch(elements(expected)[0], elements(came)[0], new Map())).toBeDefined();
});

it('children come in any order, and what is captured is told', () => {
  const captures = new Map<string, string>();
  const expected = '<iq id="{scansion:any as key}"><a/><b>{scansion:any as text}</b></iq>';
  expect(mismatch(elements(expected)[0], elements('<iq id="7"><b>x</b><a/></iq>')[0], captures)).toBeUndefined();
  expect(Object.fromEntries(captures)).toEqual({ key: '7', text: 'x' });
});
