// Every option of the server: name, type, default, limits, unit and its one sentence. The type of Config, the manual,
// the example file, the editor's schema and `--help` all come from here. It knows nothing of files, flags or environment.

import { clientProxyOptions, moduleOptions, mucOptions, pubsubOptions, uploadOptions } from './modules.js';
import {
  bytes,
  choice,
  count,
  countOr,
  flag,
  group,
  list,
  map,
  optional,
  orNull,
  patience,
  seconds,
  text,
  type Values,
} from './option.js';

const HOUR = 3600;
const DAY = 86_400;
const MEBIBYTE = 1_048_576;

const certificate = {
  cert: text('', 'file', 'PEM file of the certificate and its chain; read again when it changes.', { required: true }),
  key: text('', 'file', 'PEM file of the private key; read again when it changes.', { required: true }),
  passphrase: text('', undefined, 'Passphrase of the private key.', { secret: true }),
  client_ca: optional(
    text(
      '',
      'file',
      'PEM file of the authorities whose certificates clients may show, read again when it changes; without it clients are asked for none.',
    ),
  ),
};

const listening = {
  host: text('0.0.0.0', 'address', 'Address to listen on; "::" takes IPv6 and IPv4, "127.0.0.1" this machine only.', {
    restart: true,
  }),
  port: count(5280, [0, 65_535], 'Port to listen on; 0 takes a free one.', { restart: true }),
  path: text(
    '/http-bind/',
    'path',
    'URL path of BOSH, with and without the last slash; WebSocket upgrades are taken there too.',
    { restart: true },
  ),
  websocket_path: text('/xmpp-websocket/', 'path', 'URL path of WebSocket.', { restart: true }),
  tls: { ...orNull(group(certificate, 'Own HTTPS and WSS; null leaves TLS to a proxy in front.')), restart: true },
  public_url: text('', 'url', 'URL under which browsers reach this server; host-meta announces it.'),
  trusted_proxies: list(
    ['127.0.0.1', '::1'],
    'cidr',
    'Addresses and networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.',
  ),
  proxy_protocol: flag(
    false,
    'Expect a PROXY protocol header (v1 or v2) on every connection, as a TCP load balancer sends it.',
    {
      restart: true,
    },
  ),
};

const transports = {
  max_data_held: bytes(
    100_000,
    [1024, 64 * MEBIBYTE],
    'Largest body of a request, WebSocket message, or stanza of a client over TCP.',
  ),
  max_xmpp_buffer_size: bytes(500_000, [10_000, 64 * MEBIBYTE], 'Largest stanza taken from a backend.', {
    was: ['max_xmpp_stanza_size'],
  }),
  max_bosh_connections: count(2, [1, 10], 'Most requests of a session that are held at the same time; caps "hold".'),
  window_size: count(
    2,
    [1, 100],
    'How far request ids may run ahead, and how many responses are remembered; more for a client that asks for more "hold".',
  ),
  default_inactivity: seconds(70, [1, DAY], 'A session without any request ends after this; clients are told.'),
  max_inactivity: seconds(160, [1, DAY], 'Longest inactivity a client may ask for.'),
  default_wait: seconds(60, [0, HOUR], 'How long a request is held when the client names no wait.'),
  max_wait: seconds(120, [0, HOUR], 'Longest time a request is held; a proxy in front must wait longer.'),
  max_pause: seconds(120, [0, DAY], 'Longest pause a client may announce; 0 forbids pauses.'),
  polling: seconds(2, [0, HOUR], 'Shortest time between empty requests of a polling client.'),
  max_streams_per_session: count(8, [1, 1000], 'Most streams within one BOSH session.'),
  features_timeout: patience(1, [0, 60], 'How long the first response waits for the stream features.'),
  pidgin_compatible: flag(true, 'Put the stream features into the session creation response, as libpurple wants them.'),
  jsonp: flag(
    true,
    'Answer GET requests with data, and wrap the answer for script elements when they name a callback.',
  ),
  compression: flag(true, 'Use gzip for large responses, and take it for requests.'),
  http_headers: map('header', text('', 'value', 'Value of the header.'), 'Headers added to the responses of BOSH.'),
  http_socket_keepalive: seconds(60, [0, DAY], 'Idle time until TCP keep-alive probes a client; 0 is off.'),
  websocket_ping_interval: patience(25, [0, HOUR], 'Time between pings on a WebSocket; 0 is off.'),
  websocket_ping_timeout: patience(8, [0.1, HOUR], 'A WebSocket that leaves a ping unanswered for this long is lost.'),
  open_timeout: patience(
    30,
    [0.1, HOUR],
    'A WebSocket, or a connection of XMPP over TCP with its TLS, must have opened its stream after this.',
  ),
};

