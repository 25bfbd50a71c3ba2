// /etc/hosts: what the machine's operator says of names, before the DNS is asked.

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** The addresses that a hosts file has for a name; `localhost` is the loopback in any case (RFC 6761). */
export async function hostsFile(name: string, path = '/etc/hosts'): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/);
    return isIP(address) !== 0 && names.includes(name) ? [address] : [];
  });
  return found.length === 0 && name === 'localhost' ? ['127.0.0.1', '::1'] : [...new Set(found)];
}
