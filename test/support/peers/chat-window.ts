// A browser window with the chat page in it, as a person uses it. Every window has a profile of its own unless it shares one, and
// keeps what the browser complains about: a violation of the page's policy is among that.

import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

/** How somebody comes in. */
export interface Entry {
  readonly how: 'anonymous' | 'login' | 'register';
  readonly name: string;
  readonly password?: string;
  readonly domain: string;
  readonly transport: 'bosh' | 'websocket';
}

/** Wide enough for all parts side by side; nothing moves that would have to be waited for. */
const VIEW = { viewport: { width: 1100, height: 600 }, reducedMotion: 'reduce' } as const;

export class ChatWindow {
  /** Errors, warnings and exceptions of the page. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('console', (message) => /error|warning/.test(message.type()) && this.complaints.push(message.text()));
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.setDefaultTimeout(25_000);
  }

  static async open(browser: Browser | BrowserContext, url: string): Promise<ChatWindow> {
    const context = 'newContext' in browser ? await browser.newContext(VIEW) : browser;
    const window = new ChatWindow(await context.newPage());
    await window.page.goto(url);
    return window;
  }

  /** Fills in the door and waits until it has opened. */
  async enter(entry: Entry): Promise<this> {
    await this.knock(entry);
    await this.find('#room').waitFor();
    await this.online();
    return this;
  }

  /** Fills in the door. */
  async knock({ how, name, password, domain, transport }: Entry): Promise<void> {
    const door = this.find('#door');
    await door.waitFor();
    if (await this.find('[name=domain]').isVisible()) await this.find('[name=domain]').selectOption(domain);
    await door.locator(`label:has([value=${how}])`).click();
    await door.locator(`label:has([value=${transport}])`).click();
    await this.find('[name=name]').fill(name);
    if (password !== undefined) await this.find('#door [name=password]').fill(password);
    await door.locator('[type=submit]').click();
  }

  find(selector: string, hasText?: string | RegExp): Locator {
    return this.page.locator(selector, { hasText });
  }

  /** Resolves once something that fits is to be seen. */
  async sees(selector: string, hasText?: string | RegExp): Promise<void> {
    await this.find(selector, hasText).first().waitFor();
  }

  /** Resolves once the stream is there, and presence is shown to others. */
  async online(): Promise<void> {
    await this.sees('#self .stream', ' connected');
    await this.sees('#self .dot:not(.off)');
  }

  /** The address that others reach this window by, and the link to it. */
  async address(): Promise<string> {
    return (await this.find('#self code').textContent()) ?? '';
  }
  link(): Promise<string> {
    return this.find('#link').inputValue();
  }

  /** Opens the conversation with a person of the list, by a part of the name. */
  async talkTo(name: string): Promise<void> {
    await this.find('.person', name).click();
    await this.sees('#conversation h2', name);
  }

  /** Opens a conversation by the finder. */
  async seek(address: string): Promise<void> {
    await this.page.keyboard.press('Control+k');
    await this.find('#finder input').fill(address);
    await this.page.keyboard.press('Enter');
    await this.sees('#conversation .about', address);
  }

  /** Enters a room by the dialog, which closes; a new one that `stays` is persistent. */
  async enterRoom(name: string, stays = false): Promise<void> {
    await this.page.keyboard.press('Control+j');
    await this.find('#entrance [name=room]').fill(name);
    await this.find('#entrance [name=stays]').setChecked(stays);
    await this.find('#entrance [type=submit]').click();
    await this.find('#entrance').waitFor({ state: 'hidden' });
    await this.sees('#conversation .about', `@rooms.`);
  }

  /** Of the open room. */
  async roomAddress(): Promise<string> {
    return /\S+@rooms\.\S+/.exec((await this.find('#conversation .about').textContent()) ?? '')?.[0] ?? '';
  }

  /** Shows what there is about the open room. */
  async aboutRoom(): Promise<void> {
    if (!(await this.find('#about-room').isVisible())) await this.find('#toggle-about').click();
    await this.sees('#about-room');
  }

  async say(text: string): Promise<void> {
    await this.find('#composer textarea').fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** The messages of the open conversation. */
  said(): Promise<string[]> {
    return this.find('.bubble > p').allTextContents();
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

/** The windows of a test. */
export class ChatWindows {
  readonly #all: ChatWindow[] = [];

  /** @param url of the page, once the server has one */
  constructor(
    readonly browser: () => Browser,
    readonly url: () => string,
  ) {}

  /** Opens the page, or a link to it; with the profile of another window, if there is one. */
  async open(link = this.url(), beside?: ChatWindow): Promise<ChatWindow> {
    const window = await ChatWindow.open(beside?.page.context() ?? this.browser(), link);
    this.#all.push(window);
    return window;
  }

  /** Two guests: Romeo over BOSH, and Juliet over WebSocket by his link. */
  async couple(domain: string): Promise<[romeo: ChatWindow, juliet: ChatWindow]> {
    const romeo = await (await this.open()).enter({ how: 'anonymous', name: 'Romeo', domain, transport: 'bosh' });
    const juliet = await this.open(await romeo.link());
    await juliet.sees('.invitation', 'Romeo');
    await juliet.enter({ how: 'anonymous', name: 'Juliet', domain, transport: 'websocket' });
    await juliet.sees('#conversation h2', 'Romeo');
    return [romeo, juliet];
  }

  get complaints(): string[] {
    return this.#all.flatMap(({ complaints }) => complaints);
  }

  async close(): Promise<void> {
    for (const { page } of this.#all.splice(0)) await page.context().close();
  }
}