const tcp = {
  c2s: {
    ...orNull(
      group(
        {
          host: optional(text('', 'address', 'Address to listen on; without it the one of HTTP.')),
          port: {
            ...orNull(
              count(5222, [0, 65_535], 'Port of streams that begin in plain text; 0 takes a free one, null none.'),
            ),
            default: 5222 as number | null,
          },
          direct_tls_port: orNull(
            count(
              5223,
              [0, 65_535],
              'Port of streams within TLS from the first byte (XEP-0368), such as 5223; null is none.',
            ),
          ),
          tls: orNull(group(certificate, 'The certificate that these clients see; null takes the one of HTTPS.')),
          require_tls: flag(
            true,
            'Take nothing but STARTTLS from a client whose connection is not encrypted; false needs no certificate.',
          ),
          send_timeout: patience(120, [1, HOUR], 'A client that takes nothing of what is sent for this long is lost.'),
        },
        'XMPP clients over TCP (RFC 6120); null listens to none.',
      ),
    ),
    example: '{ "port": 5222, "tls": { "cert": "/etc/ssl/example.com.pem", "key": "/etc/ssl/example.com.key" } }',
    restart: true,
  },
};

const upstream = group(
  {
    host: optional(
      text('', 'address', 'Host name or address of the server; without it, DNS SRV records of the domain are asked.'),
    ),
    port: optional(count(5222, [1, 65_535], 'Port of the server; without it 5222, or 5223 for direct TLS.')),
    tls: optional(
      choice(
        'starttls',
        ['starttls', 'direct', 'optional', 'none'],
        'How the connection is secured: "starttls" and "direct" must succeed, "optional" takes what is offered, "none" asks for nothing; without it "starttls", and "optional" for loopback addresses.',
      ),
    ),
    ca: optional(
      text('', 'pem', "PEM file of the authorities that may sign the server's certificate, instead of the system's."),
    ),
    proxy_protocol: {
      ...count(0, [0, 2], "Tell the server the client's address by PROXY protocol version 1 or 2; 0 does not."),
      default: 0 as 0 | 1 | 2,
    },
  },
  'The server of one domain.',
);

const routing = {
  upstreams: {
    ...map('domain', upstream, 'XMPP domains and the servers behind them, by domain; {} finds the server by DNS.'),
    example: '{ "example.org": { "host": "10.0.0.5", "port": 5222, "tls": "starttls" } }',
  },
  firewall: group(
    {
      allow: list(
        [],
        'pattern',
        'Domains that clients may reach besides the upstreams: exact, "*.example.net", or "*" for any.',
      ),
      deny: list([], 'pattern', 'Domains that clients may not reach, whatever else is allowed.'),
    },
    'Domains that streams may be opened to.',
  ),
  route_filter: orNull(
    list([], 'pattern', 'Hosts that the BOSH "route" attribute may name (same patterns); null ignores the attribute.'),
  ),
  no_tls_domains: list([], 'domain', 'Domains to which an offered STARTTLS is not used.'),
  dns: group(
    {
      servers: list([], 'ip', 'Name servers to ask, as address or address:port; none means those of the system.'),
      timeout: patience(5, [0.1, 60], 'Longest time for one look-up.'),
    },
    'How names are looked up.',
  ),
  connect_timeout: patience(5, [0.1, 120], 'Longest time to connect to a server.'),
  negotiation_timeout: patience(30, [0.1, 600], 'Longest time from the connection to the stream features.'),
};

const domain = group(
  {
    auth: group(
      {
        anonymous: flag(false, 'Let clients in without an account (RFC 4505); each gets an address of its own.'),
        register: flag(false, 'Let clients make accounts (XEP-0077).'),
      },
      'Who may come in.',
    ),
    admins: list([], 'jid', 'Addresses of accounts that may administer the domain from their clients (XEP-0133).'),
    modules: orNull(list([], 'module', 'The modules that are loaded; null loads all that there are.')),
    options: moduleOptions,
  },
  'A domain whose accounts are here.',
);

