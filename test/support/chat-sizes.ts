// How many bytes the chat page loads: the files that the given ones lead to by static imports, in full and as they are sent.

import { request } from 'node:http';

export interface Size {
  readonly raw: number;
  readonly wire: number;
}

/** What the first view asks for, by paths relative to the page; '' is the page. */
export const FIRST = ['', 'chat/chat.css', 'chat/icon.svg', 'chat/config.json', 'chat/chat.js'] as const;

const IMPORT = /^(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"](\.[^'"]+)['"]/gm;

/** All files that the entries lead to, and the sizes of their bodies, the second as a browser that takes Brotli gets them. */
export async function pageSizes(url: string, entries: readonly string[]) {
  const sizes = new Map<string, Size>();
  const queue = [...entries];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (sizes.has(name)) continue;
    const [plain, packed] = [await body(`${url}/${name}`, 'identity'), await body(`${url}/${name}`, 'br, gzip')];
    sizes.set(name, { raw: plain.length, wire: packed.length });
    if (name.endsWith('.js')) queue.push(...importsOf(name, plain.toString()));
  }
  return { all: [...sizes.keys()], sizes };
}

function importsOf(name: string, source: string): string[] {
  return [...source.matchAll(IMPORT)].map(([, path = '']) => new URL(path, `x:/${name}`).pathname.slice(1));
}

export function sum(sizes: readonly (Size | undefined)[]): Size {
  const of = (key: keyof Size) => sizes.reduce((all, size) => all + (size?.[key] ?? 0), 0);
  return { raw: of('raw'), wire: of('wire') };
}

function body(url: string, coding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { 'accept-encoding': coding } }, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part as Buffer);
      if (response.statusCode === 200) resolve(Buffer.concat(parts));
      else reject(new Error(`${url}: ${response.statusCode}`));
    });
    asked.on('error', reject).end();
  });
}
