// nginx and HAProxy in front of our server, each with the file that ships in config/, or that `proxy-config` prints for another
// configuration, changed only in the ports.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from './need.js';
import { type Endpoint, scratch } from './peer.js';
import { freePort, Running } from './process.js';

/** A reverse proxy on loopback; the endpoints lead through it. */
export interface ReverseProxy extends Endpoint {
  readonly port: number;
  stop(): Promise<void>;
}

/** The shipped nginx.conf, or another file for nginx, in an http block of its own. */
export async function startNginx(target: number, file = shipped('nginx.conf')): Promise<ReverseProxy> {
  const folder = scratch('nginx');
  const port = await freePort();
  const site = towards(target, file).replace(/listen 80;/, `listen 127.0.0.1:${port};`);
  const path = join(folder.path, 'nginx.conf');
  mkdirSync(join(folder.path, 'temp'));
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path temp/${name};`);
  const main = `daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn; events {}
http { access_log off; ${temps.join(' ')}
${site}
}`;
  writeFileSync(path, process.getuid?.() === 0 ? `user root; ${main}` : main);
  const arguments_ = ['-p', folder.path, '-c', path, '-e', 'stderr'];
  return started(new Running(program('nginx') ?? 'nginx', arguments_), port, folder.remove);
}

/** The shipped haproxy.cfg, or another file for HAProxy. */
export async function startHaproxy(target: number, file = shipped('haproxy.cfg')): Promise<ReverseProxy> {
  const folder = scratch('haproxy');
  const port = await freePort();
  const path = join(folder.path, 'haproxy.cfg');
  writeFileSync(path, towards(target, file).replace(/bind :80\b/, `bind 127.0.0.1:${port}`));
  return started(new Running(program('haproxy') ?? 'haproxy', ['-db', '-f', path]), port, folder.remove);
}

function shipped(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../../config/${name}`, import.meta.url)), 'utf8');
}

const towards = (target: number, file: string): string => file.replaceAll('127.0.0.1:5280', `127.0.0.1:${target}`);

async function started(process: Running, port: number, remove: () => void): Promise<ReverseProxy> {
  const stop = async (): Promise<void> => {
    await process.stop('SIGTERM', 3000);
    remove();
  };
  await process.listens(port).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { port, bosh: `http://127.0.0.1:${port}/http-bind`, ws: `ws://127.0.0.1:${port}/xmpp-websocket`, stop };
}
