// Where the servers of a domain are: SRV records of both services as one set (RFC 6120 section 3.2.1, RFC 2782, XEP-0368),
// addresses of names, and a cache by their times to live. Nothing is dialled here and no address is judged.

import { randomInt } from 'node:crypto';
import { getServers, promises as system } from 'node:dns';
import { isIP } from 'node:net';
import { isHostname } from '../stream/access.js';
import { type Answer, DnsError, parseServer, query, type RecordType, type Server, type SrvRecord } from './dns.js';
import { hostsFile } from './hosts.js';
import { Unreachable } from './unreachable.js';

/** One place to try. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly direct: boolean;
}

export interface ResolverOptions {
  /** Instead of the system's; then neither /etc/hosts nor the system's resolver is asked. */
  readonly servers: readonly string[];
  /** For everything one target or domain needs, in seconds. */
  readonly timeout: number;
}

/** Called with each question that went out. */
export type Observe = (
  type: RecordType,
  outcome: 'ok' | 'none' | 'nxdomain' | 'timeout' | 'error',
  seconds: number,
) => void;

const CACHED = 1000;
const LONGEST = 3600;
/** That there is nothing is believed for a short while, that nobody answers hardly at all: enough not to hammer. */
const NOTHING = 5;
const FAILURE = 1;

interface Cached {
  readonly answer: Promise<Answer>;
  until: number;
}

export class Resolver {
  readonly #servers: readonly Server[];
  readonly #own: boolean;
  readonly #timeout: number;
  readonly #cache = new Map<string, Cached>();

  constructor(
    options: ResolverOptions,
    readonly observe: Observe = () => {},
    readonly now: () => number = () => performance.now() / 1000,
  ) {
    this.#own = options.servers.length > 0;
    this.#servers = (this.#own ? options.servers : getServers()).map(parseServer);
    this.#timeout = options.timeout * 1000;
  }

  /**
   * The targets of a domain in the order to try them. Without SRV records the domain itself on 5222. Rejects with
   * `Unreachable` when both services are refused or nobody answers.
   */
  async services(domain: string): Promise<Target[]> {
    const [plain, direct] = await Promise.allSettled([
      this.#ask<SrvRecord>(`_xmpp-client._tcp.${domain}`, 'SRV'),
      this.#ask<SrvRecord>(`_xmpps-client._tcp.${domain}`, 'SRV'),
    ]);
    if (plain.status === 'rejected' && direct.status === 'rejected') throw failed(plain.reason, domain);
    const offered = [...usable(plain, false), ...usable(direct, true)];
    if (offered.length > 0) return order(offered);
    if ([plain, direct].some((answer) => answer.status === 'fulfilled' && answer.value.records.length > 0)) {
      throw new Unreachable('service_refused', `the DNS says that ${domain} has no XMPP service for clients`);
    }
    return [{ host: domain, port: 5222, direct: false }];
  }

  /** The addresses of a name, of both families. Rejects with `Unreachable` when there are none. */
  async addresses(name: string): Promise<readonly string[]> {
    if (isIP(name) !== 0) return [name];
    const known = this.#own ? [] : await hostsFile(name);
    if (known.length > 0) return known;
    const answers = await Promise.allSettled([this.#ask<string>(name, 'AAAA'), this.#ask<string>(name, 'A')]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.records : []));
    if (found.length > 0) return found;
    const others = this.#own ? [] : await this.#system(name);
    if (others.length > 0) return others;
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure !== undefined) throw failed(failure.reason, name);
    throw new Unreachable('nxdomain', `${name} has no address`);
  }

  /** What else the system knows: search domains, mDNS. */
  async #system(name: string): Promise<string[]> {
    const found = system.lookup(name, { all: true }).catch(() => []);
    const late = new Promise<[]>((resolve) => setTimeout(resolve, this.#timeout, []).unref());
    return (await Promise.race([found, late])).map(({ address }) => address);
  }

  #ask<R extends string | SrvRecord>(name: string, type: RecordType): Promise<Answer<R>> {
    const key = `${type} ${name}`;
    const known = this.#cache.get(key);
    if (known !== undefined && known.until > this.now()) return known.answer as Promise<Answer<R>>;
    const entry: Cached = { answer: this.#observed(name, type), until: this.now() + this.#timeout / 1000 };
    this.#keep(key, entry);
    entry.answer.then(
      ({ records, ttl }) => {
        entry.until = this.now() + (records.length > 0 ? Math.min(ttl, LONGEST) : NOTHING);
      },
      () => {
        entry.until = this.now() + FAILURE;
      },
    );
    return entry.answer as Promise<Answer<R>>;
  }

  #keep(key: string, entry: Cached): void {
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHED) break;
      this.#cache.delete(oldest);
    }
  }

  async #observed(name: string, type: RecordType): Promise<Answer> {
    const begun = this.now();
    const seen = (outcome: Parameters<Observe>[1]) => this.observe(type, outcome, this.now() - begun);
    try {
      const answer = await query(name, type, this.#servers, this.#timeout);
      seen(answer.records.length > 0 ? 'ok' : answer.exists ? 'none' : 'nxdomain');
      return answer;
    } catch (error) {
      seen(error instanceof DnsError && error.kind === 'timeout' ? 'timeout' : 'error');
      throw error;
    }
  }
}

function failed(error: unknown, name: string): Unreachable {
  const { kind, message } = error instanceof DnsError ? error : { kind: 'servfail', message: String(error) };
  return new Unreachable(kind === 'timeout' ? 'timeout' : 'dns', `${name}: ${message}`, 'dns.servers');
}

type Offered = SrvRecord & { readonly direct: boolean };

/** The records that name a place. Ports of other well-known services are nobody's XMPP server. */
function usable(answer: PromiseSettledResult<Answer<SrvRecord>>, direct: boolean): Offered[] {
  if (answer.status === 'rejected') return [];
  return answer.value.records
    .filter(({ target, port }) => isHostname(target) && isSane(port))
    .map((r) => ({ ...r, direct }));
}

/** Whether an XMPP server may be looked for there on a stranger's word. */
export const isSane = (port: number): boolean => port === 443 || (port >= 1024 && port <= 65535);

/** RFC 2782: lower priorities first, and within one a weighted lot for each next place. */
export function order(records: readonly Offered[], random: (below: number) => number = randomInt): Target[] {
  const targets: Target[] = [];
  const rest = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  while (rest.length > 0) {
    const peers = rest.filter(({ priority }) => priority === rest[0].priority);
    const chosen = draw(peers, random);
    rest.splice(rest.indexOf(chosen), 1);
    targets.push({ host: chosen.target, port: chosen.port, direct: chosen.direct });
  }
  return targets;
}

/** `peers` have weight 0 first, as the RFC wants it, so that these have their small chance. */
function draw(peers: readonly Offered[], random: (below: number) => number): Offered {
  let lot = random(peers.reduce((sum, { weight }) => sum + weight, 0) + 1);
  for (const peer of peers) {
    lot -= peer.weight;
    if (lot <= 0) return peer;
  }
  return peers[peers.length - 1];
}
