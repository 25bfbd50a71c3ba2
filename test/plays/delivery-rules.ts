// RFC 6121 section 8.5 and its Table 1 as plays: one for each kind of stanza, each kind of address and each state that the
// addressed account can be in.

import { parsePlay } from '../support/plays/parse.js';
import type { Play } from '../support/plays/play.js';

/**
 * What becomes of a stanza.
 *
 * - D: the addressed resource has it, and no other
 * - M: the most available resources have it, or all that are not negative
 * - A: all available resources have it that are not negative; P: the negative ones too
 * - O: it is kept until somebody is available
 * - E: its sender hears service-unavailable
 * - S: nobody has it, and its sender may hear service-unavailable
 * - I: nobody has it, and its sender hears nothing
 */
type Fate = 'D' | 'M' | 'A' | 'P' | 'O' | 'E' | 'S' | 'I';

type Address = 'bare JID' | 'full JID that matches' | 'full JID that does not match';

interface Resource {
  readonly resource: string;
  /** Undefined: connected, and not available. */
  readonly priority?: number;
}

interface Condition {
  readonly name: string;
  /** Undefined: there is no such account. */
  readonly resources?: readonly Resource[];
  /** The fates of each kind of stanza, in the order of KINDS. */
  readonly rows: Partial<Record<Address, string>>;
}

const KINDS = [
  ['a normal message', '<message id="x"', '<body>Good night</body></message>'],
  ['a chat message', '<message id="x" type="chat"', '<body>Good night</body></message>'],
  ['a groupchat message', '<message id="x" type="groupchat"', '<body>Good night</body></message>'],
  ['a headline', '<message id="x" type="headline"', '<body>Good night</body></message>'],
  [
    'an error message',
    '<message id="x" type="error"',
    '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>',
  ],
  ['presence', '<presence id="x"', '<show>away</show></presence>'],
  ['unavailable presence', '<presence id="x" type="unavailable"', '<status>gone</status></presence>'],
  ['an IQ get', '<iq id="x" type="get"', '<query xmlns="urn:example:verona"/></iq>'],
  ['an IQ set', '<iq id="x" type="set"', '<query xmlns="urn:example:verona"/></iq>'],
  ['an IQ result', '<iq id="x" type="result"', '<query xmlns="urn:example:verona"/></iq>'],
  [
    'an IQ error',
    '<iq id="x" type="error"',
    '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>',
  ],
] as const;

const MATCH = 'D D D D D  D D  D D D D';

const CONDITIONS: readonly Condition[] = [
  {
    name: 'there is no such account',
    rows: {
      'bare JID': '                     S S E S I  I I  E E I I',
      'full JID that does not match': ' S S S S I  I I  E E I I',
    },
  },
  {
    name: 'nobody is there',
    resources: [],
    rows: {
      'bare JID': '                     O O E S I  I I  E E I I',
      'full JID that does not match': ' S O S S I  I I  E E I I',
    },
  },
  {
    name: 'a resource is connected and not available',
    resources: [{ resource: 'balcony' }],
    rows: {
      'bare JID': '                     O O E S I  I I  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S O S S I  I I  E E I I',
    },
  },
  {
    name: 'the only resource is negative',
    resources: [{ resource: 'balcony', priority: -1 }],
    rows: {
      'bare JID': '                     O O E S I  P P  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S O S S I  I I  E E I I',
    },
  },
  {
    name: 'all resources are negative',
    resources: [
      { resource: 'balcony', priority: -1 },
      { resource: 'chamber', priority: -7 },
    ],
    rows: {
      'bare JID': '                     O O E S I  P P  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S O S S I  I I  E E I I',
    },
  },
  {
    name: 'one resource is available',
    resources: [{ resource: 'balcony', priority: 0 }],
    rows: {
      'bare JID': '                     D D E D I  D D  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S D S S I  I I  E E I I',
    },
  },
  {
    name: 'one resource is not negative, another one is',
    resources: [
      { resource: 'balcony', priority: 0 },
      { resource: 'chamber', priority: -1 },
    ],
    rows: {
      'bare JID': '                     D D E D I  P P  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S D S S I  I I  E E I I',
    },
  },
  {
    name: 'two resources have equal priorities',
    resources: [
      { resource: 'balcony', priority: 0 },
      { resource: 'chamber', priority: 0 },
    ],
    rows: {
      'bare JID': '                     M M E A I  P P  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S M S S I  I I  E E I I',
    },
  },
  {
    name: 'two resources have different priorities',
    resources: [
      { resource: 'balcony', priority: 5 },
      { resource: 'chamber', priority: 1 },
    ],
    rows: {
      'bare JID': '                     M M E A I  P P  E E I I',
      'full JID that matches': MATCH,
      'full JID that does not match': ' S M S S I  I I  E E I I',
    },
  },
];

