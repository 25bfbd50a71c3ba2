// What WebSocket costs when nothing of RFC 7395 is done: `ws`, messages piped unparsed to the backend, and what the
// backend sends given back as messages.

import { connect } from 'node:net';
import { WebSocketServer } from 'ws';

const backendPort = Number(process.argv[2]);
const server = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
  handleProtocols: () => 'xmpp',
});

server.on('connection', (client) => {
  const socket = connect({ port: backendPort, host: '127.0.0.1', noDelay: true });
  socket.on('data', (chunk) => client.send(chunk, { binary: false }));
  socket.on('error', () => socket.destroy());
  client.on('message', (data) => socket.write(data as Buffer));
  client.on('close', () => socket.end());
  client.on('error', () => socket.destroy());
});
server.on('listening', () => process.send?.({ port: (server.address() as { port: number }).port }));
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
