// What texts must look like. A form returns what is wrong with a text, or undefined.

import { isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Form } from './option.js';

export interface Fault {
  readonly message: string;
  readonly fix: string;
}

type Check = (text: string) => Fault | undefined;

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: no header may hold them
const UNSENDABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;
/** Headers that the server itself sets, or that frame the message. */
const RESERVED = /^(connection|content-(length|type|encoding)|date|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

const fault = (message: string, fix: string): Fault => ({ message, fix });

function isDomain(text: string): boolean {
  const ascii = domainToASCII(text);
  return (
    ascii !== '' && ascii.length <= 253 && isIP(ascii) === 0 && ascii.split('.').every((label) => LABEL.test(label))
  );
}

function isNameServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, v6, v4, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(text) ?? [];
  return isIP(v6 ?? v4 ?? '') !== 0 && Number(port) <= 65_535;
}

function isCidr(text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  if (rest.length > 0 || isIP(address) === 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
}

function web(text: string, schemes: readonly string[]): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && schemes.includes(url.protocol) && url.hostname !== '' && url.username === ''
    ? url
    : undefined;
}

const path: Check = (text) => {
  if (/^\/?\^|\(|\$|\\/.test(text))
    return fault('is a regular expression, and paths are plain here', 'write "/http-bind/"');
  if (!text.startsWith('/')) return fault('must begin with a slash', `write "/${text.replace(/[^\w./~-]/g, '')}"`);
  if (!/^\/[\w./~-]*$/.test(text) || /\/\/|\/\.\.?(\/|$)/.test(text))
    return fault('is not a plain URL path', 'use letters, digits, "/", ".", "-", "_" and "~"');
  return undefined;
};

const origin: Check = (text) => {
  if (text === '*' || text === 'null') return undefined;
  const url = web(text, [
    'http:',
    'https:',
    'capacitor:',
    'ionic:',
    'app:',
    'chrome-extension:',
    'moz-extension:',
    'tauri:',
  ]);
  if (url === undefined) return fault('is not an origin', 'write scheme and host, as in "https://chat.example.com"');
  const plain = `${url.protocol}//${url.host}`;
  return text === plain ? undefined : fault('is not an origin as browsers write it', `write "${plain}"`);
};

const url: Check = (text) => {
  const parsed = web(text, ['http:', 'https:']);
  if (parsed === undefined) return fault('is not a URL of the web', 'write "https://chat.example.com"');
  return parsed.search || parsed.hash
    ? fault('has a query or a fragment', `write "${parsed.origin}${parsed.pathname}"`)
    : undefined;
};

const CHECKS: Readonly<Record<Form, Check>> = {
  path,
  origin,
  url,
  uri: (text) =>
    web(text, ['http:', 'https:', 'ws:', 'wss:'])
      ? undefined
      : fault('is not a URL of another server', 'write "https://other.example.com/http-bind/"'),
  address: (text) =>
    isIP(text) !== 0 || isDomain(text)
      ? undefined
      : fault('is neither an address nor a host name', 'write "127.0.0.1", "::1" or "xmpp.example.com"'),
  host: (text) => {
    const [, v6, other, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
    const isHost = v6 !== undefined ? isIP(v6) === 6 : other !== undefined && (isIP(other) !== 0 || isDomain(other));
    return isHost && Number(port ?? 1) <= 65_535
      ? undefined
      : fault('is no host of an XMPP server', 'write "xmpp2.example.com", "192.0.2.1:5222" or "[2001:db8::1]:5222"');
  },
  cidr: (text) =>
    isCidr(text)
      ? undefined
      : fault('is not an address or network', 'write "10.0.0.5", "10.0.0.0/8" or "2001:db8::/32"'),
  domain: (text) => (isDomain(text) ? undefined : fault('is not a domain', 'write it as in "example.com"')),
  pattern: (text) =>
    text === '*' || isDomain(text.replace(/^\*\./, ''))
      ? undefined
      : fault('is not a domain pattern', 'write "example.com", "*.example.com" or "*"'),
  header: (text) => {
    if (!TOKEN.test(text)) return fault('is not a name of a header', 'use letters, digits and "-"');
    return RESERVED.test(text) ? fault('is a header that the server sets itself', 'remove it') : undefined;
  },
  value: (text) =>
    UNSENDABLE.test(text)
      ? fault('has characters that no header may have', 'keep to one line of Latin text')
      : undefined,
  file: (text) => (text === '' || text.includes('\0') ? fault('is not the path of a file', 'write a path') : undefined),
  pem: (text) => (text === '' || text.includes('\0') ? fault('is not the path of a file', 'write a path') : undefined),
  folder: (text) => (text.includes('\0') ? fault('is not the path of a folder', 'write a path') : undefined),
  jid: (text) => {
    const [, local = '', domain = ''] = /^([^@/\s]+)@([^@/\s]+)$/.exec(text) ?? [];
    return local !== '' && isDomain(domain)
      ? undefined
      : fault('is not an address', 'write it as in "service@example.com"');
  },
  media: (text) =>
    /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/(\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})$/i.test(text)
      ? undefined
      : fault('is not a type of files', 'write it as in "image/png" or "image/*"'),
  module: (text) =>
    /^[a-z][a-z0-9_]{0,63}$/.test(text) ? undefined : fault('is not the name of a module', 'write it as in "roster"'),
  ip: (text) =>
    isNameServer(text)
      ? undefined
      : fault('is not the address of a name server', 'write "9.9.9.9", "9.9.9.9:53" or "[2620:fe::fe]:53"'),
};

/** What is wrong with a text of this form. */
export function formFault(form: Form, text: string): Fault | undefined {
  return CHECKS[form](text);
}
