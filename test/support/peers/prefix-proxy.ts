// A reverse proxy that serves another server below a prefix, `/im/`, and strips it: HTTP and the upgrade to WebSocket.

import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';

const PREFIX = '/im/';

/** In front of a port of this machine; `url` is the prefix with its origin. */
export async function startPrefixProxy(target: number): Promise<{ readonly url: string; stop(): void }> {
  const forward = ({ method, url = '', headers }: IncomingMessage) =>
    request({ host: '127.0.0.1', port: target, method, headers, path: url.replace(PREFIX, '/') });
  const server = createServer((message, response) => {
    if (!message.url?.startsWith(PREFIX)) return void response.writeHead(404).end();
    const onward = forward(message).on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    message.pipe(onward);
  });
  server.on('upgrade', (message, socket) => {
    const onward = forward(message).on('upgrade', ({ rawHeaders }, far) => {
      const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      far
        .on('error', () => {})
        .pipe(socket.on('error', () => {}))
        .pipe(far);
    });
    onward.on('error', () => socket.destroy()).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://localhost:${port}${PREFIX}`, stop };
}
