// The chat page in Chromium, as people use it: on domains of our own, and where it matters in front of a Prosody that lets
// people in.

import { expect, it } from 'vitest';
import { account, ChatStage, guest, ourCore, prosodyBehind } from '../support/peers/chat-stage.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN, PASSWORD } from '../support/peers/peer.js';
import { startPrefixProxy } from '../support/peers/prefix-proxy.js';
import { login } from '../support/peers/user.js';

/** What has to work with any server. */
function everywhere(stage: ChatStage): void {
  it('two guests find each other by a link and talk, one over BOSH and one over WebSocket', async () => {
    const [romeo, juliet] = await stage.couple();
    await juliet.say('O Romeo, Romeo!');
    await juliet.say('Wherefore art thou Romeo?');
    await romeo.sees('.person .unread', '2');
    expect(await romeo.page.title()).toMatch(/^\(2\)/);
    await romeo.talkTo('Juliet');
    expect(await romeo.said()).toEqual(['O Romeo, Romeo!', 'Wherefore art thou Romeo?']);
    expect(await romeo.find('.unread').count()).toBe(0);
    await juliet.sees('.bubble.own[data-state=delivered] >> nth=1');
    await romeo.find('#composer textarea').pressSequentially('Shall I');
    await juliet.sees('#typing', 'Romeo is typing');
    await romeo.say('Shall I hear more?');
    await juliet.sees('.bubble.their', 'Shall I hear more?');
    expect(await juliet.find('#typing').textContent()).toBe('');
    await romeo.find('#show').selectOption('dnd');
    await juliet.sees('#conversation .about', 'do not disturb');
    await romeo.find('#leave').click();
    await juliet.sees('#conversation .about', 'offline');
    stage.noComplaints();
  });

  it('a new account, a contact, and what the other window of the account sends', async () => {
    const rosaline = await stage.enter(account('rosaline', 'bosh', 'register'));
    const juliet = await stage.enter(account('juliet', 'websocket'));
    const again = await stage.enter(account('juliet', 'bosh'), juliet);
    await juliet.seek(await rosaline.address());
    await juliet.find('#contact').click();
    await rosaline.sees('.request', `juliet@${DOMAIN}`);
    await rosaline.find('.request button', 'Accept').click();
    for (const window of [juliet, again]) await window.sees('#contacts .person[aria-label*=available]', 'rosaline');
    await rosaline.sees('#contacts .person[aria-label*=available]', 'juliet');
    expect(await juliet.find('.request').count()).toBe(0);
    await juliet.say('said in one window');
    await again.talkTo('rosaline');
    await again.sees('.bubble.own', 'said in one window');
    await rosaline.talkTo('juliet');
    await rosaline.say('heard in both');
    for (const window of [juliet, again]) await window.sees('.bubble.their', 'heard in both');
    stage.noComplaints();
  });

  it('a reload over WebSocket resumes the stream of an account by its SCRAM keys (XEP-0198 section 5)', async () => {
    const romeo = await login('bosh', stage.edge, 'romeo');
    const window = await stage.enter(account('juliet', 'websocket'));
    const to = await window.address();
    romeo.say(to, 'before');
    await window.talkTo('romeo');
    expect(await window.page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })')).not.toContain(
      PASSWORD,
    );
    await window.page.reload();
    romeo.say(to, 'meanwhile');
    await window.sees('.bubble.their', 'meanwhile');
    await window.page.keyboard.press('Control+.');
    await window.sees('#console .is-stream.in', '<resumed');
    await window.say('I am back');
    await romeo.message('I am back');
    stage.noComplaints();
    await romeo.close();
  });
}

