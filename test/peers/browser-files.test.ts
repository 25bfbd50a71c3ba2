// Files in Chromium: a page of another origin uploads them, and what somebody uploaded does nothing in who opens it.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createServer, type Server, silentLog } from '../../src/index.js';
import { startChromium, startSite } from '../support/peers/chromium.js';
import { describeWith } from '../support/peers/need.js';
import { Resident } from '../support/resident.js';
import { visitor } from '../support/visitor.js';

const DOMAIN = 'verona.test';
const SERVICE = `upload.${DOMAIN}`;
/** A pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SCRIPT = 'document.title = "taken"; globalThis.taken = true;';

describeWith(['chromium'], 'files in Chromium', () => {
  let server: Server;
  let site: Awaited<ReturnType<typeof startSite>>;
  let browser: Browser;
  let page: Page;
  let romeo: Resident;

  beforeAll(async () => {
    const { module, host } = visitor();
    server = createServer({
      host: '127.0.0.1',
      port: 0,
      c2s: { port: 0, direct_tls_port: null, require_tls: false },
      domains: { [DOMAIN]: {} },
      components: { [SERVICE]: { module: 'upload' } },
      modules: [module],
      log: silentLog,
    });
    await server.start();
    await (await host).accounts.create('romeo', 'secret');
    const { websocket: ws, xmpp = '' } = server.urls;
    const place = { ws, tcp: Number(new URL(xmpp).port), domain: DOMAIN };
    romeo = await Resident.enter('websocket', place, { user: 'romeo', password: 'secret' });
    [site, browser] = await Promise.all([startSite(), startChromium()]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
    await romeo?.leave();
    await server?.stop();
  });
  beforeEach(async () => {
    page = await (await browser.newContext()).newPage();
    await page.goto(site.origin);
  });
  afterEach(async () => {
    await page.context().close();
  });

  /** Has the page upload it: the status that it is told, and where the file is. */
  async function upload(name: string, type: string, base64: string): Promise<{ status: number; url: string }> {
    const size = Buffer.from(base64, 'base64').length;
    const request = `<request xmlns='urn:xmpp:http:upload:0' filename='${name}' size='${size}' content-type='${type}'/>`;
    const slot = (await romeo.ask('get', request, SERVICE))?.child('slot');
    const [put, url] = slot?.children.map((each) => each.attr('url') ?? '') ?? [];
    const status = await page.evaluate(
      `(async () => {
        const bytes = Uint8Array.from(atob(${JSON.stringify(base64)}), (char) => char.charCodeAt(0));
        const body = new Blob([bytes], { type: ${JSON.stringify(type)} });
        return (await fetch(${JSON.stringify(put)}, { method: 'PUT', body })).status;
      })()`,
    );
    return { status: status as number, url };
  }

  const text = (said: string) => Buffer.from(said).toString('base64');

  it('a page of another origin uploads, downloads and shows a picture', async () => {
    const { status, url } = await upload('pixel.png', 'image/png', PNG);
    expect(status).toBe(201);
    expect(await page.evaluate(`fetch('${url}').then((got) => got.headers.get('content-length'))`)).toBe('70');
    const width = `new Promise((resolve, reject) => {
      const image = Object.assign(new Image(), { onload: () => resolve(image.naturalWidth), onerror: reject, src: '${url}' });
    })`;
    expect(await page.evaluate(width)).toBe(1);
  });

  it('a picture, a sound and a text are shown when they are opened', async () => {
    const picture = await upload('pixel.png', 'image/png', PNG);
    const sound = await upload('sound.wav', 'audio/wav', silence(800).toString('base64'));
    const note = await upload('note.txt', 'text/plain', text('<script>1</script> ♥'));
    await page.goto(picture.url);
    expect(await page.evaluate('document.images[0].naturalWidth')).toBe(1);
    await page.goto(sound.url);
    await page.waitForFunction('document.querySelector("video, audio").duration === 0.1');
    await page.goto(note.url);
    expect(await page.evaluate('document.body.innerText')).toBe('<script>1</script> ♥');
  });

  it.each([
    ['page.html', 'text/html', `<script>${SCRIPT}</script>`],
    ['picture.svg', 'image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg"><script>${SCRIPT}</script></svg>`],
    [
      'page.xhtml',
      'application/xhtml+xml',
      `<html xmlns="http://www.w3.org/1999/xhtml"><script>${SCRIPT}</script></html>`,
    ],
  ])('%s is saved when it is opened, and runs nothing', async (name, type, content) => {
    const { status, url } = await upload(name, type, text(content));
    expect(status).toBe(201);
    const download = page.waitForEvent('download');
    await page.goto(url).catch(() => {});
    expect((await download).suggestedFilename()).toBe(name);
    expect(await page.evaluate('[globalThis.taken, location.origin]')).toEqual([undefined, site.origin]);
  });

  it('a script is not run by a page of the same origin, nor a style used', async () => {
    const script = await upload('a.js', 'text/javascript', text(SCRIPT));
    const plain = await upload('b.js', 'text/plain', text(SCRIPT));
    const style = await upload('a.css', 'text/css', text('body { color: rgb(1, 2, 3) }'));
    await page.goto(new URL('/livez', script.url).href);
    for (const { url } of [script, plain]) {
      const ran = `new Promise((resolve) => {
        const element = document.createElement('script');
        element.onload = () => resolve('ran');
        element.onerror = () => resolve('refused');
        element.src = '${url}';
        document.head.append(element);
      })`;
      expect(await page.evaluate(ran)).toBe('refused');
    }
    const used = `new Promise((resolve) => {
      const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: '${style.url}' });
      link.onload = link.onerror = () => resolve(getComputedStyle(document.body).color);
      document.head.append(link);
    })`;
    expect(await page.evaluate(used)).not.toBe('rgb(1, 2, 3)');
  });
});

/** A WAV of so many samples, 8000 a second. */
function silence(samples: number): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples, 40);
  return Buffer.concat([head, Buffer.alloc(samples, 128)]);
}
