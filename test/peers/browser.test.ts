// strophe.js 5 in Chromium, on a page of another origin, against our server in front of Prosody.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, read, startChromium, startSite, until } from '../support/peers/chromium.js';
import { type Edge, OWN, startEdge } from '../support/peers/edge.js';
import { describeWith } from '../support/peers/need.js';
import { DOMAIN, PASSWORD, type Peer } from '../support/peers/peer.js';
import { startProsody } from '../support/peers/prosody.js';
import { login, type User } from '../support/peers/user.js';

describeWith(['chromium', 'prosody', 'openssl'], 'strophe.js in Chromium, cross-origin', () => {
  let peer: Peer;
  let edge: Edge;
  let site: Awaited<ReturnType<typeof startSite>>;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    peer = await startProsody({ web: OWN });
    [edge, site, browser] = await Promise.all([startEdge(peer), startSite(), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
    await edge?.stop();
    await peer?.stop();
  });
  beforeEach(async () => {
    page = await (await browser.newContext()).newPage();
    complaints = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(site.origin);
  });
  afterEach(async () => {
    await page.context().close();
  });

  describe.each([
    ['BOSH', 'bosh'],
    ['WebSocket', 'ws'],
  ] as const)('over %s', (_, transport) => {
    it.each(['SASLSHA1', 'SASLPlain'])('logs in with %s, chats and disconnects', async (mechanism) => {
      const romeo = await login('websocket', edge, 'romeo');
      await call(page, 'connect', edge[transport], `juliet@${DOMAIN}/balcony`, PASSWORD, mechanism);
      await until(page, `statuses.includes('CONNECTED')`);
      await call(page, 'say', romeo.jid, 'O Romeo, Romeo! ♥ <&>');
      expect((await romeo.message('O Romeo, Romeo! ♥ <&>')).attr('from')).toBe(`juliet@${DOMAIN}/balcony`);
      for (const text of ['one', 'two', 'three']) romeo.say(`juliet@${DOMAIN}/balcony`, text);
      await until(page, `messages.length === 3`);
      expect(await read(page, `messages.map((each) => each.text)`)).toEqual(['one', 'two', 'three']);
      await call(page, 'connection.disconnect');
      await until(page, `statuses.includes('DISCONNECTED')`);
      expect(complaints).toEqual([]);
      await romeo.close();
    });

    it('is told of a wrong password as AUTHFAIL', async () => {
      await call(page, 'connect', edge[transport], `juliet@${DOMAIN}`, 'wrong');
      await until(page, `statuses.includes('AUTHFAIL')`);
      expect(await read(page, 'statuses')).not.toContain('CONNECTED');
    });
  });

  /** Talks both ways, and what came while the page was away is there before what comes now. */
  async function isBack(romeo: User, jid: string): Promise<void> {
    await call(page, 'say', romeo.jid, 'I am back');
    expect((await romeo.message('I am back')).attr('from')).toBe(jid);
    romeo.say(jid, 'welcome');
    await until(page, `messages.some((each) => each.text === 'welcome')`);
    expect(await read(page, 'messages.map((each) => each.text)')).toEqual(['while you were away', 'welcome']);
  }

  it('restores its BOSH session after the page is reloaded: same JID, and what came meanwhile', async () => {
    const romeo = await login('websocket', edge, 'romeo');
    const jid = `juliet@${DOMAIN}/balcony`;
    await call(page, 'connect', edge.bosh, jid, PASSWORD);
    await until(page, `statuses.includes('CONNECTED')`);
    await call(page, 'say', romeo.jid, 'first');
    await romeo.message('first');
    await page.reload();
    romeo.say(jid, 'while you were away');
    await romeo.ping();
    await call(page, 'restore', edge.bosh, jid);
    await until(page, `statuses.includes('ATTACHED')`);
    await isBack(romeo, jid);
    await romeo.close();
  });

  it('resumes its WebSocket stream after the page is reloaded (0198 section 5)', async () => {
    const romeo = await login('bosh', edge, 'romeo');
    const jid = `juliet@${DOMAIN}/balcony`;
    await call(page, 'connect', edge.ws, jid, PASSWORD);
    await until(page, `statuses.includes('CONNECTED') && connection.isStreamManagementEnabled()`);
    await call(page, 'say', romeo.jid, 'first');
    await romeo.message('first');
    await page.reload();
    romeo.say(jid, 'while you were away');
    await romeo.ping();
    await call(page, 'connect', edge.ws, `juliet@${DOMAIN}`, PASSWORD);
    await until(page, `statuses.includes('CONNECTED')`);
    expect(await read(page, 'connection.hasResumed()')).toBe(true);
    await isBack(romeo, jid);
    await romeo.close();
  });
});
