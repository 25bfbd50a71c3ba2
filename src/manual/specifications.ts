// Which specifications are implemented, in which version, and where: those of the edge are listed here, those of the
// core by its modules.

import type { Specification } from '../core/module.js';

/** A specification and everybody who has a part in it. */
export interface Implemented extends Specification {
  /** `edge`, or names of modules. */
  readonly by: readonly string[];
}

/** A module, of whatever hosts. */
type Implementing = { readonly name: string; readonly specifications: readonly Specification[] };

/** What listeners and the proxy implement, whoever serves the domain. */
const edge: readonly Specification[] = [
  { id: 'RFC 2782', name: 'DNS SRV' },
  { id: 'RFC 6120', name: 'XMPP Core' },
  { id: 'RFC 6415', name: 'Web Host Metadata' },
  { id: 'RFC 6455', name: 'The WebSocket Protocol' },
  { id: 'RFC 7239', name: 'Forwarded HTTP Extension' },
  { id: 'RFC 7395', name: 'An XMPP Subprotocol for WebSocket' },
  { id: 'RFC 7622', name: 'XMPP Address Format' },
  { id: 'RFC 8265', name: 'PRECIS for Usernames and Passwords' },
  { id: 'RFC 8305', name: 'Happy Eyeballs Version 2' },
  { id: 'RFC 9525', name: 'Service Identity in TLS' },
  { id: 'XEP-0114', name: 'Jabber Component Protocol', version: '1.6' },
  { id: 'XEP-0124', name: 'Bidirectional-streams Over Synchronous HTTP (BOSH)', version: '1.11.2' },
  { id: 'XEP-0156', name: 'Discovering Alternative XMPP Connection Methods', version: '1.4.0' },
  { id: 'XEP-0206', name: 'XMPP Over BOSH', version: '1.4' },
  { id: 'XEP-0368', name: 'SRV records for XMPP over TLS', version: '1.1.0' },
  { id: 'XEP-0478', name: 'Stream Limits Advertisement', version: '0.2.0' },
];

/** All, in order; a section that a module names belongs to it alone. */
export function implemented(modules: readonly Implementing[]): Implemented[] {
  const found = new Map<string, Implemented>();
  const add = (by: string, { id, name, version }: Specification) => {
    const known = found.get(id) ?? { id, name: name.replace(/, sections? .*/, ''), version, by: [] };
    found.set(id, { ...known, by: [...known.by, by] });
  };
  for (const each of edge) add('edge', each);
  for (const { name, specifications } of modules) for (const each of specifications) add(name, each);
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A link to where it is published. */
export function linked({ id }: Specification): string {
  const number = id.slice(4).toLowerCase();
  if (id.startsWith('XEP-')) return `[${id}](https://xmpp.org/extensions/xep-${number}.html)`;
  return id.startsWith('RFC ') ? `[${id}](https://www.rfc-editor.org/rfc/rfc${number})` : id;
}

/** All in a few lines. */
export function specificationLines(modules: readonly Implementing[], width = 150): string {
  const known = implemented(modules).map(({ id, version }) => (version === undefined ? id : `${id} (${version})`));
  const lines: string[] = [''];
  for (const [at, each] of known.entries()) {
    const word = at === known.length - 1 ? `${each}.` : `${each},`;
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return `${lines.join('\n')}\n`;
}
