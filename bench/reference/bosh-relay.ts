// What BOSH costs when nothing of it is done: node:http, bodies piped unparsed to the backend, the backend's bytes given
// back as bodies. The session is the URL's path. At most one request of a session waits; a newer one sends the older
// back empty, as hold='1' does; told to strand, it forgets one in fifty, to show that the load client sees it.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

const backendPort = Number(process.argv[2]);
const strands = process.argv[3] === 'strand';
let displaced = 0;
const EMPTY = Buffer.from("<body xmlns='http://jabber.org/protocol/httpbind'/>");

class Session {
  readonly socket: Socket;
  #waiting: ServerResponse | undefined;
  #queued: Buffer[] = [];

  constructor() {
    this.socket = connect({ port: backendPort, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => this.#forward(chunk));
    this.socket.on('error', () => this.socket.destroy());
  }

  hold(response: ServerResponse): void {
    const older = this.#waiting;
    this.#waiting = response;
    if (older !== undefined && !(strands && ++displaced % 50 === 0)) answer(older, EMPTY);
    if (this.#queued.length > 0) this.#forward(Buffer.concat(this.#queued.splice(0)));
  }

  #forward(chunk: Buffer): void {
    const response = this.#waiting;
    if (response === undefined) {
      this.#queued.push(chunk);
      return;
    }
    this.#waiting = undefined;
    answer(response, chunk);
  }
}

const sessions = new Map<string, Session>();

function answer(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
}

function request(message: IncomingMessage, response: ServerResponse): void {
  const path = message.url ?? '';
  let session = sessions.get(path);
  if (session === undefined) {
    session = new Session();
    sessions.set(path, session);
  }
  const { socket } = session;
  message.on('data', (chunk: Buffer) => socket.write(chunk));
  message.on('end', () => session.hold(response));
}

const server = createServer({ keepAliveTimeout: 120_000 }, request);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as { port: number }).port }),
);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
