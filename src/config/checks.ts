// What must be true between options: each alone is right, together they would not work.

import type { Origin, Problem } from './problem.js';
import type { Config } from './schema.js';

/** Where an option was said; undefined when it has its default. */
export type Where = (path: string) => Origin | undefined;

/** Mistakes that only show when options are seen together. */
export function contradictions(config: Config, where: Where): Problem[] {
  return [
    ...ordered(config, where),
    ...collisions(config, where),
    ...(config.cors.credentials && config.cors.origins.includes('*') ? [anyWithCredentials(where)] : []),
    ...(config.storage.driver === 'level' && config.storage.path === '' ? [nowhere(where)] : []),
    ...certificates(config, where),
    ...Object.keys(config.components).flatMap((domain) => componentProblems(domain, config, where)),
    ...config.no_tls_domains.flatMap((domain) => unsecured(domain, config, where)),
  ];
}

/** What works, but hardly for anybody: files at an address instead of a name. */
export function unreachable({ components, public_url }: Config, where: Where): Problem[] {
  if (public_url !== '') return [];
  return Object.entries(components)
    .filter(([domain, { module, upload }]) => module === 'upload' && upload.url === undefined && !isOwn(domain))
    .map(([domain]) => ({
      origin: where(`components.${domain}`) ?? { kind: 'given' },
      option: `components.${domain}`,
      message: 'the URLs of files have the address that the server listens at, which others may not reach',
      fix: 'set public_url, or its upload.url',
    }));
}

/** RFC 6761 section 6.3: of one's own machine. */
const isOwn = (domain: string): boolean => /(^|\.)localhost$/.test(domain);

/** The engine caps `default_wait` and `default_inactivity` by their maxima: only who said both is contradicted. */
function ordered(config: Config, where: Where): Problem[] {
  const { limits } = config;
  return [
    ...(where('default_inactivity')
      ? atMost(['default_inactivity', config.default_inactivity], ['max_inactivity', config.max_inactivity], where)
      : []),
    ...(where('default_wait')
      ? atMost(['default_wait', config.default_wait], ['max_wait', config.max_wait], where)
      : []),
    ...atMost(['limits.queue_soft', limits.queue_soft], ['limits.queue_hard', limits.queue_hard], where),
    ...atMost(['max_xmpp_buffer_size', config.max_xmpp_buffer_size], ['limits.queue_hard', limits.queue_hard], where),
  ];
}

type Named = readonly [name: string, value: number];

function atMost([low, lowValue]: Named, [high, highValue]: Named, where: Where): Problem[] {
  if (lowValue <= highValue) return [];
  const [name, value, other, otherValue] = where(low)
    ? [low, lowValue, high, highValue]
    : [high, highValue, low, lowValue];
  const side = name === low ? 'more' : 'less';
  const fix =
    name === low ? `lower it to ${highValue}, or raise ${other}` : `raise it to ${lowValue}, or lower ${other}`;
  const origin = where(name) ?? { kind: 'given' };
  return [{ origin, option: name, message: `${value} is ${side} than ${other}, which is ${otherValue}`, fix }];
}

/** What the server itself serves. */
const TAKEN = new Set([
  '/livez',
  '/readyz',
  '/healthz',
  '/status',
  '/favicon.ico',
  '/upload',
  '/.well-known/host-meta',
  '/.well-known/host-meta.json',
]);