/** Why Prosody does otherwise, by condition, address and kind. */
const PROSODY: readonly (readonly [condition: RegExp, address: RegExp, kind: RegExp, reason: string])[] = [
  [/^(one|two) resource/, /not match/, /normal/, 'it delivers them as if they were of type chat'],
];

/** One play for each cell. */
export function deliveryRules(): readonly Play[] {
  return CONDITIONS.flatMap((condition) =>
    Object.entries(condition.rows).flatMap(([address, fates]) =>
      fates
        .trim()
        .split(/\s+/)
        .map((fate, at) => cell(condition, address as Address, at, fate as Fate)),
    ),
  );
}

function cell(condition: Condition, address: Address, at: number, fate: Fate): Play {
  const [kind, start, end] = KINDS[at];
  const { name, resources = [] } = condition;
  const section = condition.resources === undefined ? 1 : address === 'bare JID' ? 2 : 3;
  const title = `RFC 6121 8.5.${section}: ${kind} to a ${address}, where ${name}`;
  const deviation = PROSODY.find((each) => each[0].test(name) && each[1].test(address) && each[2].test(kind));
  const to =
    address === 'bare JID'
      ? `\${Juliet's JID}`
      : `\${Juliet's JID}/${address === 'full JID that matches' ? 'balcony' : 'tomb'}`;
  const stanza = { sent: `${start} to="${to}">${end}`, came: `${start} from="\${Romeo's full JID}">${end}`, to };
  const text = `# ${title}
${fate === 'O' ? '# needs: offline' : ''}
${deviation ? `# not on prosody: ${deviation[3]}` : ''}
[Client] Romeo
  jid: romeo@localhost/orchard
[Client] Juliet
  jid: juliet@localhost/later
  ${condition.resources ? '' : 'account: none'}
${resources.map(({ resource }) => `[Client] ${resource}\n  jid: juliet@localhost/${resource}`).join('\n')}
-----
Romeo connects
${resources.map((each, index) => entrance(each, resources.slice(0, index))).join('\n')}
Romeo sends:
  ${stanza.sent}
${consequence(fate, resources, stanza)}
Romeo receives nothing
`;
  return parsePlay(text, `delivery-rules/${title}`);
}

function entrance({ resource, priority }: Resource, before: readonly Resource[]): string {
  if (priority === undefined) return `${resource} connects`;
  const others = before.map((each) => each.resource);
  const presence = (of: string) => `<presence from="\${${of}'s full JID}" scansion:strict="false"/>`;
  return `${resource} connects
${resource} is available with priority ${priority}
${others.map((each) => `${each} receives:\n  ${presence(resource)}\n${resource} receives:\n  ${presence(each)}`).join('\n')}`;
}

interface Sent {
  readonly sent: string;
  readonly came: string;
  readonly to: string;
}

function consequence(fate: Fate, resources: readonly Resource[], { sent, came, to }: Sent): string {
  const error = errorTo(sent, to);
  const fit = resources.filter(({ priority }) => priority !== undefined && (priority >= 0 || fate === 'P'));
  const have = (who: readonly Resource[]) => who.map(({ resource }) => `${resource} receives:\n  ${came}`).join('\n');
  switch (fate) {
    case 'D':
      return have(resources.slice(0, 1));
    case 'A':
    case 'P':
      return have(fit);
    case 'M':
      return most(fit, came);
    case 'O':
      return kept(resources, came);
    case 'E':
      return `Romeo receives:\n  ${error}`;
    case 'S':
      return `Romeo may receive:\n  ${error}`;
    case 'I':
      return '';
  }
}

/** Equal ones: at least one has it. The highest: it has it, and the lower ones may. */
function most(resources: readonly Resource[], came: string): string {
  const highest = Math.max(...resources.map(({ priority = 0 }) => priority));
  const [best, rest] = [
    resources.filter((each) => each.priority === highest),
    resources.filter((each) => each.priority !== highest),
  ];
  const may = rest.map(({ resource }) => `${resource} may receive:\n  ${came}\n`).join('');
  return `${may}${best.map(({ resource }) => resource).join(' or ')} receives:\n  ${came}`;
}

function kept(resources: readonly Resource[], came: string): string {
  const presence = '<presence scansion:strict="false"/>';
  const others = resources.map(
    ({ resource }) => `${resource} receives nothing\n${resource} may receive:\n  ${presence}`,
  );
  return `Romeo receives nothing
${others.join('\n')}
Juliet may receive:
  ${presence}
Juliet connects
Juliet is available
Juliet receives:
  ${came.replace('</message>', '<delay xmlns="urn:xmpp:delay" scansion:strict="false"/></message>')}`;
}

function errorTo(sent: string, to: string): string {
  const [, name] = /^<(\w+)/.exec(sent) ?? [];
  const condition = '<service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>';
  return `<${name} id="x" type="error" from="${to}"><error type="cancel">${condition}</error></${name}>`;
}
