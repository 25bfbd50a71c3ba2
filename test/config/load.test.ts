import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, configure, explain, type Loaded, load } from '../../src/config/load.js';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'bosh-config-'));
});

afterEach(() => {
  rmSync(cwd, { recursive: true });
});

type Environment = Record<string, string>;

function loaded(text: string | undefined, argv: string[] = [], env: Environment = {}): Loaded {
  if (text !== undefined) writeFileSync(join(cwd, 'bosh.conf.json'), text);
  return load({ argv, env, cwd, etc: join(cwd, 'etc') });
}

function mistakes(text: string | undefined, argv: string[] = [], env: Environment = {}): string {
  try {
    loaded(text, argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

/** How a file names a variable. */
const fromEnv = (name: string) => `\${env:${name}}`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u202e]/;

const lines = (...texts: string[]) => texts.join('\n');

describe('what is said where', () => {
  test('without anything said every option has its default', () => {
    const { config, file } = loaded(undefined);
    expect(file).toBeUndefined();
    expect(config).toMatchObject({
      port: 5280,
      path: '/http-bind/',
      tls: null,
      limits: { rates: true },
      upstreams: {},
    });
  });

  test('the file may have comments, trailing commas and a byte order mark', () => {
    expect(loaded('\ufeff{ // port\n "port": 1, /* and */ "max_wait": 90, }').config).toMatchObject({
      port: 1,
      max_wait: 90,
    });
  });

  test('flags beat environment beats file', () => {
    const file = '{ "max_inactivity": 100, "max_wait": 100, "max_pause": 100 }';
    const { config } = loaded(file, ['--max-inactivity=300'], { BOSH_MAX_INACTIVITY: '200', BOSH_MAX_WAIT: '200' });
    expect(config).toMatchObject({ max_inactivity: 300, max_wait: 200, max_pause: 100 });
  });

  test('groups are joined member by member', () => {
    const { config } = loaded('{ "limits": { "sessions": 1, "depth": 8 } }', ['--limits.sessions=3'], {
      BOSH_LIMITS_CREATION_BURST: '2',
    });
    expect(config.limits).toMatchObject({ sessions: 3, depth: 8, creation_burst: 2, elements: 10_000 });
  });

  test('a flag takes its value after = or as the next word, with - or _', () => {
    const { config } = loaded(undefined, [
      '--max-inactivity',
      '200',
      '--max_wait=90',
      '--host=127.0.0.1',
      '--port',
      '0',
    ]);
    expect(config).toMatchObject({ max_inactivity: 200, max_wait: 90, host: '127.0.0.1', port: 0 });
  });

  test('switches can be set, unset and given a value', () => {
    const { config } = loaded(undefined, [
      '--proxy-protocol',
      '--no-jsonp',
      '--compression',
      'false',
      '--no-limits.rates',
    ]);
    expect(config).toMatchObject({ proxy_protocol: true, jsonp: false, compression: false, limits: { rates: false } });
  });

  test('0, false and the empty text can be said', () => {
    const text = '{ "http_socket_keepalive": 0, "max_pause": 0, "polling": 0, "jsonp": false, "trusted_proxies": [] }';
    expect(loaded(text).config).toMatchObject({
      http_socket_keepalive: 0,
      max_pause: 0,
      polling: 0,
      jsonp: false,
      trusted_proxies: [],
    });
  });

  test('--config is taken with = and as the next word; it beats BOSH_CONFIG', () => {
    writeFileSync(join(cwd, 'a.json'), '{ "port": 1 }');
    writeFileSync(join(cwd, 'b.json'), '{ "port": 2 }');
    expect(loaded(undefined, ['--config=a.json']).config.port).toBe(1);
    expect(loaded(undefined, ['--config', 'b.json']).config.port).toBe(2);
    expect(loaded(undefined, ['-c', 'b.json'], { BOSH_CONFIG: 'a.json' }).config.port).toBe(2);
    expect(loaded(undefined, [], { BOSH_CONFIG: 'a.json' }).config.port).toBe(1);
  });

  test('--upstream adds to the upstreams of the file', () => {
    const argv = [
      '--upstream',
      'b.example',
      '--upstream=c.example=10.0.0.5:5333',
      '--upstream=D.example=xmpps://[::1]:5223',
    ];
    expect(loaded('{ "upstreams": { "a.example": { "host": "a" } } }', argv).config.upstreams).toMatchObject({
      'a.example': { host: 'a' },
      'b.example': { host: undefined, proxy_protocol: 0 },
      'c.example': { host: '10.0.0.5', port: 5333, tls: undefined },
      'd.example': { host: '::1', port: 5223, tls: 'direct' },
    });
  });

  test('BOSH_UPSTREAM takes several', () => {
    const { upstreams } = loaded(undefined, [], { BOSH_UPSTREAM: 'a.example, b.example=127.0.0.1' }).config;
    expect(Object.keys(upstreams)).toEqual(['a.example', 'b.example']);
  });

  test('lists and objects can be said as text', () => {
    const { config } = loaded(
      undefined,
      [
        '--origins=https://a.example',
        '--origins',
        'https://b.example',
        '--http-headers=X-Node: a',
        '--firewall.allow=["*"]',
      ],
      { BOSH_TRUSTED_PROXIES: '10.0.0.0/8, ::1', BOSH_ROUTE_FILTER: 'null' },
    );
    expect(config).toMatchObject({
      origins: ['https://a.example', 'https://b.example'],
      http_headers: { 'X-Node': 'a' },
      firewall: { allow: ['*'] },
      trusted_proxies: ['10.0.0.0/8', '::1'],
      route_filter: null,
    });
  });

  test('numbers may have units', () => {
    const { config } = loaded(
      '{ "max_inactivity": "5m", "features_timeout": "500ms", "max_data_held": "64KiB", "max_xmpp_buffer_size": "1 MB" }',
    );
    expect(config).toMatchObject({
      max_inactivity: 300,
      features_timeout: 0.5,
      max_data_held: 65_536,
      max_xmpp_buffer_size: 1_000_000,
    });
  });

  test('levels of logging are taken in upper and lower case', () => {
    expect(loaded('{ "logging": "debug" }').config.logging).toBe('DEBUG');
  });

  test('secrets come from files and the environment', () => {
    writeFileSync(join(cwd, 'password'), 'from a file\n');
    expect(loaded('{ "system_info_password_file": "password" }').config.system_info_password).toBe('from a file');
    expect(
      loaded(`{ "system_info_password": "${fromEnv('WORD')}", "port": "${fromEnv('PORT')}" }`, [], {
        WORD: 'w',
        PORT: '7',
      }).config,
    ).toMatchObject({
      system_info_password: 'w',
      port: 7,
    });
  });

  test('old names work and warn with the new one', () => {
    const { config, warnings } = loaded('{ "max_xmpp_stanza_size": 20000, "trim_default_length": 5 }');
    expect(config.max_xmpp_buffer_size).toBe(20_000);
    expect(warnings.map((w) => explain(w).split('\n')[0])).toEqual([
      'bosh.conf.json:1:3  max_xmpp_stanza_size  is the old name of "max_xmpp_buffer_size"',
      'bosh.conf.json:1:34  trim_default_length  is passed over: long values are cut in every log line',
    ]);
  });

  test('files at an address instead of a name are warned of, but on one’s own machine', () => {
    const warned = (more: string) =>
      loaded(`{ "domains": { "example.com": {} }, ${more} }`).warnings.map((w) => explain(w).split('\n')[0]);
    const files = (domain: string, upload = '') => `"components": { "${domain}": { "module": "upload"${upload} } }`;
    expect(warned(files('files.example.com'))).toEqual([
      expect.stringContaining('the URLs of files have the address that the server listens at'),
    ]);
    for (const fine of [
      files('files.localhost'),
      files('files.example.com', ', "upload": { "url": "https://files.example.com/upload" }'),
      `"public_url": "https://chat.example.com", ${files('files.example.com')}`,
      '"components": { "rooms.example.com": { "module": "muc" } }',
    ])
      expect(warned(fine)).toEqual([]);
  });

  test('what Kubernetes sets for a service named bosh is passed over', () => {
    const { config, warnings } = loaded(undefined, [], {
      BOSH_PORT: 'tcp://10.0.0.1:5280',
      BOSH_PORT_5280_TCP_PROTO: 'tcp',
    });
    expect(config.port).toBe(5280);
    expect(warnings.map(({ message }) => message)).toContain(
      'is passed over: it is an address that Kubernetes sets for a service named "bosh"',
    );
  });

  test('the result is frozen to its depth', () => {
    const { config } = loaded('{ "upstreams": { "a.example": {} } }');
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.limits) && Object.isFrozen(config.upstreams['a.example']),
    ).toBe(true);
  });

  test('a program gets the same checks', () => {
    expect(configure({ port: 0, limits: { sessions: 5 } })).toMatchObject({
      port: 0,
      limits: { sessions: 5, depth: 64 },
    });
    expect(configure(configure({ upstreams: { 'a.example': {} } }))).toEqual(
      configure({ upstreams: { 'a.example': {} } }),
    );
    expect(() => configure({ prot: 1 } as object)).toThrow('prot  is not an option\n   did you mean "port"?');
  });
});

