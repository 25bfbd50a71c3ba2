// What people and their tools ask: health, metrics, the status page, the chat page, sysinfo.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import type { Metrics } from '../metrics.js';
import { type ChatDomain, chatRoutes } from './chat.js';
import type { Connection } from './connection.js';
import { baseUrl, endpoints, type HostMetaOptions } from './host-meta.js';
import { POLICY } from './pages/layout.js';
import { boshPage, type Status, statusPage, sysinfoPage } from './pages/pages.js';

export interface StatusOptions extends HostMetaOptions {
  readonly metrics: { readonly path: string };
  readonly system_info_password: string;
}

export interface StatusDeps {
  readonly metrics: Metrics;
  /** The options as they are now. */
  readonly options: () => StatusOptions;
  readonly status: () => Status;
  /** The same for the pages: of all processes, where there are several. */
  readonly whole: () => Promise<Status>;
  /** The domains of the chat page; without any there is none. */
  readonly chat: () => readonly ChatDomain[];
  /** URLs below which files are that clients have uploaded. */
  readonly uploads: () => readonly string[];
  connectionOf(message: IncomingMessage): Connection;
}

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
const LOCAL = new URL('http://localhost:5280');

/** Routes of everything that is neither BOSH nor WebSocket nor host-meta. */
export function statusRoutes(app: FastifyInstance, deps: StatusDeps): void {
  const { path, metrics } = deps.options();
  const base = path.replace(/\/+$/, '');
  const get = (url: string, handler: RouteHandlerMethod) => app.route({ method: ['GET', 'HEAD'], url, handler });
  const page = (write: typeof statusPage) => async (request: FastifyRequest, reply: FastifyReply) =>
    reply
      .type(HTML)
      .header('content-security-policy', POLICY)
      .send(write(await deps.whole(), where(request, deps)));

  get('/livez', (_, reply) => reply.type(TEXT).send('ok\n'));
  for (const url of ['/readyz', '/healthz']) get(url, (_, reply) => ready(reply, deps.status()));
  if (metrics.path !== '')
    get(metrics.path, async (_, reply) => reply.type(deps.metrics.contentType).send(await deps.metrics.text()));
  if (base !== '') chatRoutes(get, deps, page(statusPage));
  get('/status', page(statusPage));
  get(base || '/', page(boshPage));
  get(`${base}/sysinfo`, (request, reply) => sysinfo(request, reply, deps));
  get('/favicon.ico', (_, reply) => reply.code(204).send());
}

function where({ raw }: FastifyRequest, { options, connectionOf }: StatusDeps) {
  return endpoints(baseUrl(options().public_url, raw, connectionOf(raw)) ?? LOCAL, options());
}

function ready(reply: FastifyReply, { draining }: Status): FastifyReply {
  return reply
    .code(draining ? 503 : 200)
    .type(TEXT)
    .send(draining ? 'draining\n' : 'ok\n');
}

async function sysinfo(
  request: FastifyRequest,
  reply: FastifyReply,
  { options, whole }: StatusDeps,
): Promise<FastifyReply> {
  const password = options().system_info_password;
  if (password === '') return reply.code(403).type(TEXT).send('Closed: set system_info_password to open it.\n');
  if (!isAdmin(request.headers.authorization, password)) {
    return reply
      .code(401)
      .header('www-authenticate', 'Basic realm="bosh-server", charset="UTF-8"')
      .type(TEXT)
      .send('User admin and system_info_password, please.\n');
  }
  return reply
    .type(HTML)
    .header('content-security-policy', POLICY)
    .send(sysinfoPage(await whole(), hostname()));
}

function isAdmin(authorization: string | undefined, password: string): boolean {
  const credentials = /^Basic +([\w+/]+=*) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(Buffer.from(credentials, 'base64')), digest(Buffer.from(`admin:${password}`)));
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
