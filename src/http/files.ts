// Files that clients share (XEP-0363 section 8): each is put once, to the URL that its slot has, and got as often as anybody
// likes. Only the random part of a URL counts; the name behind it is for people. What a file does in a browser is in
// presentation.ts.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { mediaType } from '../files/media-type.js';
import type { FileFacts, Outcome, Slot } from '../files/registry.js';
import type { Shelf } from '../files/shelf.js';
import { UPLOAD_PATH } from '../files/uploads.js';
import { discard, IncomingBody } from './body.js';
import type { Connection } from './connection.js';
import type { Cors, RawHeaders } from './cors.js';
import { pairs } from './headers.js';
import { presentation } from './presentation.js';
import { isSame, isUnchanged, rangeOf } from './ranges.js';

export interface FilesDeps {
  readonly files: Shelf;
  readonly cors: () => Cors;
  connectionOf(message: IncomingMessage): Connection;
}

const URL_PATH = new RegExp(`^${UPLOAD_PATH}/([0-9a-f]{40})(?:/[^/?#]*)?(?:[?#].*)?$`, 's');
const TEXT = 'text/plain; charset=utf-8';
const METHODS = 'GET, HEAD, PUT, OPTIONS';
const PREFLIGHT = { methods: METHODS, headers: 'Content-Type, Authorization, Range, If-None-Match, If-Range' };
const EXPOSED: RawHeaders = [
  'Access-Control-Expose-Headers',
  'Content-Disposition, Content-Length, Content-Range, Accept-Ranges, ETag',
];
/** What is read of a body that is not taken. */
const LINGER = 262_144;
const YEAR = 31_536_000;

type Refusal = readonly [status: number, text: string];

const REFUSALS = {
  unknown: [403, 'There is no such slot, or its time is over.'],
  taken: [409, 'This slot was used.'],
  unsized: [411, 'Content-Length: missing.'],
  short: [400, 'Content-Length: less than the slot is for.'],
  long: [413, 'Content-Length: more than the slot is for.'],
  mistyped: [415, 'Content-Type: not the one that the slot is for.'],
  coded: [415, 'Content-Encoding: not taken.'],
  slow: [408, 'Too slow.'],
  broken: [400, 'Not as long as it said.'],
  full: [507, 'No room is left.'],
  failed: [500, 'It could not be stored.'],
  gone: [503, 'It is not wanted any more.'],
} satisfies Record<string, Refusal>;

/** Routes of the files. */
export function fileRoutes(app: FastifyInstance, deps: FilesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const route = new FileRoute(deps);
  const url = `${UPLOAD_PATH}/*`;
  app.route({ method: 'PUT', url, handler: (request, reply) => route.put(request, reply) });
  app.route({ method: ['GET', 'HEAD'], url, handler: (request, reply) => route.get(request, reply) });
  app.route({ method: 'OPTIONS', url, handler: (request, reply) => route.preflight(request, reply) });
  app.route({ method: ['POST', 'PATCH', 'DELETE'], url, handler: (request, reply) => route.otherwise(request, reply) });
}

class FileRoute {
  constructor(readonly deps: FilesDeps) {}

  async put(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { raw: message } = request;
    const slot = await this.deps.files.slot(randomPartOf(message.url) ?? '');
    const refusal = slot === undefined ? 'unknown' : refused(slot, message);
    if (slot === undefined || refusal !== undefined) return this.#refuse(request, reply, refusal ?? 'unknown');
    const outcome = await this.#receive(slot, message);
    if (outcome !== 'stored') return this.#refuse(request, reply, outcome);
    return this.#with(request, reply).code(201).type(TEXT).send('');
  }

