// What keeps a server from listening, said with the option and the address.

import type { AddressInfo } from 'node:net';
import type { Config } from '../config/load.js';

const LISTENING = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'EPERM', 'ENOTFOUND', 'EAFNOSUPPORT']);

/** Whether somebody else listens at the port of HTTP. */
export function isTaken(error: unknown, { port }: Config): boolean {
  const { code, port: taken = port } = error as NodeJS.ErrnoException & Partial<AddressInfo>;
  return code === 'EADDRINUSE' && taken === port;
}

/** The text for people, or undefined when the error is about something else; `by` says who is in the way, if that is known. */
export function listenError(error: unknown, config: Config, by = ''): string | undefined {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (!LISTENING.has(code) || !['listen', 'bind', 'getaddrinfo', undefined].includes(syscall)) return undefined;
  const { option, host, port } = addressOf(error as Partial<AddressInfo>, config);
  if (code === 'EADDRINUSE') {
    return `${option}  ${port} on ${host} is in use${by && ` by ${by}`} (${code})\n   fix: stop what listens there, or choose another port, as in --${option.replaceAll('_', '-')}=${port === 65_535 ? 5280 : port + 1}`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `${option}  ${port} on ${host} is not allowed for this user (${code})\n   fix: use a port from 1024 on, or give the process CAP_NET_BIND_SERVICE`;
  }
  return `host  ${host} is no address of this machine (${code})\n   fix: write "0.0.0.0" for all addresses, or "127.0.0.1" for this machine only`;
}

/** Which of the ports it is that cannot be had. */
function addressOf({ port }: Partial<AddressInfo>, config: Config): { option: string; host: string; port: number } {
  const { c2s, host } = config;
  if (port !== undefined && port !== config.port && c2s !== null) {
    if (port === c2s.port) return { option: 'c2s.port', host: c2s.host ?? host, port };
    if (port === c2s.direct_tls_port) return { option: 'c2s.direct_tls_port', host: c2s.host ?? host, port };
  }
  return { option: 'port', host, port: config.port };
}
