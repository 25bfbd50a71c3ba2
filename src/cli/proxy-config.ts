// What a web server in front needs, for this configuration: keep-alive towards us, no buffering, time-outs longer than
// the longest wait, upgrades let through, the client's address told. It passes on the transports, host-meta and, where
// there are domains to chat on, the page; never what is for the operator.

import type { Config } from '../config/load.js';

/** The web servers that a file can be printed for. */
export const proxies = ['nginx', 'haproxy', 'caddy'] as const;
export type ProxyName = (typeof proxies)[number];

/** A complete example file for that web server. */
export function proxyConfig(name: ProxyName, config: Config): string {
  const facts = factsOf(config);
  if (name === 'nginx') return nginx(facts);
  return name === 'haproxy' ? haproxy(facts) : caddy(facts);
}

interface Facts {
  readonly host: string;
  readonly server: string;
  readonly scheme: 'http' | 'https';
  readonly bosh: string;
  readonly websocket: string;
  /** Seconds that a response may let wait. */
  readonly patience: number;
  readonly body: number;
  readonly proxyProtocol: boolean;
  /** There is a chat page at `/`; otherwise that is the status page, which is for the operator. */
  readonly page: boolean;
  /** Bytes of the largest file that clients may upload; absent where they may not. */
  readonly upload?: number;
}

function factsOf(config: Config): Facts {
  const { host, port } = config;
  const local = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host;
  return {
    host: config.public_url === '' ? 'chat.example.com' : new URL(config.public_url).hostname,
    server: `${local.includes(':') ? `[${local}]` : local}:${port}`,
    scheme: config.tls === null ? 'http' : 'https',
    bosh: config.path.replace(/\/+$/, '') || '/',
    websocket: config.websocket_path.replace(/\/+$/, '') || '/',
    patience: Math.ceil(Math.max(config.max_wait, config.websocket_ping_interval + config.websocket_ping_timeout) + 30),
    body: 2 * config.max_data_held,
    proxyProtocol: config.proxy_protocol,
    page: Object.keys(config.domains).length > 0 && config.path !== '/',
    upload: largestFile(config),
  };
}

function largestFile({ components }: Config): number | undefined {
  const sizes = Object.values(components).flatMap(({ module, upload }) =>
    module === 'upload' ? [upload.max_file_size] : [],
  );
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}

function nginx({ host, server, scheme, bosh, websocket, patience, body, page, upload }: Facts): string {
  const location = (path: string, connection: string) => `    location ${path} {
        proxy_pass ${scheme}://bosh_server;
        proxy_http_version 1.1;
        ${connection}
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_buffering off;
        proxy_request_buffering off;
        proxy_connect_timeout 5s;
        proxy_send_timeout ${patience}s;
        proxy_read_timeout ${patience}s;           # longer than max_wait and the pings
        proxy_next_upstream off;             # a BOSH request is repeated by its client, not by a proxy
        client_max_body_size ${body};         # above max_data_held: the server itself refuses, as XMPP does
    }`;
  const plain = (path: string, what: string) => `    location ${`${path} {`.padEnd(31)}# ${what}
        proxy_pass ${scheme}://bosh_server;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }`;
  const pages = `

${plain('= /', 'the chat page')}

${plain('/chat/', 'its files')}`;
  const files = `

    location /upload/ {                      # files that clients share
        proxy_pass ${scheme}://bosh_server;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_request_buffering off;
        proxy_next_upstream off;
        client_max_body_size ${upload};
    }`;
  const upgrade = `proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $bosh_connection;`;
  return `# nginx in front of bosh-server: goes into the http block, for example as /etc/nginx/conf.d/bosh.conf.
# With several servers a session must stay at one: ip_hash does that for addresses; where many users share an address,
# use "hash $cookie_bosh consistent;" and let each server set that cookie by its option http_headers.

map $http_upgrade $bosh_connection {
    default upgrade;
    ''      '';                              # keep-alive for everything that is no upgrade
}

upstream bosh_server {
    # ip_hash;
    server ${server};
    keepalive 64;
    keepalive_timeout 50s;                   # shorter than the server's own
}

server {
    listen 80;
    # listen 443 ssl;                        # on any other port set public_url: $host has none
    # ssl_certificate     /etc/ssl/${host}.pem;
    # ssl_certificate_key /etc/ssl/${host}.key;
    server_name ${host};
    keepalive_timeout ${patience}s;

${location(bosh, upgrade)}

${location(websocket, upgrade)}

${plain('/.well-known/host-meta', 'host-meta and host-meta.json (XEP-0156)')}${page ? pages : ''}${upload === undefined ? '' : files}
}
`;
}

function haproxy({ host, server, scheme, bosh, websocket, patience, proxyProtocol, page, upload }: Facts): string {
  const tls = scheme === 'https' ? ' ssl verify required ca-file @system-ca' : '';
  const pages = `    acl bosh path /                          # the chat page
    acl bosh path -m beg /chat/
`;
  const files = `    acl bosh path -m beg /upload/            # files that clients share
`;
  const send = proxyProtocol ? ' send-proxy-v2' : '';
  return `# HAProxy in front of bosh-server.
# With several servers a session must stay at one: "balance source" does that for addresses; where many users share an
# address, use "cookie bosh insert indirect nocache" and a cookie per server line.

defaults
    mode http
    option httplog
    option forwardfor
    timeout connect 5s
    timeout client ${patience}s                     # longer than max_wait and the pings
    timeout server ${patience}s
    timeout tunnel 1h                        # WebSocket; pings keep it busy
    timeout http-request 15s
    timeout http-keep-alive ${patience}s

frontend web
    bind :80
    # bind :443 ssl crt /etc/ssl/${host}.pem alpn http/1.1
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http  if !{ ssl_fc }
    acl bosh path -m beg ${bosh} ${websocket} /.well-known/host-meta
${page ? pages : ''}${upload === undefined ? '' : files}    use_backend bosh_server if bosh
    default_backend nothing

backend bosh_server
    balance source
    retries 0                                # a BOSH request is repeated by its client, not by a proxy
    http-reuse safe
    option httpchk GET /readyz
    server one ${server} check${tls}${send}

backend nothing
    http-request return status 404
`;
}

function caddy({ host, server, scheme, bosh, websocket, patience, page, upload }: Facts): string {
  const pages = (page ? ' / /chat/*' : '') + (upload === undefined ? '' : ' /upload/*');
  return `# Caddy in front of bosh-server: a Caddyfile. With several servers add "lb_policy ip_hash".
${host} {
	@bosh path ${bosh} ${bosh}/* ${websocket} ${websocket}/* /.well-known/host-meta /.well-known/host-meta.json${pages}
	reverse_proxy @bosh ${scheme}://${server} {
		flush_interval -1
		transport http {
			dial_timeout 5s
			response_header_timeout ${patience}s
			keepalive ${patience}s
		}
	}
}
`;
}
