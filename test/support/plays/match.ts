// Whether what came is what the play expects. An expected element has a name, a namespace, attributes, text and children; what
// came must have the same, its children in any order. In the play's XML
//
//     {scansion:any}             an attribute or a text that is there, whatever it says
//     {scansion:any as NAME}     the same, and from now on ${NAME} is what it said
//     {scansion:no}              an attribute that must not be there
//     scansion:strict="false"    further attributes, children and text are fine in this element
//
// Without being asked for: a stanza may have more of the common attributes than the play says; an error may echo what it is
// about and have a text; a server may say when a stanza was sent and what a message's archive id is.

import { parseXml, type Xml } from '../xml.js';

const SCANSION = 'urn:scansion';
const COMMON = ['from', 'to', 'id', 'xml:lang'];
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
/** What servers may add to a stanza by other specifications than the one a play is about. */
const ADDITIONS = [
  { within: 'presence', name: 'delay', ns: 'urn:xmpp:delay' },
  { within: 'message', name: 'delay', ns: 'urn:xmpp:delay' },
  { within: 'message', name: 'stanza-id', ns: 'urn:xmpp:sid:0' },
  { within: 'message', name: 'occupant-id', ns: 'urn:xmpp:occupant-id:0' },
  { within: 'presence', name: 'occupant-id', ns: 'urn:xmpp:occupant-id:0' },
  { within: 'error', name: 'text', ns: STANZAS },
];

/** What `{scansion:any as NAME}` found, by name. */
export type Captures = Map<string, string>;

/** The elements of a block of a play's XML. */
export function elements(xml: string): readonly Xml[] {
  const prefixes = `xmlns:stream="http://etherx.jabber.org/streams" xmlns:scansion="${SCANSION}"`;
  return parseXml(`<play xmlns="jabber:client" ${prefixes}>${xml}</play>`).children;
}

/** Why it is not what is expected; undefined when it is. Captures are only made of what is. */
export function mismatch(expected: Xml, came: Xml, captures: Captures): string | undefined {
  const found: Captures = new Map();
  const reason = difference(expected, came, found, true);
  if (reason === undefined) for (const [name, value] of found) captures.set(name, value);
  return reason;
}

function difference(expected: Xml, came: Xml, found: Captures, root = false): string | undefined {
  if (expected.name !== came.name || expected.ns !== came.ns) {
    return `<${came.name} xmlns='${came.ns}'> is not <${expected.name} xmlns='${expected.ns}'>`;
  }
  const lax = expected.attrNS(SCANSION, 'strict') === 'false';
  const echoes = root && came.attr('type') === 'error';
  return (
    attributesDiffer(expected, came, found) ??
    childrenDiffer(expected, came, found, lax || echoes) ??
    (lax ? undefined : textDiffers(expected, came, found)) ??
    surplus(expected, came, lax, root)
  );
}

function attributesDiffer(expected: Xml, came: Xml, found: Captures): string | undefined {
  for (const { name, local, value, uri } of expected.attributes) {
    if (uri === SCANSION || isDeclaration(name)) continue;
    const said = uri === '' ? came.attr(name) : came.attrNS(uri, local);
    const fits = value === '{scansion:no}' ? said === undefined : said !== undefined && same(value, said, found);
    if (!fits) return `${name} of <${came.name}> is ${said ?? 'missing'}, not ${value}`;
  }
  return undefined;
}

/** An attribute that came and was not expected. A stanza whose type the play does not say has none, however lax the play. */
function surplus(expected: Xml, came: Xml, lax: boolean, root: boolean): string | undefined {
  const isExpected = (uri: string, local: string) =>
    expected.attributes.some((each) => each.uri === uri && each.local === local);
  const more = came.attributes.filter(({ name, uri, local }) => !isDeclaration(name) && !isExpected(uri, local));
  const fine = root ? COMMON : came.name === 'error' ? ['by', 'code'] : ['xml:lang'];
  const isStanza = root && came.ns === 'jabber:client';
  const bad = more.find(({ name }) => (isStanza && name === 'type') || !(lax || fine.includes(name)));
  return bad && `<${came.name}> also has ${bad.name}='${bad.value}'`;
}

/** Each expected child is one that came, each that came is expected. */
function childrenDiffer(expected: Xml, came: Xml, found: Captures, lax: boolean): string | undefined {
  const left = [...came.children];
  for (const child of expected.children) {
    const reasons: string[] = [];
    const at = left.findIndex((each) => {
      const tried: Captures = new Map();
      const reason = difference(child, each, tried);
      if (reason !== undefined) reasons.push(reason);
      else for (const [name, value] of tried) found.set(name, value);
      return reason === undefined;
    });
    if (at < 0) return `no ${child.raw} in <${came.name}>${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
    left.splice(at, 1);
  }
  const more = left.find((each) => !lax && !isAddition(came, each));
  return more && `${more.raw} in <${came.name}> was not expected`;
}

function textDiffers(expected: Xml, came: Xml, found: Captures): string | undefined {
  const [wanted, said] = [expected.text.trim(), came.text.trim()];
  return same(wanted, said, found)
    ? undefined
    : `<${came.name}> says ${JSON.stringify(said)}, not ${JSON.stringify(wanted)}`;
}

function same(wanted: string, said: string, found: Captures): boolean {
  const [any, name] = /^\{scansion:any(?: as (\w+))?\}$/.exec(wanted) ?? [];
  if (name !== undefined) found.set(name, said);
  return any !== undefined ? said !== '' : wanted === said;
}

function isAddition(within: Xml, { name, ns }: Xml): boolean {
  return ADDITIONS.some((each) => each.within === within.name && each.name === name && each.ns === ns);
}

function isDeclaration(name: string): boolean {
  return name === 'xmlns' || name.startsWith('xmlns:');
}
