// converse.js as it is shipped, in Chromium, at the core: rooms, archives that a new device reads, avatars.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, startChromium, startSite } from '../support/peers/chromium.js';
import { HOUSE, type House, openHouse, ROOMS } from '../support/peers/house.js';
import { describeWith } from '../support/peers/need.js';
import { PASSWORD } from '../support/peers/peer.js';

const ROOM = `cave@${ROOMS}`;
const [ROMEO, JULIET] = [`romeo@${HOUSE}`, `juliet@${HOUSE}`];
/** One red pixel, and a blue one. */
const [RED, BLUE] = [
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC',
];
const MESSAGE = 'converse-chat-message';
const PATIENCE = { timeout: 45_000 };

vi.setConfig({ testTimeout: 120_000 });

describeWith(['chromium'], 'converse.js', () => {
  let house: House;
  let site: Awaited<ReturnType<typeof startSite>>;
  let chromium: Browser;
  let romeo: Page;
  let juliet: Page;

  beforeAll(async () => {
    [house, site, chromium] = await Promise.all([openHouse(['romeo', 'juliet']), startSite(), startChromium()]);
  });
  afterAll(async () => {
    await chromium?.close();
    await site?.stop();
    await house?.stop();
  });

  /** A device of its own: it knows nothing of the others. */
  async function enter(address: string, resource: string): Promise<Page> {
    const page = await (await chromium.newContext()).newPage();
    await page.goto(`${site.origin}/converse`);
    const options = { message_archiving: 'always', muc_domain: ROOMS, muc_history_max_stanzas: 0 };
    await call(page, 'connect', house.ws, `${address}/${resource}`, PASSWORD, options);
    await told(page, 'ONLINE');
    return page;
  }

  const told = (page: Page, line: string) => holds(page, `lines.some((each) => each.startsWith('${line}'))`);

  async function holds(page: Page, expression: string): Promise<void> {
    await page.waitForFunction(expression, undefined, PATIENCE).catch(async () => {
      throw new Error(`never so: ${expression}; it told ${await page.evaluate('JSON.stringify(lines)')}`);
    });
  }

  const shows = (page: Page, where: string, ...wanted: readonly string[]) =>
    holds(page, `JSON.stringify(texts('${where}')) === ${JSON.stringify(JSON.stringify(wanted))}`);

  const drawn = (page: Page, where: string, image: string) =>
    page
      .locator(`${where} converse-avatar image[href='data:image/png;base64,${image}']`)
      .first()
      .waitFor({ state: 'visible', ...PATIENCE });

  test('two enter a room and hear each other', async () => {
    [romeo, juliet] = [await enter(ROMEO, 'one'), await enter(JULIET, 'one')];
    await call(romeo, 'enter', ROOM, 'Romeo', { persistentroom: true, enablearchiving: true });
    await told(romeo, `ENTERED ${ROOM}`);
    await call(romeo, 'speak', ROOM, 'is she here');
    await shows(romeo, ROOM, 'is she here');
    await call(juliet, 'enter', ROOM, 'Juliet');
    await shows(juliet, ROOM, 'is she here');
    await call(juliet, 'speak', ROOM, 'she is');
    for (const page of [romeo, juliet]) await shows(page, ROOM, 'is she here', 'she is');
  });

  test('two write to each other', async () => {
    await call(romeo, 'say', JULIET, 'by yonder moon');
    await shows(juliet, ROMEO, 'by yonder moon');
    await call(juliet, 'say', ROMEO, 'swear not by the moon');
    await shows(romeo, JULIET, 'by yonder moon', 'swear not by the moon');
  });

  test('a new device reads in the archives what was said, in the conversation and in the room', async () => {
    const other = await enter(JULIET, 'two');
    await call(other, 'open', ROMEO);
    await shows(other, ROMEO, 'by yonder moon', 'swear not by the moon');
    await call(other, 'enter', ROOM, 'Juliet');
    await shows(other, ROOM, 'is she here', 'she is');
    await call(romeo, 'say', JULIET, 'what shall I swear by');
    await shows(other, ROMEO, 'by yonder moon', 'swear not by the moon', 'what shall I swear by');
    await other.context().close();
  });

  test('the avatar of one is seen by the other', async () => {
    await call(juliet, 'wear', RED);
    await told(juliet, 'WORN');
    expect(await romeo.evaluate(`face('${JULIET}')`)).toEqual(['image/png', RED]);
  });

  test('it is drawn in conversations and rooms, and another one as soon as she wears it', async () => {
    await call(juliet, 'say', ROMEO, 'do not swear at all');
    await drawn(romeo, MESSAGE, RED);
    await call(juliet, 'wear', BLUE);
    await drawn(romeo, MESSAGE, BLUE);
    const other = await enter(ROMEO, 'two');
    await call(other, 'open', JULIET);
    await drawn(other, MESSAGE, BLUE);
    await call(other, 'enter', ROOM, 'Romeo');
    await other.locator('.open-room').click(PATIENCE);
    await drawn(other, '.occupant-list', BLUE);
    await call(juliet, 'wear', RED);
    await drawn(other, '.occupant-list', RED);
    await other.context().close();
  });

  test('nothing went wrong in the page', async () => {
    for (const page of [romeo, juliet])
      expect(await page.evaluate(`lines.filter((each) => each.startsWith('ERROR'))`)).toEqual([]);
  });
});
