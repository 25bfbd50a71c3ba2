// What keeps a server from listening, said with the option and the address.

import type { Config } from '../config/load.js';

const LISTENING = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'EPERM', 'ENOTFOUND', 'EAFNOSUPPORT']);

/** The text for people, or undefined when the error is about something else. */
export function listenError(error: unknown, { host, port }: Config): string | undefined {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (!LISTENING.has(code) || !['listen', 'bind', 'getaddrinfo', undefined].includes(syscall)) return undefined;
  if (code === 'EADDRINUSE') {
    return `port  ${port} on ${host} is in use (${code})\n   fix: stop what listens there, or choose another port, as in --port=${port === 65_535 ? 5280 : port + 1}`;
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return `port  ${port} on ${host} is not allowed for this user (${code})\n   fix: use a port from 1024 on, or give the process CAP_NET_BIND_SERVICE`;
  }
  return `host  ${host} is no address of this machine (${code})\n   fix: write "0.0.0.0" for all addresses, or "127.0.0.1" for this machine only`;
}