describe('what a mistake is answered with', () => {
  test('an unknown key: the nearest known one', () => {
    expect(mistakes('{\n  "max_inactivty": 100\n}')).toBe(
      lines(
        'bosh.conf.json:2:3  max_inactivty  is not an option',
        '    2 |   "max_inactivty": 100',
        '      |   ^ did you mean "max_inactivity"?',
        '   fix: write "max_inactivity", or remove it',
      ),
    );
  });

  test('an unknown key that is known in a group: its full name', () => {
    expect(mistakes('{"sessions_per_address": 1}')).toContain('^ did you mean "limits.sessions_per_address"?');
  });

  test('an unknown key without a neighbour: where all are described', () => {
    expect(mistakes('{"frobnicate": 1}')).toContain('fix: remove it; "bosh-server config docs" describes all options');
  });

  test('a certificate that is not there: the cause, the user, and what to do', () => {
    const text = '{\n  "tls": {\n    "cert": "nowhere.pem",\n    "key": "nowhere.key"\n  }\n}';
    const [first, second] = mistakes(text).split('\n\n');
    expect(first).toBe(
      lines(
        `bosh.conf.json:3:5  tls.cert  file not found: ${join(cwd, 'nowhere.pem')}`,
        '    3 |     "cert": "nowhere.pem",',
        `      |     ^ cannot open (ENOENT); the process runs as uid ${process.getuid?.()} (${userInfo().username})`,
        '   fix: put the certificate there, or remove "tls" and end TLS in a proxy in front',
      ),
    );
    expect(second).toContain('bosh.conf.json:4:5  tls.key  file not found: ');
  });

  test('an option that its group needs', () => {
    expect(mistakes('{ "tls": { "key": "k" } }')).toContain(
      lines(
        'bosh.conf.json:1:3  tls.cert  is missing',
        '    1 | { "tls": { "key": "k" } }',
        '      |   ^',
        '   fix: add it: PEM file of the certificate and its chain; read again when it changes.',
      ),
    );
  });

  test('a number out of its limits', () => {
    expect(mistakes('{ "port": 70000 }')).toBe(
      lines(
        'bosh.conf.json:1:3  port  must be from 0 to 65535, not 70000',
        '    1 | { "port": 70000 }',
        '      |   ^',
        '   fix: write 65535, or leave it at 5280',
      ),
    );
  });

  test('a flag: itself, in place of a line', () => {
    expect(mistakes(undefined, ['--max-inactivity=abc'])).toBe(
      lines(
        '--max-inactivity=abc  max_inactivity  must be a number of seconds, not "abc"',
        '   fix: write 90, "30s", "2m" or "1h"',
      ),
    );
  });

  test('a variable: its name', () => {
    expect(mistakes(undefined, [], { BOSH_MAX_DATA_HELD: '1XB' })).toBe(
      lines(
        'BOSH_MAX_DATA_HELD  max_data_held  must be a number of bytes, not "1XB"',
        '   fix: write 100000, "64KiB" or "1MB"',
      ),
    );
  });

  test('an unknown flag', () => {
    expect(mistakes(undefined, ['--upstrem=x'])).toBe(
      lines('--upstrem  is not a flag', '   did you mean --upstream?', '   fix: write --upstream, or remove it'),
    );
  });

  test('an upstream with a port where the host should be', () => {
    expect(mistakes(undefined, ['--upstream=example.com:5222'])).toBe(
      lines(
        '--upstream=example.com:5222  upstreams  has a port but no host: "example.com:5222"',
        '   fix: write example.com=HOST:5222 with the host of the server, or example.com alone to find it by DNS',
      ),
    );
  });

  test('a configuration of node-xmpp-bosh: what it is, once', () => {
    expect(mistakes('// nxb\nexports.config = { port: 5280, path: /^\\/http-bind/ };')).toBe(
      lines(
        'bosh.conf.json:2:1  is a program of node-xmpp-bosh, and configuration is data here',
        '    2 | exports.config = { port: 5280, path: /^\\/http-bind/ };',
        '      | ^',
        '   fix: copy its options into a file as "bosh-server init" writes it; they keep their names',
      ),
    );
  });

  test('a flag without its value', () => {
    expect(mistakes(undefined, ['--port'])).toBe(lines('--port  needs a value', '   fix: write --port=VALUE'));
  });

  test('a named file that is not there', () => {
    expect(mistakes(undefined, ['--config', 'nix.json'])).toBe(
      lines(
        `--config=nix.json  file not found: ${join(cwd, 'nix.json')}`,
        `   cannot open (ENOENT); the process runs as uid ${process.getuid?.()} (${userInfo().username})`,
        '   fix: write the path of a file, or make one with "bosh-server init"',
      ),
    );
  });

  test('broken JSON: the place', () => {
    expect(mistakes('{\n  "port": 1\n  "max_wait": 2\n}')).toBe(
      lines(
        'bosh.conf.json:3:3  a comma is missing',
        '    3 |   "max_wait": 2',
        '      |   ^',
        '   fix: put a comma between two members',
      ),
    );
  });

  test('an option that is said twice', () => {
    expect(mistakes('{ "port": 1,\n  "port": 2 }')).toContain('bosh.conf.json:2:3  port  is said twice');
  });

  test('options that contradict each other', () => {
    expect(mistakes('{ "max_inactivity": 30, "default_inactivity": 70 }')).toBe(
      lines(
        'bosh.conf.json:1:25  default_inactivity  70 is more than max_inactivity, which is 30',
        '    1 | { "max_inactivity": 30, "default_inactivity": 70 }',
        '      |                         ^',
        '   fix: lower it to 30, or raise max_inactivity',
      ),
    );
    expect(mistakes('{ "default_wait": 200 }')).toContain('default_wait  200 is more than max_wait, which is 120');
    expect(mistakes('{ "cors": { "credentials": true } }')).toContain(
      'cors.credentials  cannot be true while cors.origins has "*"',
    );
    expect(mistakes('{ "metrics": { "path": "/http-bind" } }')).toContain(
      'metrics.path  /http-bind is the path of BOSH or WebSocket too',
    );
  });

  test('a database that has no folder', () => {
    expect(mistakes('{ "storage": { "driver": "level" } }')).toBe(
      lines(
        'bosh.conf.json:1:16  storage.path  is empty, and storage.driver "level" needs a folder',
        '    1 | { "storage": { "driver": "level" } }',
        '      |                ^',
        '   fix: name one, as in "path": "./data"',
      ),
    );
    expect(mistakes('{ "storage": { "driver": "level", "path": "a\\u0000b" } }')).toContain(
      'storage.path  is not the path of a folder',
    );
  });

  test('clients over TCP that have to encrypt, and no certificate to do it with', () => {
    expect(mistakes('{ "c2s": {} }')).toBe(
      lines(
        'bosh.conf.json:1:3  c2s.require_tls  cannot be kept: there is no certificate',
        '    1 | { "c2s": {} }',
        '      |   ^',
        '   fix: give "c2s.tls" (or "tls") a certificate and its key; or, behind a proxy that ends TLS, set "c2s.require_tls" to false',
      ),
    );
    expect(mistakes('{ "c2s": { "require_tls": false, "direct_tls_port": 5223 } }')).toContain(
      'c2s.direct_tls_port  needs a certificate',
    );
    for (const fine of ['null', '{ "require_tls": false }', '{ "port": null }'])
      expect(mistakes(`{ "c2s": ${fine} }`)).toBe('none');
  });

  test.each(['xmpp.example.com', 'xmpp.example.com:5222', '192.0.2.1', '[2001:db8::1]:5222', '[2001:db8::1]'])(
    'drain.see_other_host may be %s',
    (host) => expect(mistakes(`{ "drain": { "see_other_host": "${host}" } }`)).toBe('none'),
  );

  test.each(['xmpp://a.example', 'a.example:', 'a.example:99999', '2001:db8::1', '[a.example]:1', 'a b'])(
    'and not %s',
    (host) =>
      expect(mistakes(`{ "drain": { "see_other_host": "${host}" } }`)).toContain('is no host of an XMPP server'),
  );

  test('a maximum below what is only a default caps it and contradicts nobody', () => {
    expect(mistakes('{ "max_inactivity": 30, "max_wait": 10 }')).toBe('none');
  });

  test('a value that is none of the known', () => {
    expect(mistakes('{ "upstreams": { "a.example": { "tls": "startls" } } }')).toContain(
      'upstreams.a.example.tls  must be one of "starttls", "direct", "optional", "none", not "startls"',
    );
  });

  test.each([
    ['{ "path": "http-bind" }', 'path  must begin with a slash: "http-bind"'],
    ['{ "path": "/^\\\\/http-bind$/" }', 'path  is a regular expression, and paths are plain here'],
    ['{ "trusted_proxies": ["10.0.0.0/33"] }', 'trusted_proxies  is not an address or network: "10.0.0.0/33"'],
    ['{ "trusted_proxies": "10.0.0.1" }', 'trusted_proxies  must be a list, not "10.0.0.1"'],
    ['{ "origins": ["https://a.example/"] }', 'origins  is not an origin as browsers write it: "https://a.example/"'],
    ['{ "public_url": "chat.example.com" }', 'public_url  is not a URL of the web: "chat.example.com"'],
    ['{ "upstreams": { "exa mple": {} } }', 'upstreams.exa mple  is not a domain: "exa mple"'],
    ['{ "upstreams": { "10.0.0.5": {} } }', 'upstreams.10.0.0.5  is not a domain: "10.0.0.5"'],
    ['{ "upstreams": { "a.example": { "host": "a b" } } }', 'is neither an address nor a host name: "a b"'],
    ['{ "http_headers": { "X A": "1" } }', 'is not a name of a header: "X A"'],
    ['{ "http_headers": { "X-A": "a\\r\\nSet-Cookie: b" } }', 'has characters that no header may have'],
    ['{ "http_headers": { "Content-Length": "5" } }', 'is a header that the server sets itself'],
    ['{ "firewall": { "allow": ["*example"] } }', 'firewall.allow  is not a domain pattern: "*example"'],
    ['{ "dns": { "servers": ["dns.example"] } }', 'dns.servers  is not the address of a name server: "dns.example"'],
    ['{ "port": "5280" }', 'port  must be a number, not "5280"'],
    ['{ "jsonp": "no" }', 'jsonp  must be true or false, not "no"'],
    ['{ "default_inactivity": 1.5 }', 'default_inactivity  must be a whole number, not 1.5'],
    ['{ "limits": [] }', 'limits  must be an object, not a list'],
    [
      `{ "public_url": "${fromEnv('NOBODY_SET_THIS')}" }`,
      'public_url  the environment has no variable NOBODY_SET_THIS',
    ],
    ['[]', 'the file must hold an object'],
    ['', 'the file is empty'],
  ])('%s', (text, message) => {
    expect(mistakes(text)).toContain(message);
  });

  test('several mistakes: all of them, as they stand in the file', () => {
    const text = '{\n "portt": 1,\n "max_wait": -1,\n "logging": "LOUD"\n}';
    const heads = mistakes(text, ['--jsonpp'], { BOSH_POLLING: 'x' })
      .split('\n\n')
      .map((problem) => problem.split('  ')[0]);
    expect(heads).toEqual([
      'bosh.conf.json:2:2',
      'bosh.conf.json:3:2',
      'bosh.conf.json:4:2',
      '--jsonpp',
      'BOSH_POLLING',
    ]);
  });

  test('a secret is never shown, on no line and in no value', () => {
    const text =
      '{ "system_info_password": "canary-1", "tls": { "passphrase": 77001, "key": "k" }, "sytem_info_pasword": "canary-2" }';
    const said = mistakes(text, ['--system-info-password=canary-3', '--port=x'], {
      BOSH_SYSTEM_INFO_PASSWORD: 'canary-4',
    });
    expect(said).not.toMatch(/canary-[134]|77001/);
    expect(mistakes('{ "port": x, "system_info_password": "canary')).not.toContain('canary');
  });

  test('what a terminal would obey is not shown', () => {
    expect(mistakes('{ "a\u001b[2J\u202e": 1, "path": "\\u001b[31m" }')).not.toMatch(OBEYED);
  });

  test('a long line is cut around the caret', () => {
    const text = `{ "http_headers": { "X-A": "${'a'.repeat(5000)}" }, "portt": 1 }`;
    for (const line of mistakes(text).split('\n')) expect(line.length).toBeLessThan(140);
  });
});

