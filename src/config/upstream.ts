// `--upstream` and BOSH_UPSTREAM: a domain and its server in one word.

import { type Origin, type Problem, show } from './problem.js';
import { type Members, place, type Said } from './said.js';

const SPEC = /^([^=]+?)(?:=(?:(xmpps?):\/\/)?(\[[0-9a-f:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?)?$/i;

/** Adds "example.com", "example.com=host", "example.com=host:port" or "example.com=xmpps://host:port" to the upstreams. */
export function upstreamSaid(text: string, origin: Origin, members: Members, problems: Problem[]): void {
  const [, domain, scheme, host, port] = SPEC.exec(text.trim()) ?? [];
  if (domain === undefined) {
    const fix = 'write DOMAIN, DOMAIN=HOST, DOMAIN=HOST:PORT or DOMAIN=xmpps://HOST:PORT (direct TLS)';
    problems.push({ origin, option: 'upstreams', message: `is not an upstream: ${show(text)}`, fix });
    return;
  }
  const [, name, at] = /^([^:[\]]+):(\d+)$/.exec(domain) ?? [];
  if (name !== undefined && host === undefined) {
    const fix = `write ${name}=HOST:${at} with the host of the server, or ${name} alone to find it by DNS`;
    problems.push({ origin, option: 'upstreams', message: `has a port but no host: ${show(text)}`, fix });
    return;
  }
  const said = (value: string): Said => ({ origin, value, loose: true });
  const upstream: Members = new Map();
  if (host !== undefined) upstream.set('host', said(host.replace(/^\[(.*)\]$/, '$1')));
  if (port !== undefined) upstream.set('port', said(port));
  if (scheme?.toLowerCase() === 'xmpps') upstream.set('tls', said('direct'));
  place(members, ['upstreams', domain.toLowerCase()], { origin, value: upstream });
}
