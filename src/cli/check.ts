// `bosh-server check`: everything that can be known before the server runs. The configuration is already loaded here;
// what is left are the ports (unless a bosh-server holds them already), the certificates' dates and names, the modules of
// the domains, the storage, and whether the upstreams' servers can be reached.

import { X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { domainToASCII } from 'node:url';
import { pemOf } from '../config/files.js';
import type { Config } from '../config/load.js';
import { listenError } from './listen-error.js';
import { answersAsOurs } from './probe.js';

/** What is wrong, each in the words for people; empty when nothing is. */
export async function check(config: Config): Promise<string[]> {
  const { obstacles } = await import('../home.js');
  const found = await Promise.all([
    portProblems(config),
    certificateDates(config),
    certificateNames(config),
    obstacles(config),
    ...Object.entries(config.upstreams).map(([domain, upstream]) => upstreamProblems(domain, upstream, config)),
  ]);
  return found.flat();
}

async function portProblems(config: Config): Promise<string[]> {
  const { c2s, host, port } = config;
  const tcp = c2s === null ? [] : [c2s.port, c2s.direct_tls_port].filter((each) => each !== null);
  const failures = await Promise.all([failure(host, port), ...tcp.map((each) => failure(c2s?.host ?? host, each))]);
  const found = failures.filter((error) => error !== undefined);
  if (found.some(({ code }) => code === 'EADDRINUSE') && (await answersAsOurs(config))) return [];
  return found.map((error) => listenError(error, config) ?? `host  ${config.host}: ${error.message}`);
}

/** What keeps us from listening there. */
function failure(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

const SOON = 14 * 86_400_000;

function certificateDates({ tls, c2s, upstreams }: Config): string[] {
  const named: [option: string, file: string][] = [];
  for (const [option, own] of [['tls', tls] as const, ['c2s.tls', c2s?.tls] as const]) {
    if (own) named.push([`${option}.cert`, own.cert]);
    if (own?.client_ca !== undefined) named.push([`${option}.client_ca`, own.client_ca]);
  }
  for (const [domain, { ca }] of Object.entries(upstreams))
    if (ca !== undefined) named.push([`upstreams.${domain}.ca`, ca]);
  return named.flatMap(([option, file]) => dateProblem(option, file));
}

function dateProblem(option: string, file: string): string[] {
  const { validFrom, validTo } = new X509Certificate(pemOf(file));
  const fix = `\n   fix: put a valid certificate into ${file}`;
  if (Date.parse(validTo) < Date.now()) return [`${option}  the certificate has expired on ${validTo}${fix}`];
  if (Date.parse(validFrom) > Date.now())
    return [`${option}  the certificate is valid only from ${validFrom} on${fix}`];
  return Date.parse(validTo) < Date.now() + SOON
    ? [`${option}  the certificate expires soon, on ${validTo}${fix}`]
    : [];
}

/** Clients over TCP compare the certificate with the domain of their address, not with the host that the DNS names. */
function certificateNames({ c2s, tls, domains, upstreams }: Config): string[] {
  const [option, own] = c2s?.tls ? (['c2s.tls.cert', c2s.tls] as const) : (['tls.cert', tls] as const);
  if (c2s === null || own === null) return [];
  const certificate = new X509Certificate(pemOf(own.cert));
  const missing = [...Object.keys(domains), ...Object.keys(upstreams)].filter((domain) => !isFor(certificate, domain));
  if (missing.length === 0) return [];
  const fix = `put a certificate that has them all into ${own.cert}`;
  return [`${option}  is not for ${missing.join(', ')}: clients over TCP would refuse it\n   fix: ${fix}`];
}

const isFor = (certificate: X509Certificate, domain: string): boolean =>
  certificate.checkHost(domainToASCII(domain) || domain) !== undefined;

type Upstream = Config['upstreams'][string];

/** Servers that are found by DNS are left to the running server: it knows how to look. */
function upstreamProblems(
  domain: string,
  { host, port, tls }: Upstream,
  { connect_timeout }: Config,
): Promise<string[]> {
  if (host === undefined) return Promise.resolve([]);
  const number = port ?? (tls === 'direct' ? 5223 : 5222);
  return new Promise((resolve) => {
    const socket = connect({ host, port: number, timeout: connect_timeout * 1000 });
    const done = (problems: string[]) => {
      socket.destroy();
      resolve(problems);
    };
    const fix = '   fix: start the XMPP server, or correct "host" and "port"';
    socket.once('connect', () => done([]));
    socket.once('timeout', () =>
      done([`upstreams.${domain}  ${host}:${number} does not answer within ${connect_timeout} s\n${fix}`]),
    );
    socket.once('error', ({ message, code }: NodeJS.ErrnoException) =>
      done([`upstreams.${domain}  ${host}:${number} cannot be reached (${code ?? message})\n${fix}`]),
    );
  });
}
