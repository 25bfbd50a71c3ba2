// The chat page at `/`, for domains that let people in by themselves: its files, and the JSON that tells it what there is.
// The page is plain modules in pages/chat, with strophe.js beside them; nothing comes from elsewhere, and its policy says so.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import { UPLOAD_PATH } from '../files/uploads.js';
import { acceptedCoding, acceptsBrotli } from './encoding.js';
import { lean } from './lean.js';

/** A domain that the page offers: whether anybody may enter without an account, and whether anybody may make one. */
export interface ChatDomain {
  readonly domain: string;
  readonly anonymous: boolean;
  readonly register: boolean;
}

interface File {
  readonly type: string;
  readonly bytes: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
  readonly tag: string;
}

/** The same from `src/http` and from `dist/http`. */
const FOLDER = fileURLToPath(new URL('../../src/http/pages/chat/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** What the page may load and reach; uploads that are elsewhere are the only other origins. */
function policy(uploads: readonly string[]): string {
  const elsewhere = [...new Set(uploads.map((url) => ` ${new URL(url).origin}`))].join('');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data:${elsewhere}`,
    `connect-src 'self' ws: wss:${elsewhere}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export interface ChatDeps {
  /** The domains now; without any, there is no chat page. */
  readonly chat: () => readonly ChatDomain[];
  /** URLs below which files are that its users have uploaded. */
  readonly uploads: () => readonly string[];
  readonly options: () => Paths;
}

interface Paths {
  readonly path: string;
  readonly websocket_path: string;
}

interface Uploading {
  readonly components: Readonly<
    Record<string, { readonly module?: string; readonly upload: { readonly url?: string } }>
  >;
  readonly public_url: string;
}

/** URLs below which files are that clients upload; `base` is where this server is, if nothing else is said. */
export function uploadsOf({ components, public_url }: Uploading, base: string): readonly string[] {
  const ours = `${(public_url || base).replace(/\/+$/, '')}${UPLOAD_PATH}`;
  const services = Object.values(components).filter(({ module }) => module === 'upload');
  return services.map(({ upload }) => (upload.url ?? ours).replace(/\/+$/, ''));
}

/** Routes of the page by `get`; `elsewhere` answers at `/` while there is no domain. */
export function chatRoutes(
  get: (url: string, handler: RouteHandlerMethod) => void,
  { chat, uploads, options }: ChatDeps,
  elsewhere: (request: FastifyRequest, reply: FastifyReply) => unknown,
): void {
  const files = new Files(() => policy(uploads()));
  get('/', (request, reply) =>
    chat().length > 0 ? files.send('index.html', request, reply) : elsewhere(request, reply),
  );
  get('/chat/*', (request, reply) => {
    const { '*': name } = request.params as { '*': string };
    const domains = chat();
    if (domains.length > 0 && name === 'config.json') return reply.send(described(domains, uploads(), options()));
    const sent = domains.length > 0 && name !== 'index.html' && files.send(name, request, reply);
    return sent || reply.code(404).type('text/plain; charset=utf-8').send('Not found.\n');
  });
}

/** What the page is told, all addresses relative to its own: a proxy may have put a prefix before both. */
function described(domains: readonly ChatDomain[], uploads: readonly string[], { path, websocket_path }: Paths) {
  const relative = (absolute: string) => absolute.replace(/^\/+/, './');
  return {
    domains,
    transports: ['bosh', 'websocket'],
    bosh: relative(path),
    websocket: relative(websocket_path),
    uploads,
  };
}

/** The files of the page by their paths below `/chat/`; read when somebody first asks. */
class Files {
  #files: ReadonlyMap<string, File> | undefined;

  constructor(readonly policy: () => string) {}

  /** Answers with the file; undefined when there is none of this name. */
  send(name: string, request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    this.#files ??= read();
    const file = this.#files.get(name);
    if (file === undefined) return undefined;
    const coding = codingOf(request.headers['accept-encoding']);
    reply.headers({
      'cache-control': 'no-cache',
      vary: 'Accept-Encoding',
      etag: file.tag,
      'content-security-policy': this.policy(),
    });
    if (isKnown(request.headers['if-none-match'], file.tag)) return reply.code(304).send();
    if (coding) reply.header('content-encoding', coding);
    return reply.type(file.type).send(coding ? file[coding] : file.bytes);
  }
}

function codingOf(header: string | string[] | undefined): 'br' | 'gzip' | undefined {
  if (acceptsBrotli(header)) return 'br';
  return acceptedCoding(header) === 'gzip' ? 'gzip' : undefined;
}

function read(): ReadonlyMap<string, File> {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => typeOf(name) !== undefined);
  const files = names.map(
    (name) =>
      [name.replaceAll('\\', '/'), file(name, Buffer.from(lean(readFileSync(join(FOLDER, name), 'utf8'))))] as const,
  );
  return new Map([...files, ['strophe.js', file('strophe.js', strophe())]]);
}

function strophe(): Buffer {
  const described = createRequire(import.meta.url).resolve('strophe.js/package.json');
  return readFileSync(join(described, '../dist/strophe.umd.min.js'));
}

function file(name: string, bytes: Buffer): File {
  const tag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { type: typeOf(name) ?? '', bytes, br: brotli(bytes), gzip: gzipSync(bytes, { level: 9 }), tag };
}

/** Above this quality strophe.js takes three times as long, to become a twentieth smaller. */
const QUALITY = 9;

function brotli(bytes: Buffer): Buffer {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib;
  return brotliCompressSync(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

function typeOf(name: string): string | undefined {
  return TYPES[name.slice(name.lastIndexOf('.') + 1)];
}

// RFC 9110 section 13.1.2: compared weakly.
function isKnown(header: string | undefined, tag: string): boolean {
  const strip = (each: string) => each.trim().replace(/^W\//, '');
  return header?.split(',').some((each) => each.trim() === '*' || strip(each) === strip(tag)) ?? false;
}
