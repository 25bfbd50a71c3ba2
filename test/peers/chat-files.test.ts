// Pictures and files in the chat page (XEP-0084, XEP-0153, XEP-0363, XEP-0066), in Chromium against our own server.

import { expect, it } from 'vitest';
import { account, ChatStage, ourCore } from '../support/peers/chat-stage.js';
import type { ChatWindow } from '../support/peers/chat-window.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN } from '../support/peers/peer.js';
import { login } from '../support/peers/user.js';

/** A picture of one colour, made by the browser. */
async function picture(window: ChatWindow, side: number): Promise<Buffer> {
  const url = await window.page.evaluate(`(() => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = ${side};
    const place = canvas.getContext('2d');
    place.fillStyle = 'teal';
    place.fillRect(0, 0, ${side}, ${side});
    return canvas.toDataURL('image/png');
  })()`);
  return Buffer.from(String(url).split(',')[1], 'base64');
}

const png = (name: string, buffer: Buffer) => ({ name, mimeType: 'image/png', buffer });

/** Drops or pastes a text file, as the browser tells of it. */
const hand = (window: ChatWindow, selector: string, type: 'drop' | 'paste', name: string) =>
  window.page.evaluate(`(() => {
    const data = new DataTransfer();
    data.items.add(new File(['some text'], ${JSON.stringify(name)}, { type: 'text/plain' }));
    const event = ${
      type === 'drop'
        ? `new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })`
        : `new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })`
    };
    document.querySelector(${JSON.stringify(selector)}).dispatchEvent(event);
  })()`);