  async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    this.#with(request, reply).headers(pairs(EXPOSED));
    const id = randomPartOf(request.raw.url);
    const file = id === undefined ? undefined : await this.deps.files.find(id);
    if (file === undefined) return absent(reply);
    const validators = { tag: `"${file.id}"`, modified: file.at };
    reply.headers({
      'cache-control': `private, max-age=${secondsLeft(file)}, immutable`,
      etag: validators.tag,
      'last-modified': new Date(file.at).toUTCString(),
      'accept-ranges': 'bytes',
    });
    const { headers } = request;
    if (isUnchanged(headers, validators)) return reply.code(304).send();
    const wanted = request.method === 'GET' && isSame(headers, validators) ? headers.range : undefined;
    return this.#send(file, wanted, request.method === 'HEAD', reply);
  }

  preflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const headers = this.deps.cors().preflight(request.headers.origin, PREFLIGHT);
    return reply.headers(pairs(headers)).header('allow', METHODS).code(204).send();
  }

  otherwise(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.header('allow', METHODS);
    return this.#answer(request, reply, 405, 'Method not allowed.');
  }

  async #receive(slot: Slot, message: IncomingMessage): Promise<Outcome | 'slow'> {
    const connection = this.deps.connectionOf(message);
    const body = new IncomingBody(message, slot.within);
    connection.isPatient = true;
    const outcome = await this.deps.files.receive(slot.token, body).finally(() => {
      connection.isPatient = false;
      body.release();
    });
    return outcome === 'broken' && body.failure?.reason === 'slow' ? 'slow' : outcome;
  }

  async #send(file: FileFacts, wanted: string | undefined, isHead: boolean, reply: FastifyReply) {
    const range = rangeOf(wanted, file.size);
    const handle = await this.deps.files.open(file);
    if (handle === undefined) return absent(reply);
    if (range === 'unsatisfiable' || isHead) await handle.close();
    if (range === 'unsatisfiable') {
      return reply.code(416).header('content-range', `bytes */${file.size}`).type(TEXT).send('No such range.\n');
    }
    const { start, end } = range ?? { start: 0, end: file.size - 1 };
    reply.headers(pairs(presentation(file.name, file.type))).header('content-length', end + 1 - start);
    if (range !== undefined) reply.code(206).header('content-range', `bytes ${start}-${end}/${file.size}`);
    if (isHead) return reply.send();
    return reply.send(handle.createReadStream({ start, end: Math.max(end, 0) }));
  }

  #refuse(request: FastifyRequest, reply: FastifyReply, why: keyof typeof REFUSALS): Promise<FastifyReply> {
    const [status, text] = REFUSALS[why];
    return this.#answer(request, reply, status, text, why !== 'slow');
  }

  async #answer(request: FastifyRequest, reply: FastifyReply, status: number, text: string, reads = true) {
    this.#with(request, reply);
    if (reads) await discard(request.raw, LINGER);
    if (!request.raw.complete) reply.header('connection', 'close');
    return reply.code(status).type(TEXT).send(`${text}\n`);
  }

  #with(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    return reply.headers(pairs(this.deps.cors().headers(request.headers.origin)));
  }
}

const randomPartOf = (url: string | undefined): string | undefined => URL_PATH.exec(url ?? '')?.[1];

/** What is wrong with an upload before its first byte. */
function refused(slot: Slot, { headers }: IncomingMessage): keyof typeof REFUSALS | undefined {
  const { 'content-length': length, 'content-type': type, 'content-encoding': coding = 'identity' } = headers;
  if (!slot.isOpen) return 'taken';
  if (length === undefined) return 'unsized';
  if (Number(length) !== slot.size) return Number(length) < slot.size ? 'short' : 'long';
  if (coding !== 'identity') return 'coded';
  return slot.typed && type !== undefined && mediaType(type) !== slot.type ? 'mistyped' : undefined;
}

function absent(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', 'no-store').type(TEXT).send('Not found.\n');
}

const secondsLeft = ({ until = Number.POSITIVE_INFINITY }: FileFacts): number =>
  Math.max(0, Math.min(YEAR, Math.floor((until - Date.now()) / 1000)));
