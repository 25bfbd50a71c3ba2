// The TCP face alone, on free ports, with an upstream that tests hold in their hands.

import { afterEach } from 'vitest';
import { Metrics } from '../../src/metrics.js';
import { Admission } from '../../src/stream/admission.js';
import { type ListenerOptions, TcpListener } from '../../src/tcp/listener.js';
import { Tick } from '../../src/tick.js';
import type { KeyPair } from './certs.js';
import { MemoryLog } from './memory-log.js';
import { TcpClient, type TcpClientOptions } from './tcp-client.js';
import { ScriptedUpstream } from './ws-upstream.js';

const LIMITS = {
  rates: true,
  sessions: 1000,
  sessions_per_address: 100,
  creations_per_second: 1000,
  creation_burst: 1000,
  queue_soft: 262_144,
  queue_hard: 1_048_576,
  depth: 64,
  elements: 10_000,
  attributes: 64,
};

export interface TcpFaceOptions extends Partial<Omit<ListenerOptions, 'c2s' | 'limits'>> {
  readonly c2s?: Partial<ListenerOptions['c2s']>;
  readonly limits?: Partial<typeof LIMITS>;
  readonly trusted_proxies?: readonly string[];
}

export interface TcpFace {
  readonly listener: TcpListener;
  readonly upstream: ScriptedUpstream;
  readonly metrics: Metrics;
  readonly log: MemoryLog;
  /** The ports, 0 where there is none. */
  readonly port: number;
  readonly direct: number;
  /** A client of this face; it is gone after the test. */
  connect(options?: TcpClientOptions & { readonly port?: number }): Promise<TcpClient>;
  /** One that has opened its stream. */
  open(options?: TcpClientOptions): Promise<TcpClient>;
}

/** The option `tls` for a certificate. */
export const tlsOf = ({ certFile: cert, keyFile: key }: KeyPair) => ({ cert, key });

/** For the tests of a file: faces, and clients of them; after each test all are gone. */
export function tcpFaces(defaults: TcpFaceOptions = {}) {
  const listeners: TcpListener[] = [];
  const clients: TcpClient[] = [];
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await Promise.all(listeners.splice(0).map((listener) => listener.stop()));
  });
  const start = async (options: TcpFaceOptions = {}): Promise<TcpFace> => {
    const { c2s = {}, limits = {}, trusted_proxies = [], ...more } = options;
    const upstream = new ScriptedUpstream();
    const [metrics, log] = [new Metrics(), new MemoryLog()];
    const all = {
      host: '127.0.0.1',
      tls: null,
      proxy_protocol: false,
      http_socket_keepalive: 60,
      max_data_held: 100_000,
      open_timeout: 30,
      drain: { see_other_host: '' },
      trusted_proxies,
      ...defaults,
      ...more,
      c2s: {
        port: 0,
        direct_tls_port: null,
        tls: null,
        require_tls: false,
        send_timeout: 120,
        ...defaults.c2s,
        ...c2s,
      },
      limits: { ...LIMITS, ...limits },
    };
    const turn = new Tick((error) => log.error('flush_failed', { error }));
    const listener = new TcpListener(all, { upstream, log, metrics, turn, admission: new Admission(all) });
    listeners.push(listener);
    await listener.start();
    const { plain, direct } = listener.ports;
    const connect: TcpFace['connect'] = async (how = {}) => {
      const port = how.port ?? (how.direct ? direct?.port : plain?.port) ?? 0;
      const client = await TcpClient.connect(port, how);
      clients.push(client);
      return client;
    };
    const open = async (how: TcpClientOptions = {}) => {
      const client = await connect(how);
      client.open();
      return client;
    };
    const [port, directPort] = [plain?.port ?? 0, direct?.port ?? 0];
    return { listener, upstream, metrics, log, port, direct: directPort, connect, open };
  };
  return { start };
}