const component = group(
  {
    secret: optional(
      text('', undefined, 'What the program that connects as this component knows (XEP-0114).', { secret: true }),
    ),
    module: optional(text('', 'module', 'The component module that runs in here instead of a program.')),
    name: optional(text('', undefined, 'Its name, for people who look for services.')),
    multiple: flag(false, 'Let several connections be this component at the same time; they share the load by sender.'),
    queue: patience(0, [0, HOUR], 'How long stanzas wait for a program that is away; 0 sends them back at once.'),
    queue_bytes: bytes(MEBIBYTE, [1024, 1024 * MEBIBYTE], 'Most bytes that wait for it.'),
    stanzas_per_second: count(
      1000,
      [0, 1_000_000],
      'Stanzas per second that are taken of one connection of a program, and ten times as many at once; it is read more slowly then. 0 sets no limit.',
    ),
    bytes_per_second: bytes(
      MEBIBYTE,
      [0, 1024 * MEBIBYTE],
      'Bytes per second that are taken of it, and ten times as many at once; 0 sets no limit.',
    ),
    attach: orNull(
      group(
        {
          host: text('', 'address', 'Host name or address of that server.', { required: true }),
          port: count(5347, [1, 65_535], 'Its port for components.'),
          secret: text('', undefined, 'What it wants this component to know.', { secret: true, required: true }),
        },
        'Another server that the module is a component of (XEP-0114); null makes it one of this server.',
      ),
    ),
    target_address: optional(text('', 'jid', 'The account whose clients answer for this component (client_proxy).')),
    client_proxy: clientProxyOptions,
    pubsub: pubsubOptions,
    muc: mucOptions,
    upload: uploadOptions,
  },
  'A component: a program that connects with its secret, or a module that runs in here.',
);

const core = {
  domains: {
    ...map('domain', domain, 'XMPP domains that this server serves by itself, by domain.'),
    example:
      '{ "example.com": { "auth": { "register": true } }, "guests.example.com": { "auth": { "anonymous": true } } }',
  },
  storage: {
    ...group(
      {
        driver: choice(
          'memory',
          ['memory', 'level'],
          'Where accounts and all that belongs to them are kept: "level" in a database on this disk, "memory" until the server stops.',
        ),
        path: text(
          '',
          'folder',
          'Folder of the database, for "level"; made when it is not there, and used by one server at a time.',
        ),
        max_bytes: bytes(
          0,
          [0, 1024 ** 4],
          'Most bytes of what is kept, as the server counts them; the disk needs up to twice as many. 0 sets no limit.',
        ),
      },
      'What these domains keep.',
    ),
    restart: true,
  },
  components: {
    ...map('domain', component, 'Components by domain: services, bridges and bots.'),
    example:
      '{ "rooms.example.com": { "module": "muc" }, "files.example.com": { "module": "upload" }, "bridge.example.com": { "secret": "sesame" } }',
  },
  component_host: text('127.0.0.1', 'address', 'Address that components connect to.', { restart: true }),
  component_port: {
    ...orNull(count(5347, [0, 65_535], 'Port that components with a secret connect to; null listens to none.')),
    default: 5347 as number | null,
    restart: true,
  },
  auth_timeout: patience(120, [1, HOUR], 'A client of these domains that has bound no resource after this is let go.'),
};

const browsers = {
  cors: group(
    {
      origins: list(
        ['*'],
        'origin',
        'Origins whose pages may use BOSH, such as "https://chat.example.com" or "https://*.example.com"; "*" is any.',
      ),
      credentials: flag(false, 'Let those pages send cookies; not together with "*".'),
    },
    'Cross-origin requests.',
  ),
  origins: list(
    [],
    'origin',
    'Origins whose pages may open a WebSocket; none means any, since no cookie counts as a login.',
  ),
};