describe('whatever is said', () => {
  const harmless = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ConfigError) || error.problems.length === 0) throw error;
    }
  };

  const KEYS = [
    'port',
    'tls',
    'upstreams',
    'limits',
    'cors',
    'origins',
    'firewall',
    'http_headers',
    '__proto__',
    'constructor',
    'a.example',
  ];
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue({ maxDepth: 2 }),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    object: fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 8 })), tie('value'), {
      maxKeys: 6,
    }),
  })).object;

  test('any object of JSON gives a Config or the collected problems', () => {
    fc.assert(
      fc.property(json, (value) => {
        harmless(() => loaded(JSON.stringify(value)));
        harmless(() => configure(value as object));
      }),
      { numRuns: 500 },
    );
  });

  test('so does any text, flag and variable', () => {
    const names = fc.constantFrom(
      '--port',
      '--config',
      '--upstream',
      '--tls',
      '--tls.cert',
      '--http-headers',
      '--no-jsonp',
      '--set',
      '--args',
      '--__proto__',
      '--',
    );
    fc.assert(
      fc.property(
        fc.string({ maxLength: 60 }),
        fc.array(fc.oneof(names, fc.string({ maxLength: 20 }))),
        fc.string(),
        (text, argv, value) => {
          harmless(() =>
            loaded(`{${text}`, argv, {
              BOSH_PORT: value,
              BOSH_UPSTREAM: value,
              BOSH_HTTP_HEADERS: value,
              BOSH_TLS: value,
            }),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an object that holds itself, and one nested without end', () => {
    const circle: Record<string, unknown> = { limits: {} };
    (circle.limits as Record<string, unknown>).sessions = circle;
    expect(() => configure(circle)).toThrow(ConfigError);
    expect(mistakes(`{"limits":${'['.repeat(50_000)}`)).toContain('bosh.conf.json:1:1');
  });

  test('a key named __proto__ pollutes nothing', () => {
    expect(mistakes('{ "__proto__": { "polluted": 1 } }')).toContain('__proto__  is not an option');
    const { config } = loaded('{ "http_headers": { "__proto__": "x" } }');
    expect(Object.getPrototypeOf(config.http_headers)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
