// The pages: the status at `/`, what the BOSH path is when a person opens it, and sysinfo for the operator.

import { html, layout, span, table } from './layout.js';

/** What the pages show. */
export interface Status {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly sessions: number;
  readonly streams: number;
  readonly websockets: number;
  readonly components: readonly { readonly domain: string; readonly state: string }[];
  readonly draining: boolean;
  /** Every option, by name. */
  readonly options: object;
}

export interface Endpoints {
  readonly bosh: string;
  readonly websocket: string;
}

const figures = (status: Status, now: number) =>
  table([
    ['State', status.draining ? 'shutting down' : 'running'],
    ['Up for', span(now - status.startedAt)],
    ['BOSH sessions', status.sessions],
    ['BOSH streams', status.streams],
    ['WebSocket connections', status.websockets],
  ]);

const addresses = ({ bosh, websocket }: Endpoints) =>
  html`<h2>Addresses</h2>
${table(
  [
    ['BOSH', html`<code>${bosh}</code>`],
    ['WebSocket', html`<code>${websocket}</code>`],
  ],
  'long',
)}`;

const components = ({ components: all }: Status) =>
  all.length === 0 ? '' : html`<h2>Components</h2>${table(all.map(({ domain, state }) => [domain, state]))}`;

const NO_UPSTREAM = html`<p>No XMPP server stands behind it yet: start it with <code>--upstream=example.com</code> or
<code>--upstream=example.com=HOST:PORT</code>, or name the server under <code>upstreams</code> in <code>bosh.conf.json</code>.</p>`;

function reachesNobody({
  upstreams,
  firewall,
}: {
  upstreams?: object;
  firewall?: { allow?: readonly unknown[] };
}): boolean {
  return upstreams !== undefined && Object.keys(upstreams).length === 0 && !firewall?.allow?.length;
}

export function statusPage(status: Status, endpoints: Endpoints, now = Date.now()): string {
  return layout(
    'bosh-server',
    html`<h1>bosh-server</h1>
<p class="soft">XMPP for browsers: BOSH and WebSocket in front of an XMPP server.</p>
${figures(status, now)}
${reachesNobody(status.options) ? NO_UPSTREAM : ''}
${addresses(endpoints)}
${components(status)}`,
  );
}

export function boshPage(status: Status, endpoints: Endpoints, now = Date.now()): string {
  const { bosh, websocket } = endpoints;
  return layout(
    'BOSH',
    html`<h1>It works</h1>
<p>This address is for programs: it speaks BOSH (<a href="https://xmpp.org/extensions/xep-0124.html">XEP-0124</a> and
<a href="https://xmpp.org/extensions/xep-0206.html">XEP-0206</a>), the way for a chat client in a browser to reach its XMPP server.
Give it to the client:</p>
<h2>strophe.js</h2>
<pre>const connection = new Strophe.Connection('${bosh}');
connection.connect('you@example.com', password, status =&gt; console.log(status));</pre>
<h2>Converse</h2>
<pre>converse.initialize({
  bosh_service_url: '${bosh}',
  websocket_url: '${websocket}',
});</pre>
<p class="soft">Clients that look for it themselves find both addresses in <a href="/.well-known/host-meta.json">host-meta</a>.</p>
<h2>Now</h2>
${figures(status, now)}`,
  );
}

/** Values of these options are not shown. */
const SECRET = /pass|secret|token|credential_|private|authorization|cookie/i;

export function sysinfoPage(status: Status, host: string, now = Date.now()): string {
  return layout(
    'System information',
    html`<h1>System information</h1>
${table([
  ['Host', host],
  ['Version', status.version],
  ['Node.js', process.version],
  ['Memory', `${Math.round(process.memoryUsage.rss() / 1_048_576)} MiB`],
])}
<h2>Now</h2>
${figures(status, now)}
<h2>Options</h2>
${table(
  flat(status.options).map(([name, value]) => [name, html`<code>${shown(name, value)}</code>`]),
  'long',
)}`,
  );
}

/** One row an option: groups by their full names, as the manual writes them. */
function flat(options: object, prefix = ''): [name: string, value: unknown][] {
  return Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    if (value === undefined) return [];
    return isGroup(name, value) ? flat(value, `${prefix}${name}.`) : [[prefix + name, value]];
  });
}

function isGroup(name: string, value: unknown): value is object {
  const group = typeof value === 'object' && value !== null && !Array.isArray(value) && name !== 'http_headers';
  return group && Object.keys(value).length > 0;
}

function shown(name: string, value: unknown): string {
  if (name === 'http_headers' && typeof value === 'object' && value !== null) return Object.keys(value).join(', ');
  if (SECRET.test(name.slice(name.lastIndexOf('.') + 1)) && value !== '') return '<redacted>';
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
    : (JSON.stringify(value) ?? '');
}