const limits = {
  limits: group(
    {
      rates: flag(
        true,
        'Apply the budgets of sessions and creations; false lifts them, for load tests and trusted networks.',
      ),
      sessions: count(100_000, [1, 10_000_000], 'Most sessions at the same time.'),
      sessions_per_address: count(100, [1, 10_000_000], 'Most sessions of one IPv4 address or IPv6 /64 network.'),
      creations_per_second: count(10, [1, 1_000_000], 'Sessions that one address may create per second.'),
      creation_burst: count(50, [1, 1_000_000], 'Sessions that one address may create at once.'),
      queue_soft: bytes(
        262_144,
        [1024, 1024 * MEBIBYTE],
        'Bytes waiting for one client at which its backend is no longer read.',
      ),
      queue_hard: bytes(MEBIBYTE, [1024, 1024 * MEBIBYTE], 'Bytes waiting for one client at which its session ends.'),
      window_bytes: bytes(
        MEBIBYTE,
        [1024, 1024 * MEBIBYTE],
        'In a session with more than usual of them: bytes of requests that wait for earlier ones, and as many of remembered responses.',
      ),
      depth: count(64, [2, 10_000], 'Deepest nesting of elements in a stanza.'),
      elements: count(10_000, [1, 1_000_000], 'Most elements in a stanza.'),
      attributes: count(64, [4, 10_000], 'Most attributes of an element.'),
      stanza_before_auth: bytes(
        16_384,
        [0, 64 * MEBIBYTE],
        'Largest stanza of a client that its server has not authenticated yet; 0 sets no limit of its own.',
      ),
      sessions_per_user: count(20, [1, 10_000], 'Most resources of one account of a local domain at the same time.'),
      auth_failures_per_address: count(
        30,
        [1, 1_000_000],
        'Logins to local domains that may fail from one address in five minutes; then it has to wait.',
      ),
      auth_failures_per_account: count(
        10,
        [1, 1_000_000],
        'Logins that may fail for one account in five minutes; places it was used from before are counted apart.',
      ),
      stanzas_per_second: count(
        50,
        [0, 1_000_000],
        'Stanzas per second that are taken of one client of a local domain; it is read more slowly then. 0 sets no limit.',
      ),
      stanza_burst: count(500, [1, 1_000_000], 'Stanzas that such a client may send at once.'),
      bytes_per_second: bytes(
        32_768,
        [0, 1024 * MEBIBYTE],
        'Bytes per second that are taken of such a client; 0 sets no limit.',
      ),
      byte_burst: bytes(524_288, [1024, 1024 * MEBIBYTE], 'Bytes that such a client may send at once.'),
      dials: count(200, [1, 1_000_000], 'Streams to one domain that are being opened at the same time; others wait.'),
    },
    'What one client, and all of them, may cost.',
  ),
};

const running = {
  workers: countOr(
    1,
    'auto',
    [1, 256],
    'Processes that carry the clients, behind the same ports; "auto" is one for each core. With more than one, a further process holds what there is once: local domains, storage, components.',
    { restart: true },
  ),
  drain: group(
    {
      delay: patience(0, [0, HOUR], 'How long SIGTERM only lets /readyz say 503, so that balancers send nobody new.'),
      timeout: patience(30, [0, HOUR], 'Longest time that the open streams get to end after that.'),
      see_other_uri: text('', 'uri', 'Where clients are sent at a shutdown: the URL of another server like this one.'),
      see_other_host: text('', 'host', 'Where clients over TCP are sent at a shutdown: host or host:port.'),
    },
    'How the server stops.',
  ),
  logging: choice('INFO', ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'], 'The least severe messages that are logged.'),
  metrics: group(
    {
      path: text('/metrics', 'path', 'URL path of the metrics for Prometheus; "" serves none.', {
        emptiable: true,
        restart: true,
      }),
    },
    'What is counted.',
  ),
  system_info_password: text(
    '',
    undefined,
    'Password of user "admin" at <path>sysinfo; while it is empty the page is closed.',
    {
      secret: true,
    },
  ),
};

const fields = { ...listening, ...transports, ...tcp, ...routing, ...core, ...browsers, ...limits, ...running };

/** All options, as one group. */
export const schema = group(fields, 'Configuration of bosh-server.');

/** The options in the order and under the headings of the manual. */
export const sections: readonly { readonly title: string; readonly names: readonly string[] }[] = [
  { title: 'Listening', names: Object.keys(listening) },
  { title: 'BOSH and WebSocket', names: Object.keys(transports) },
  { title: 'XMPP over TCP', names: Object.keys(tcp) },
  { title: 'Where streams go', names: Object.keys(routing) },
  { title: 'Domains served here', names: Object.keys(core) },
  { title: 'Browsers', names: Object.keys(browsers) },
  { title: 'Limits', names: Object.keys(limits) },
  { title: 'Running it', names: Object.keys(running) },
];

/** Options that others had and this server needs no more: they are passed over with this explanation. */
export const retired: ReadonlyMap<string, string> = new Map([
  ['trim_default_length', 'long values are cut in every log line'],
]);

/** A complete configuration: frozen, with every option there. */
export type Config = Values<typeof fields>;

type Partially<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Partially<T[K]> }
    : T;

/** What somebody says of it: any part. */
export type ConfigInput = Partially<Config>;
