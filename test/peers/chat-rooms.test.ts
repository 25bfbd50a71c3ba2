// Rooms in the chat page (XEP-0045, XEP-0402), in Chromium against our own server.

import { expect, it } from 'vitest';
import { account, ChatStage, guest, ourCore } from '../support/peers/chat-stage.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN } from '../support/peers/peer.js';
import { login } from '../support/peers/user.js';

const ROOMS = `rooms.${DOMAIN}`;

describeWith(['chromium'], 'rooms in the chat page', () => {
  const stage = new ChatStage(ourCore(['romeo', 'juliet', 'mercutio', 'nurse']));

  it('one makes a room by its name, another enters it by a link, and they talk, each message once', async () => {
    const romeo = await stage.enter(guest('Romeo', 'bosh'));
    await romeo.enterRoom('Garden Party');
    await romeo.sees('#conversation h2', 'Garden Party');
    const juliet = await stage.open(`${stage.origin}#room=${await romeo.roomAddress()}`);
    await juliet.enter(guest('Juliet', 'websocket'));
    await juliet.sees('#conversation h2', 'Garden Party');
    await romeo.say('Good evening');
    await juliet.sees('.bubble.their .from', 'Romeo');
    await romeo.sees('.bubble.own[data-state=delivered]', 'Good evening');
    await juliet.find('#composer textarea').pressSequentially('And');
    await romeo.sees('#typing', 'Juliet is typing');
    await juliet.say('And to you');
    await romeo.sees('.bubble.their', 'And to you');
    expect(await romeo.find('#typing').textContent()).toBe('');
    for (const window of [romeo, juliet]) expect(await window.said()).toEqual(['Good evening', 'And to you']);
    for (const window of [romeo, juliet]) expect(await window.find('#here .person').count()).toBe(0);
    stage.noComplaints();
  });

  it('shows who is there, and who comes and goes; a nickname that is taken is refused, in the dialog and in the room', async () => {
    const romeo = await stage.enter(guest('Romeo', 'bosh'));
    await romeo.enterRoom('hall');
    const juliet = await stage.enter(guest('Juliet', 'websocket'));
    await juliet.page.keyboard.press('Control+j');
    await juliet.find('#entrance [name=room]').fill('hall');
    await juliet.find('#entrance [name=nick]').fill('Romeo');
    await juliet.page.keyboard.press('Enter');
    await juliet.sees('#entrance .failure', 'This nickname is taken there');
    expect(await juliet.find('#rooms .person').count()).toBe(0);
    await juliet.page.keyboard.type('Giulietta');
    await juliet.page.keyboard.press('Enter');
    await juliet.sees('#toggle-about', '2');
    await romeo.aboutRoom();
    await romeo.sees('#occupants li', 'Giulietta');
    await juliet.aboutRoom();
    await juliet.find('#nick').fill('Romeo');
    await juliet.page.keyboard.press('Enter');
    await juliet.sees('#about-room .failure', 'taken');
    await juliet.find('#nick').fill('Capulet');
    await juliet.page.keyboard.press('Enter');
    await romeo.sees('.note', 'Giulietta is now called Capulet');
    await romeo.sees('#occupants li', 'Capulet');
    await juliet.sees('#occupants li', 'Capulet (you)');
    await juliet.find('#about-room .leave').click();
    await juliet.sees('#welcome');
    await romeo.sees('#toggle-about', '1');
    expect(await juliet.find('#rooms .person').count()).toBe(0);
    stage.noComplaints();
  });

  it('the subject is seen by all, and who may not set it is told so', async () => {
    const romeo = await stage.enter(account('romeo', 'websocket'));
    await romeo.enterRoom('balcony');
    await romeo.aboutRoom();
    await romeo.find('#subject').fill('What light');
    await romeo.page.keyboard.press('Enter');
    await romeo.sees('.note', 'romeo has set the subject: What light');
    const juliet = await stage.enter(account('juliet', 'bosh'));
    await juliet.enterRoom('balcony');
    await juliet.sees('#conversation .about', 'What light');
    await juliet.aboutRoom();
    await juliet.find('#subject').fill('Mine');
    await juliet.page.keyboard.press('Enter');
    await juliet.sees('.note', 'The subject was not changed');
    expect(await romeo.find('#conversation .about').textContent()).toContain('What light');
    stage.noComplaints();
  });

  it('who is removed, banned, or in a room that is closed is told by whom, and may come back where that is of use', async () => {
    const romeo = await stage.enter(account('romeo', 'websocket'));
    const juliet = await stage.enter(account('juliet', 'bosh'));
    for (const window of [romeo, juliet]) await window.enterRoom('tomb');
    await romeo.aboutRoom();
    await romeo.find('#occupants [aria-label="Remove juliet"]').click();
    await juliet.sees('#outside', 'You were removed from this room by romeo');
    await romeo.sees('.note', 'juliet was removed');
    await juliet.find('#outside .enter').click();
    await juliet.sees('#toggle-about', '2');
    romeo.page.once('dialog', (dialog) => void dialog.accept());
    await romeo.find('#occupants [aria-label="Ban juliet"]').click();
    await juliet.sees('#outside', 'You were banned from this room');
    await juliet.find('#outside .enter').click();
    await juliet.sees('#entrance .failure', 'You are banned');
    await juliet.page.keyboard.press('Escape');
    await juliet.find('#outside .remove').click();
    await juliet.sees('#welcome');
    for (const window of [romeo, juliet]) await window.enterRoom('crypt');
    await juliet.sees('#toggle-about', '2');
    await juliet.aboutRoom();
    expect(await juliet.find('#about-room .destroy').isVisible()).toBe(false);
    romeo.page.once('dialog', (dialog) => void dialog.accept());
    await romeo.aboutRoom();
    await romeo.find('#about-room .destroy').click();
    await juliet.sees('#outside', 'This room was closed');
    expect(await juliet.find('#composer').isVisible()).toBe(false);
    stage.noComplaints();
  });

  it('an invitation is shown until it is taken or declined, those of other clients too', async () => {
    const romeo = await stage.enter(account('romeo', 'bosh'));
    await romeo.enterRoom('ball');
    const juliet = await stage.enter(account('juliet', 'websocket'));
    await romeo.aboutRoom();
    for (const deed of ['Decline', 'Enter']) {
      await romeo.find('#invitee').fill(`juliet@${DOMAIN}`);
      await romeo.page.keyboard.press('Enter');
      await juliet.sees('#invitations .request', 'romeo');
      await juliet.find('#invitations button', deed).click();
      await juliet.find('#invitations').waitFor({ state: 'hidden' });
    }
    await juliet.sees('#conversation h2', 'ball');
    const nurse = await login('bosh', stage.edge, 'nurse');
    const direct = `<x xmlns="jabber:x:conference" jid="kitchen@${ROOMS}" reason="Soup"/>`;
    nurse.send(`<message xmlns="jabber:client" to="juliet@${DOMAIN}">${direct}</message>`);
    await juliet.sees('#invitations .request', 'nurse');
    await juliet.sees('#invitations small', 'Soup');
    stage.noComplaints();
    await nurse.close();
  });

  it('rooms come back: after a reload, in another window, and not after they were left', async () => {
    const romeo = await stage.enter(account('romeo', 'bosh'));
    const juliet = await stage.enter(account('juliet', 'websocket'));
    await juliet.enterRoom('atrium');
    for (const window of [romeo, juliet]) await window.enterRoom('orchard');
    await romeo.say('before');
    await juliet.sees('.bubble.their', 'before');
    await juliet.page.reload();
    await romeo.say('meanwhile');
    await juliet.sees('.bubble.their', 'meanwhile');
    expect(await juliet.said()).toEqual(['before', 'meanwhile']);
    await juliet.find('#toggle-about').waitFor();
    await juliet.say('still here');
    await romeo.sees('.bubble.their', 'still here');
    const again = await stage.enter(account('juliet', 'bosh'), juliet);
    await again.sees('#rooms .person', 'orchard');
    await again.talkTo('orchard');
    await again.say('from the second');
    await romeo.sees('.bubble.their', 'from the second');
    await juliet.sees('.bubble.own', 'from the second');
    await juliet.aboutRoom();
    await juliet.find('#about-room .leave').click();
    await again.find('#rooms .person', 'orchard').waitFor({ state: 'detached' });
    await juliet.find('#leave').click();
    await juliet.enter(account('juliet', 'websocket'));
    await juliet.sees('#rooms .person', 'atrium');
    expect(await juliet.find('#rooms .person', 'orchard').count()).toBe(0);
    stage.noComplaints();
  }, 60_000);

  it('counts what is unread in a room that is not open', async () => {
    const romeo = await stage.enter(account('romeo', 'bosh'));
    const juliet = await stage.enter(account('juliet', 'websocket'));
    for (const window of [romeo, juliet]) await window.enterRoom('square');
    await juliet.seek(`nurse@${DOMAIN}`);
    for (const text of ['one', 'two']) await romeo.say(text);
    await juliet.sees('#rooms .unread', '2');
    expect(await juliet.page.title()).toMatch(/^\(2\)/);
    await juliet.talkTo('square');
    await juliet.find('#rooms .unread').waitFor({ state: 'detached' });
    expect(await juliet.said()).toEqual(['one', 'two']);
    stage.noComplaints();
  });

  it('after the server has gone and come back it enters again, and what was written meanwhile is said', async () => {
    const romeo = await stage.enter(guest('Romeo', 'bosh'));
    await romeo.enterRoom('market');
    await stage.stop();
    await romeo.sees('#banner', /lost|answer|Connecting/);
    await romeo.say('while it was away');
    await romeo.sees('.bubble.own[data-state=waiting]', 'while it was away');
    await stage.serve();
    await romeo.sees('.bubble.own[data-state=delivered]', 'while it was away');
    expect(await romeo.said()).toEqual(['while it was away']);
  }, 60_000);

  it('a room is entered, read, spoken in and left by the keyboard alone', async () => {
    const juliet = await stage.enter(guest('Juliet', 'bosh'));
    const romeo = await stage.enter(guest('Romeo', 'websocket'));
    const keys = romeo.page.keyboard;
    await keys.press('Control+j');
    await keys.type('stage');
    await keys.press('Enter');
    await romeo.sees('#toggle-about', '1');
    await juliet.enterRoom('stage');
    await keys.type('Who is there?');
    await keys.press('Enter');
    await juliet.sees('.bubble.their', 'Who is there?');
    await keys.press('Control+i');
    await keys.type('A play');
    await keys.press('Enter');
    await juliet.sees('#conversation .about', 'A play');
    await keys.press('Tab');
    await keys.press('Tab');
    await keys.press('Enter');
    await romeo.sees('#composer textarea:focus');
    expect(await romeo.find('#composer textarea').inputValue()).toBe('Juliet: ');
    await keys.press('Control+i');
    await keys.press('Control+i');
    await romeo.sees('#subject:focus');
    await keys.press('Escape');
    await romeo.sees('#about-room:not([hidden])');
    stage.noComplaints();
  });

  it('7.5 one occupant alone is written to by the keyboard, until all are again, and nobody who takes the name of who left', async () => {
    const juliet = await stage.enter(guest('Juliet', 'bosh'));
    const nurse = await stage.enter(guest('Nurse', 'bosh'));
    const romeo = await stage.enter(guest('Romeo', 'websocket'));
    for (const window of [romeo, juliet, nurse]) await window.enterRoom('masque');
    await romeo.sees('#toggle-about', '3');
    const keys = romeo.page.keyboard;
    await keys.press('Control+i');
    await romeo.sees('#subject:focus');
    for (let i = 0; i < 3; i++) await keys.press('Tab');
    await romeo.sees('#occupants [aria-label="Write to Juliet alone"]:focus');
    await keys.press('Enter');
    await romeo.sees('#composer textarea:focus');
    await romeo.sees('#only', 'Only to Juliet');
    await keys.type('My lips');
    await keys.press('Enter');
    await romeo.sees('.bubble.own.secret[data-state=sent]', 'only to Juliet');
    await juliet.sees('.bubble.their.secret', 'only to you');
    await juliet.sees('.bubble.their', 'My lips');
    await keys.press('Escape');
    await romeo.find('#only').waitFor({ state: 'hidden' });
    await romeo.sees('#composer textarea:focus');
    await keys.type('Good evening, all');
    await keys.press('Enter');
    await nurse.sees('.bubble.their', 'Good evening, all');
    expect(await nurse.said()).toEqual(['Good evening, all']);
    expect(await juliet.said()).toEqual(['My lips', 'Good evening, all']);

    await romeo.find('#occupants [aria-label="Write to Juliet alone"]').click();
    await romeo.sees('#only', 'Only to Juliet');
    await juliet.aboutRoom();
    await juliet.find('#about-room .leave').click();
    await romeo.sees('#only', 'Juliet may have left');
    await nurse.aboutRoom();
    await nurse.find('#nick').fill('Juliet');
    await nurse.page.keyboard.press('Enter');
    await romeo.sees('.note', 'Nurse is now called Juliet');
    await keys.type('Are you there?');
    await keys.press('Enter');
    expect(await romeo.find('#composer textarea').inputValue()).toBe('Are you there?');
    await romeo.find('#only').click();
    await keys.press('Enter');
    await nurse.sees('.bubble.their', 'Are you there?');
    expect(await nurse.find('.bubble.secret').count()).toBe(0);
    stage.noComplaints();
  }, 60_000);

  it('7.5 what one window writes to one alone is that in the other windows of the account too', async () => {
    const romeo = await stage.enter(account('romeo', 'bosh'));
    const juliet = await stage.enter(account('juliet', 'websocket'));
    for (const window of [juliet, romeo]) await window.enterRoom('arras');
    await romeo.sees('#toggle-about', '2');
    const other = await stage.enter(account('romeo', 'websocket'), romeo);
    await other.sees('#rooms .person', 'arras');
    await other.talkTo('arras');
    await romeo.aboutRoom();
    await romeo.find('#occupants [aria-label="Write to juliet alone"]').click();
    await romeo.say('Hide here');
    await juliet.sees('.bubble.their.secret', 'Hide here');
    await other.sees('.bubble.own.secret', 'Hide here');
    await other.sees('.bubble.own.secret', 'only to juliet');
    await romeo.page.keyboard.press('Escape');
    stage.noComplaints();
  }, 60_000);
});
