// Who listens at our port: a bosh-server that runs already is no mistake when its configuration is checked before a reload.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Config } from '../config/load.js';

const PATIENCE = 2000;

/** Whether the address of this configuration is answered by a bosh-server of the same kind: TLS or not, PROXY protocol or not. */
export function answersAsOurs({ host, port, tls, proxy_protocol }: Config): Promise<boolean> {
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return new Promise((resolve) => {
    const plain = connect({ host: address, port, timeout: PATIENCE });
    if (proxy_protocol) plain.write('PROXY UNKNOWN\r\n');
    // Whose certificate it is does not matter here.
    const socket: Socket = tls === null ? plain : connectTls({ socket: plain, rejectUnauthorized: false });
    let answer = '';
    const done = () => {
      plain.destroy();
      resolve(/^HTTP\/1\.1 200 .*\r\n\r\nok\n$/s.test(answer));
    };
    plain.once('timeout', done).once('error', done);
    socket.once('error', done).once('close', done).once('end', done);
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  });
}
