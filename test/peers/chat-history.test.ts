// What was said before (XEP-0313) in the chat page, in Chromium against our own server.

import { expect, it } from 'vitest';
import { account, ChatStage, ourCore } from '../support/peers/chat-stage.js';
import type { ChatWindow } from '../support/peers/chat-window.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN } from '../support/peers/peer.js';
import { login } from '../support/peers/user.js';

const MANY = 350;

/** The message that is uppermost in sight, and how far below the edge its text is. */
const uppermost = (window: ChatWindow): Promise<[string, number]> =>
  window.page.evaluate(`(() => {
    const edge = document.querySelector('#log').getBoundingClientRect().top;
    const first = [...document.querySelectorAll('.bubble')].find((each) => each.getBoundingClientRect().top >= edge);
    // Its text: who says it is shown above it only where the message before it is another's.
    const text = first.querySelector('p');
    return [text.textContent, Math.round(text.getBoundingClientRect().top - edge)];
  })()`);

/** Reads upwards until all is there; every page comes above what the reader looks at, which stays where it is. */
async function readAll(window: ChatWindow, many: number): Promise<void> {
  for (;;) {
    const before = await window.find('.bubble').count();
    if (before === many) return;
    expect(before).toBeLessThan(many);
    await window.page.evaluate(`document.querySelector('#log').scrollTop = 40`);
    const seen = await uppermost(window);
    await window.find('.bubble').nth(before).waitFor({ state: 'attached' });
    const [text, below] = await uppermost(window);
    expect(text).toBe(seen[0]);
    // Lines are not whole pixels high.
    expect(Math.abs(below - seen[1])).toBeLessThanOrEqual(1);
  }
}

describeWith(['chromium'], 'history in the chat page', () => {
  const stage = new ChatStage(ourCore(['romeo', 'juliet', 'mercutio', 'nurse']));

  it('a new device sees the old conversations under their names, and all of them by reading upwards, each message once', async () => {
    const mercutio = await login('websocket', stage.edge, 'mercutio');
    const said = Array.from({ length: MANY }, (_, i) => `number ${i}`);
    const nick = '<nick xmlns="http://jabber.org/protocol/nick">Queen Mab</nick>';
    for (const text of said) {
      const body = `<body>${text}</body>${nick}`;
      mercutio.send(`<message xmlns="jabber:client" to="romeo@${DOMAIN}" type="chat" id="${text}">${body}</message>`);
    }
    await mercutio.ping();
    const first = await stage.enter(account('romeo', 'websocket'));
    await first.talkTo('Queen Mab');
    await first.sees('.bubble', `number ${MANY - 1}`);
    await first.say('That dreamers often lie');
    await mercutio.message('That dreamers often lie');
    await first.find('#leave').click();
    const device = await stage.enter(account('romeo', 'bosh'));
    await device.talkTo('Queen Mab');
    await device.sees('.bubble.own', 'That dreamers often lie');
    expect(await device.find('.person .unread').count()).toBe(0);
    await readAll(device, MANY + 1);
    expect(await device.said()).toEqual([...said, 'That dreamers often lie']);
    stage.noComplaints();
    await mercutio.close();
  }, 90_000);

  it('a window that was away learns what it has missed, and what it knows is not there twice', async () => {
    const nurse = await stage.enter(account('nurse', 'websocket'));
    const juliet = await login('websocket', stage.edge, 'juliet');
    const to = `nurse@${DOMAIN}`;
    juliet.say(to, 'before');
    await nurse.talkTo('juliet');
    await nurse.say('I am listening');
    await juliet.message('I am listening');
    // Another client gets what comes meanwhile, so that it is not kept for this one.
    const other = await login('websocket', stage.edge, 'nurse');
    const gone = other.element((each) => each.attr('type') === 'unavailable', 'the window is away');
    await nurse.page.keyboard.press('Control+.');
    await nurse.find('#console textarea').fill('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
    await nurse.find('#console [type=submit]').click();
    await gone;
    juliet.say(to, 'meanwhile');
    await nurse.sees('.bubble.their', 'meanwhile');
    expect(await nurse.said()).toEqual(['before', 'I am listening', 'meanwhile']);
    stage.noComplaints();
    await Promise.all([juliet.close(), other.close()]);
  });

  it('the last page of a room that stays is there after entering, the rest by reading upwards', async () => {
    const romeo = await stage.enter(account('romeo', 'bosh'));
    await romeo.enterRoom('archive', true);
    const room = await romeo.roomAddress();
    const mercutio = await login('websocket', stage.edge, 'mercutio');
    mercutio.send(
      `<presence xmlns="jabber:client" to="${room}/Mercutio"><x xmlns="http://jabber.org/protocol/muc"/></presence>`,
    );
    const said = Array.from({ length: 75 }, (_, i) => `line ${i}`);
    for (const text of said) {
      const body = `<body>${text}</body>`;
      mercutio.send(`<message xmlns="jabber:client" to="${room}" type="groupchat" id="${text}">${body}</message>`);
    }
    await romeo.sees('.bubble.their', 'line 74');
    const juliet = await stage.enter(account('juliet', 'websocket'));
    await juliet.enterRoom('archive');
    await juliet.sees('.bubble.their', 'line 74');
    await readAll(juliet, 75);
    expect(await juliet.said()).toEqual(said);
    expect(await juliet.find('#rooms .unread').count()).toBe(0);
    stage.noComplaints();
    await mercutio.close();
  }, 60_000);
});
