// What TCP costs when nothing of it is read: the bytes of each connection given to a connection to the backend, and back.

import { connect, createServer } from 'node:net';

const backendPort = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (client) => {
  const socket = connect({ port: backendPort, host: '127.0.0.1', noDelay: true });
  client.on('data', (chunk) => socket.write(chunk));
  socket.on('data', (chunk) => client.write(chunk));
  client.on('error', () => socket.destroy()).on('close', () => socket.destroy());
  socket.on('error', () => client.destroy()).on('close', () => client.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as { port: number }).port }),
);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