describeWith(['chromium'], 'the chat page on domains of our own', () => {
  const stage = new ChatStage(ourCore(['romeo', 'juliet', 'mercutio']));

  everywhere(stage);

  it('says why nobody comes in: a wrong password, a name that is taken', async () => {
    const window = await stage.open();
    await window.knock({ ...account('romeo', 'websocket'), password: 'wrong' });
    await window.sees('#door .failure', 'Wrong name or password.');
    await window.knock(account('romeo', 'bosh', 'register'));
    await window.sees('#door .failure', 'This name is taken');
    await window.enter(account('romeo', 'bosh'));
    stage.noComplaints();
  });

  it('the XML console shows the stream without passwords, filters it, and sends', async () => {
    const window = await stage.enter(account('benvolio', 'websocket', 'register'));
    await window.page.keyboard.press('Control+.');
    await window.sees('#console .is-iq.out', 'jabber:iq:register');
    expect(await window.find('#console').textContent()).not.toContain(PASSWORD);
    await window.find('#console .kinds label', /^iq$/).click();
    expect(await window.find('#console .is-iq.out').first().isVisible()).toBe(false);
    await window.find('#console .kinds label', /^iq$/).click();
    await window.find('#console .clear').click();
    expect(await window.find('#console li').count()).toBe(0);
    await window.find('#console select').selectOption('What can the server do?');
    await window.find('#console textarea').press('Control+Enter');
    await window.sees('#console .is-iq.in', 'urn:xmpp:ping');
    stage.noComplaints();
    // Chromium's account of the mistake has a style of its own, which the policy refuses.
    await window.find('#console textarea').fill('<message><body>never closed</message>');
    await window.find('#console [type=submit]').click();
    await window.sees('#console .failure', /error/);
    await window.find('#console .pause').click();
    const before = await window.find('#console li').count();
    await window
      .find('#console textarea')
      .fill(`<message to="benvolio@${DOMAIN}" type="chat"><body>to myself</body></message>`);
    await window.find('#console [type=submit]').click();
    await window.sees('.person', 'benvolio');
    expect(await window.find('#console li').count()).toBe(before);
  });

  it('everything goes by the keyboard alone', async () => {
    const romeo = await stage.enter(guest('Romeo', 'bosh'));
    const juliet = await stage.open(await romeo.link());
    const keys = juliet.page.keyboard;
    await juliet.sees('#door');
    await keys.type('Juliet');
    await keys.press('Enter');
    await juliet.sees('#conversation h2', 'Romeo');
    await keys.type('one');
    await keys.press('Shift+Enter');
    await keys.type('two');
    await keys.press('Enter');
    await romeo.sees('.person .unread', '1');
    await romeo.page.keyboard.press('Control+k');
    await romeo.page.keyboard.type('jul');
    await romeo.page.keyboard.press('Enter');
    await romeo.sees('.bubble.their', 'one');
    expect(await romeo.said()).toEqual(['one\ntwo']);
    await keys.press('Escape');
    expect(await juliet.page.evaluate('document.activeElement.className')).toBe('person');
    await keys.press('?');
    await juliet.sees('#help[open]');
    await keys.press('Escape');
    await keys.press('/');
    await keys.type('three');
    await keys.press('Enter');
    await romeo.sees('.bubble.their', 'three');
    await keys.press('Control+.');
    await juliet.sees('#console li');
    stage.noComplaints();
  });

  it('what others write stays text, whoever they say they are', async () => {
    const evil = `<img src=x onerror="globalThis.hurt=1"><script>globalThis.hurt=1</script>`;
    const text = evil.replaceAll('<', '&lt;').replaceAll('"', '&quot;');
    const invited = await stage.open(`${stage.origin}#${new URLSearchParams({ chat: `nurse@${DOMAIN}`, name: evil })}`);
    await invited.sees('.invitation', evil);
    expect(await invited.find('#door img').count()).toBe(1);
    const window = await (await stage.open(`${stage.origin}#chat=${encodeURIComponent(evil)}`)).enter(
      guest(evil.slice(0, 55), 'websocket'),
    );
    await window.page.keyboard.press('Control+.');
    const mercutio = await login('websocket', stage.edge, 'mercutio', { resource: evil });
    const to = await window.address();
    const nick = `<nick xmlns="http://jabber.org/protocol/nick">${text}</nick>`;
    mercutio.send(`<presence xmlns="jabber:client" to="${to}"><status>${text}</status>${nick}</presence>`);
    mercutio.send(`<presence xmlns="jabber:client" to="${to}" type="subscribe">${nick}</presence>`);
    mercutio.send(
      `<message xmlns="jabber:client" to="${to}" type="chat" id="${text}"><body>${text}</body>${nick}</message>`,
    );
    await window.find('.request button', 'Decline').click();
    await window.find('.person').click();
    await window.page.keyboard.press('Control+k');
    await window.sees('.bubble.their');
    expect(await window.said()).toEqual([evil]);
    expect(await window.find('.person .name').textContent()).toBe(evil.slice(0, 80));
    expect(await window.find('#room img, #finder img, #room script').count()).toBe(0);
    expect(await window.page.evaluate('globalThis.hurt')).toBeUndefined();
    stage.noComplaints();
    await mercutio.close();
  });

  it('XML that is none and carbons of a stranger change nothing', async () => {
    const window = await stage.enter(guest('Nurse', 'bosh'));
    const mercutio = await login('bosh', stage.edge, 'mercutio');
    const to = await window.address();
    const copy = `<message xmlns="jabber:client" from="${to}/x" to="forged@${DOMAIN}" type="chat"><body>never said</body></message>`;
    const forwarded = `<forwarded xmlns="urn:xmpp:forward:0">${copy}</forwarded>`;
    mercutio.send(
      `<message xmlns="jabber:client" to="${to}"><sent xmlns="urn:xmpp:carbons:2">${forwarded}</sent></message>`,
    );
    mercutio.say(to, 'true');
    await window.talkTo('mercutio');
    expect(await window.find('.person').count()).toBe(1);
    await window.say('control \u0001 and half \ud83d a pair');
    expect((await mercutio.message('control  and half \ufffd a pair')).attr('type')).toBe('chat');
    stage.noComplaints();
    await mercutio.close();
  });

  it('a reload over BOSH continues the session: the same address, the conversation, and what came meanwhile', async () => {
    const [romeo, juliet] = await stage.couple();
    await juliet.say('before');
    await romeo.talkTo('Juliet');
    const address = await romeo.address();
    await romeo.page.reload();
    await juliet.say('meanwhile');
    await romeo.sees('.bubble.their', 'meanwhile');
    expect(await romeo.address()).toBe(address);
    expect(await romeo.said()).toEqual(['before', 'meanwhile']);
    await romeo.say('I am back');
    await juliet.sees('.bubble.their', 'I am back');
    stage.noComplaints();
  });

  it('below the prefix of a proxy it finds its files and both transports', async () => {
    const proxy = await startPrefixProxy(stage.port);
    const romeo = await (await stage.open(proxy.url)).enter(guest('Romeo', 'bosh'));
    const juliet = await (await stage.open(await romeo.link())).enter(guest('Juliet', 'websocket'));
    expect(await romeo.link()).toContain('/im/#chat=');
    await juliet.say('over both');
    await romeo.sees('.person .line', 'over both');
    stage.noComplaints();
    proxy.stop();
  });

  it('a copy of a window that is still open begins at the door', async () => {
    const romeo = await stage.enter(guest('Romeo', 'bosh'));
    const [copy] = await Promise.all([
      romeo.page.context().waitForEvent('page'),
      romeo.page.evaluate('void globalThis.open(location.href)'),
    ]);
    await copy.locator('#door form').waitFor();
    await romeo.seek(`nurse@${DOMAIN}`);
    stage.noComplaints();
  });

  it.each(['bosh', 'websocket'] as const)(
    'says at the door that the server cannot be reached (%s)',
    async (transport) => {
      const window = await stage.open();
      await window.sees('#door form');
      await stage.stop();
      await window.knock(guest('Romeo', transport));
      await window.sees('#door .failure', 'The server cannot be reached.');
      await stage.serve();
      await window.enter(guest('Romeo', transport));
    },
  );

  it('after the server has gone and come back the windows are there again, and what was said meanwhile goes out', async () => {
    const [romeo, juliet] = await stage.couple();
    await juliet.say('before');
    await romeo.talkTo('Juliet');
    await stage.stop();
    await romeo.sees('#banner', /lost|answer|Connecting/);
    await romeo.say('while it was away');
    await romeo.sees('.bubble.own[data-state=waiting]', 'while it was away');
    await stage.serve();
    await Promise.all([romeo.online(), juliet.online()]);
    await romeo.sees('.bubble.own:not([data-state=waiting])', 'while it was away');
    // Strophe itself waits for up to eight seconds before it repeats a request of BOSH.
  }, 60_000);
});

describeWith(['chromium', 'prosody', 'openssl'], 'the chat page in front of Prosody', () => {
  everywhere(new ChatStage(prosodyBehind));
});