describeWith(['chromium'], 'pictures and files in the chat page', () => {
  const stage = new ChatStage(ourCore(['romeo', 'juliet', 'mercutio', 'nurse']));

  const talking = async (): Promise<[ChatWindow, ChatWindow]> => {
    const romeo = await stage.enter(account('romeo', 'websocket'));
    const juliet = await stage.enter(account('juliet', 'bosh'));
    await romeo.seek(`juliet@${DOMAIN}`);
    await romeo.say('Look');
    await juliet.talkTo('romeo');
    await romeo.sees('#attach');
    return [romeo, juliet];
  };

  it('a picture of oneself is made small, and shown to whom one talks to and in rooms, still after a reload', async () => {
    const [romeo, juliet] = await talking();
    await romeo.find('#picture-file').setInputFiles(png('me.png', await picture(romeo, 800)));
    await romeo.sees('#self img.avatar');
    const own = await romeo.find('#self img.avatar').getAttribute('src');
    expect(own).toMatch(/^data:image\/png;base64,/);
    expect(own?.length).toBeLessThan(33_000);
    await juliet.sees('#conversation header img.avatar');
    await juliet.page.waitForFunction(`document.querySelector('#conversation header img.avatar').naturalWidth === 96`);
    for (const window of [romeo, juliet]) await window.enterRoom('gallery');
    await juliet.aboutRoom();
    await juliet.sees('#occupants [data-nick=romeo] img.avatar');
    await romeo.page.reload();
    await romeo.sees('#self img.avatar');
    stage.noComplaints();
  });

  it('the own picture is removed by the keyboard, and then nobody sees it', async () => {
    const [romeo, juliet] = await talking();
    await romeo.find('#picture-file').setInputFiles(png('me.png', await picture(romeo, 200)));
    await juliet.sees('#conversation header img.avatar');
    for (const window of [romeo, juliet]) await window.enterRoom('empty frames');
    await juliet.aboutRoom();
    await juliet.sees('#occupants [data-nick=romeo] img.avatar');
    await romeo.find('#remove-picture').press('Enter');
    await romeo.sees('#self span.avatar');
    await juliet.sees('#occupants [data-nick=romeo] span.avatar');
    await juliet.talkTo('romeo');
    await juliet.sees('#conversation header span.avatar');
    expect(await romeo.page.evaluate('document.activeElement.id')).toBe('picture');
    expect(await romeo.find('#remove-picture').isVisible()).toBe(false);
    stage.noComplaints();
  });

  it('what is no picture is not taken, and said', async () => {
    const romeo = await stage.enter(account('nurse', 'bosh'));
    await romeo.find('#picture-file').setInputFiles(png('me.png', Buffer.from('no picture')));
    await romeo.sees('#notices', 'no picture that the browser can read');
    expect(await romeo.find('#self img').count()).toBe(0);
    stage.noComplaints();
  });

  it('files are chosen, dropped and pasted; pictures of our own service are shown, others are links', async () => {
    const [romeo, juliet] = await talking();
    await romeo.find('#files').setInputFiles(png('a view.png', await picture(romeo, 300)));
    for (const window of [romeo, juliet]) {
      await window.sees('.bubble .picture img');
      await window.page.waitForFunction(`document.querySelector('.bubble .picture img').naturalWidth === 300`);
      expect(await window.find('.bubble .picture img').getAttribute('alt')).toBe('a view.png');
    }
    await hand(romeo, '#log', 'drop', 'dropped.txt');
    await juliet.sees('.bubble .file', 'dropped.txt');
    await hand(romeo, '#composer textarea', 'paste', 'pasted.txt');
    await juliet.sees('.bubble .file', 'pasted.txt');
    const link = await juliet.find('.bubble .file', 'pasted.txt').getAttribute('href');
    expect(await (await fetch(link ?? '')).text()).toBe('some text');
    expect(await romeo.find('#uploads li').count()).toBe(0);
    stage.noComplaints();
  });

  it('too large a file is not sent, and said; one that is on its way shows how far, and can be stopped', async () => {
    const [romeo, juliet] = await talking();
    await romeo.find('#files').setInputFiles(png('huge.png', Buffer.alloc(1_000_001)));
    await romeo.sees('#uploads .failure', 'Not sent: it is larger than 1 MB.');
    await romeo.find('#uploads [aria-label="Cancel huge.png"]').click();
    await romeo.page.route('**/upload/**', () => {});
    await romeo.find('#files').setInputFiles(png('slow.png', Buffer.alloc(900_000)));
    await romeo.sees('#uploads progress[aria-label="slow.png"]');
    await romeo.find('#uploads [aria-label="Cancel slow.png"]').click();
    expect(await romeo.find('#uploads li').count()).toBe(0);
    await romeo.say('Nothing came');
    await juliet.sees('.bubble.their', 'Nothing came');
    expect(await juliet.find('.bubble :is(img[alt$="slow.png"], [href$="slow.png"], [href$="huge.png"])').count()).toBe(
      0,
    );
  });

  it('nothing is loaded from the address that a stranger sends, and nothing of it runs', async () => {
    const juliet = await stage.enter(account('juliet', 'websocket'));
    const asked: string[] = [];
    juliet.page.on('request', (request) => asked.push(request.url()));
    const mercutio = await login('bosh', stage.edge, 'mercutio');
    const send = (url: string) =>
      mercutio.send(
        `<message xmlns="jabber:client" to="juliet@${DOMAIN}" type="chat" id="${url.length}-mercutio"><body>${url}</body><x xmlns="jabber:x:oob"><url>${url}</url></x></message>`,
      );
    const elsewhere = 'http://127.0.0.1:9/evil.png';
    for (const url of [
      elsewhere,
      'javascript:hurt()//.png',
      'data:image/png;base64,AAAA',
      `${stage.origin}livez?x.png`,
      `${stage.origin}upload/../livez.png`,
    ])
      send(url);
    mercutio.send(
      `<message xmlns="jabber:client" to="juliet@${DOMAIN}" type="chat"><body>see ${elsewhere}, and javascript:hurt()</body></message>`,
    );
    await juliet.talkTo('mercutio');
    await juliet.sees('.bubble p', 'and javascript:hurt()');
    expect(await juliet.find('.bubble img').count()).toBe(0);
    const links = await juliet.page.evaluate(
      `[...document.querySelectorAll('.bubble a')].map((each) => each.protocol + each.rel)`,
    );
    expect(links).toEqual(Array.from({ length: 4 }, () => 'http:noopener noreferrer'));
    expect(asked.filter((url) => /evil|livez/.test(url))).toEqual([]);
    stage.noComplaints();
    await mercutio.close();
  });
});
