// The servers that are measured: ours, and what it is compared with.

import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { KeyPair } from '../test/support/certs.js';
import type { SessionOptions } from './load/session.js';
import { children, freePort, pin, program, reference, stop } from './processes.js';

export type Where = Pick<SessionOptions, 'kind' | 'port' | 'path' | 'domain' | 'relay'>;

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly where: Where;
  stop(): Promise<void>;
}

export type Kind = SessionOptions['kind'];
/** Starts a server; `profile` names a folder for its CPU profile. */
export type Launch = (profile?: string) => Promise<Server>;
/** Starts an edge before the backend at this port. */
export type Start = (kind: Kind, backend: number, profile?: string) => Promise<Server>;

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const ours: Start = (kind, backend, profile) => oursOf(1)(kind, backend, profile);

/** Ours with so many workers; `ca`: its backend speaks TLS, with a certificate of this CA. */
export const oursOf =
  (workers: number, ca?: string): Start =>
  async (kind, backend, profile) => {
    const [http, tcp] = [await freePort(), await freePort()];
    const port = kind === 'tcp' ? tcp : http;
    const flags = [
      `--port=${http}`,
      ...(kind === 'tcp' ? [`--c2s.port=${tcp}`, '--c2s.require-tls=false'] : []),
      '--host=127.0.0.1',
      `--upstreams=${JSON.stringify({ 'bench.example': upstream(backend, ca) })}`,
      '--limits.rates=false',
      // A session that has nothing to say while other servers have their turn stays.
      '--max-inactivity=600',
      '--default-inactivity=600',
      '--logging=ERROR',
      `--workers=${workers}`,
    ];
    const child = await program(process.execPath, [...profiling(profile), `${ROOT}bin/bosh-server.js`, ...flags], port);
    const path = kind === 'bosh' ? '/http-bind/' : '/xmpp-websocket/';
    return server('bosh-server', child, { kind, port, path, domain: 'bench.example', relay: false });
  };

function upstream(port: number, ca: string | undefined): object {
  return { host: '127.0.0.1', port, ...(ca !== undefined && { tls: 'direct', ca }) };
}

export const relay: Start = (kind, backend, profile) => relayWith(kind, backend, '', profile);

/** The relay, healthy or with a fault of its own. */
export const relayWith = async (kind: Kind, backend: number, fault: string, profile?: string): Promise<Server> => {
  const [child, port] = await reference(`reference/${kind}-relay.js`, [String(backend), fault], profiling(profile));
  return server(`${kind} relay`, child, { kind, port, path: '/', domain: 'bench.example', relay: true });
};

/** The stub backend, healthy or with a fault; with keys it speaks TLS from the first byte. */
export async function backend(fault = 'none', keys?: KeyPair): Promise<{ port: number; stop(): Promise<void> }> {
  const files = keys === undefined ? [] : [keys.keyFile, keys.certFile];
  const [child, port] = await reference('reference/backend.js', [fault, ...files]);
  pin(child.pid, false);
  return { port, stop: () => stop(child) };
}

export function server(name: string, child: ChildProcess, where: Where, patience?: number): Server {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} did not start`);
  for (const each of [pid, ...children(pid)]) pin(each, true);
  return { name, pid, where, stop: () => stop(child, patience) };
}

export function profiling(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
