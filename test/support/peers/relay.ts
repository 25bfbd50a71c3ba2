// A TCP relay on loopback that records what the edge says to the server behind, and may rewrite what that server answers: the
// listener and the attacker on the backend leg.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** What was sent towards the server, all connections in a row. */
  sent(): Buffer;
  readonly connections: number;
  stop(): Promise<void>;
}

/** Relays to a loopback port; `rewrite` sees each chunk from the server. */
export async function startRelay(
  target: number,
  rewrite: (chunk: Buffer) => Buffer = (chunk) => chunk,
): Promise<Relay> {
  const sent: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    const far = connect(target, '127.0.0.1');
    for (const each of [socket, far]) {
      sockets.add(each);
      each
        .on('error', () => {})
        .on('close', () => {
          socket.destroy();
          far.destroy();
        });
    }
    socket.on('data', (chunk) => {
      sent.push(chunk);
      far.write(chunk);
    });
    far.on('data', (chunk) => socket.write(rewrite(chunk)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    sent: () => Buffer.concat(sent),
    get connections() {
      return connections;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
