// XEP-0156: how a client finds BOSH and WebSocket from a domain, in both forms of RFC 6415. The two files may be read
// from any origin (section 3).

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { escapeAttribute } from '../xmpp/escape.js';
import { lastOf } from './address.js';
import type { Connection } from './connection.js';

export interface HostMetaOptions {
  readonly path: string;
  readonly websocket_path: string;
  readonly public_url: string;
}

const XBOSH = 'urn:xmpp:alt-connections:xbosh';
const WEBSOCKET = 'urn:xmpp:alt-connections:websocket';
const XRD = 'http://docs.oasis-open.org/ns/xri/xrd-1.0';

interface Link {
  readonly rel: string;
  readonly href: string;
}

/** Where this server says it is: `public_url`, or what the request and the trusted proxies before it say. */
export function baseUrl(publicUrl: string, message: IncomingMessage, connection: Connection): URL | undefined {
  if (publicUrl !== '') return new URL(publicUrl);
  const { headers } = message;
  const host = (connection.viaProxy ? lastOf(headers['x-forwarded-host']) : undefined) ?? headers.host;
  if (host === undefined || !/^(\[[\da-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host)) return undefined;
  const url = `${connection.clientOf(message).secure ? 'https' : 'http'}://${host}`;
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** The addresses of both transports below a base. */
export function endpoints(base: URL, { path, websocket_path }: HostMetaOptions): { bosh: string; websocket: string } {
  const prefix = base.href.replace(/[?#].*$/, '').replace(/\/+$/, '');
  return { bosh: prefix + path, websocket: prefix.replace(/^http/, 'ws') + websocket_path };
}

function links(base: URL, options: HostMetaOptions): Link[] {
  const { bosh, websocket } = endpoints(base, options);
  return [
    { rel: WEBSOCKET, href: websocket },
    { rel: XBOSH, href: bosh },
  ];
}

function xrd(list: readonly Link[]): string {
  const inner = list.map(({ rel, href }) => `  <Link rel="${rel}" href="${escapeAttribute(href)}"/>\n`).join('');
  return `<?xml version="1.0" encoding="utf-8"?>\n<XRD xmlns="${XRD}">\n${inner}</XRD>\n`;
}

/** Routes of both files; `options` are asked for at every request, for they can be reloaded. */
export function hostMeta(
  app: FastifyInstance,
  options: () => HostMetaOptions,
  connectionOf: (message: IncomingMessage) => Connection,
): void {
  const forms = [
    { url: '/.well-known/host-meta', type: 'application/xrd+xml; charset=utf-8', write: xrd },
    {
      url: '/.well-known/host-meta.json',
      type: 'application/json; charset=utf-8',
      write: (list: Link[]) => JSON.stringify({ links: list }),
    },
  ];
  for (const { url, type, write } of forms) {
    app.route({
      method: ['GET', 'HEAD'],
      url,
      handler: (request, reply) => {
        const base = baseUrl(options().public_url, request.raw, connectionOf(request.raw));
        reply.header('access-control-allow-origin', '*');
        if (base === undefined)
          return reply.code(400).type('text/plain; charset=utf-8').send('Host: missing or malformed.\n');
        return reply.type(type).send(write(links(base, options())));
      },
    });
  }
}