function collisions(config: Config, where: Where): Problem[] {
  const bare = (path: string) => path.replace(/\/+$/, '') || '/';
  const bosh = bare(config.path);
  const webSocket = bare(config.websocket_path);
  const taken = new Set([...TAKEN, `${bosh}/sysinfo`]);
  const metrics = config.metrics.path === '' ? undefined : bare(config.metrics.path);
  const wrong = (option: string, path: string, whose: string, otherwise: string): Problem => {
    const origin = where(option) ?? where('path') ?? where('websocket_path') ?? { kind: 'given' };
    return {
      origin,
      option,
      message: `${path} is the path of ${whose} too`,
      fix: `write another path, such as "${otherwise}"`,
    };
  };
  return [
    ...(taken.has(bosh) ? [wrong('path', bosh, 'something else', '/http-bind/')] : []),
    ...(webSocket !== bosh && (taken.has(webSocket) || webSocket === '/')
      ? [wrong('websocket_path', webSocket, 'something else', '/xmpp-websocket/')]
      : []),
    ...(metrics === bosh || metrics === webSocket
      ? [wrong('metrics.path', metrics, 'BOSH or WebSocket', '/metrics')]
      : []),
    ...(metrics !== undefined && (taken.has(metrics) || metrics === '/') && metrics !== bosh
      ? [wrong('metrics.path', metrics, 'something else', '/metrics')]
      : []),
  ];
}

function anyWithCredentials(where: Where): Problem {
  return {
    origin: where('cors.credentials') ?? { kind: 'given' },
    option: 'cors.credentials',
    message: 'cannot be true while cors.origins has "*": browsers refuse that, and any page could use the cookies',
    fix: 'list the origins in cors.origins, or leave credentials at false',
  };
}

function nowhere(where: Where): Problem {
  return {
    origin: where('storage.driver') ?? { kind: 'given' },
    option: 'storage.path',
    message: 'is empty, and storage.driver "level" needs a folder',
    fix: 'name one, as in "path": "./data"',
  };
}

function unsecured(domain: string, config: Config, where: Where): Problem[] {
  const tls = Object.hasOwn(config.upstreams, domain) ? config.upstreams[domain].tls : undefined;
  if (tls !== 'starttls' && tls !== 'direct') return [];
  const origin = where('no_tls_domains') ?? { kind: 'given' };
  const message = `has "${domain}", whose upstream demands TLS ("${tls}")`;
  return [
    { origin, option: 'no_tls_domains', message, fix: `remove it here, or set upstreams.${domain}.tls to "none"` },
  ];
}

/** Clients over TCP that would have to encrypt, where there is nothing to do it with. */
function certificates({ c2s, tls }: Config, where: Where): Problem[] {
  if (c2s === null || c2s.tls !== null || tls !== null) return [];
  const wanted = (option: string, message: string, fix: string): Problem => ({
    origin: where(option) ?? where('c2s') ?? { kind: 'given' },
    option,
    message,
    fix,
  });
  const give = 'give "c2s.tls" (or "tls") a certificate and its key';
  return [
    ...(c2s.direct_tls_port === null ? [] : [wanted('c2s.direct_tls_port', 'needs a certificate', give)]),
    ...(c2s.port === null || !c2s.require_tls
      ? []
      : [
          wanted(
            'c2s.require_tls',
            'cannot be kept: there is no certificate',
            `${give}; or, behind a proxy that ends TLS, set "c2s.require_tls" to false`,
          ),
        ]),
  ];
}

function componentProblems(domain: string, { components, domains }: Config, where: Where): Problem[] {
  const { secret, module, attach, target_address } = components[domain];
  const option = `components.${domain}`;
  const wrong = (message: string, fix: string): Problem => ({
    origin: where(option) ?? { kind: 'given' },
    option,
    message,
    fix,
  });
  if (Object.hasOwn(domains, domain))
    return [wrong('is a domain of its own, too', 'take it out of "domains", or give it another name')];
  if (module === undefined && !secret)
    return [wrong('has neither a secret nor a module', 'give it the "secret" that its program knows')];
  if (module !== undefined && secret) return [wrong('has both a secret and a module', 'remove one of them')];
  if (module === undefined && attach !== null) return [wrong('is attached without a module', 'remove "attach"')];
  if (module === 'client_proxy' && target_address === undefined)
    return [wrong('needs a target_address', 'name the account whose clients answer, as in "service@example.com"')];
  return [];
}
