// Two other people's XML parsers, asked whether a document is well-formed and what it says.
//
// Their known weaknesses, all of which can only make us stricter than them:
// - node-expat 2.4.1 (libexpat 2.2.1) accepts some bad UTF-8 in names and knows no namespaces.
// - saxes lets local names behind a prefix begin with what only may follow (`p:.a`); `locals` and `isLocalName` tell.
// - saxes reads strings, so bad UTF-8 is found before it is asked.
// - saxes trims namespace names, so it takes `xmlns:p=" "` for `xmlns:p=""`; Namespaces in XML trims nothing.
// They differ in the names beyond ASCII: libexpat has those of XML 1.0's fourth edition, saxes those of the fifth.

import { Parser } from 'node-expat';
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes; nothing when they are not UTF-8. */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether libexpat takes it for a complete, well-formed document. */
export function expatAccepts(bytes: Buffer): boolean {
  const parser = new Parser('UTF-8');
  let failed = false;
  parser.on('error', () => {
    failed = true;
  });
  return parser.parse(bytes, true) && !failed;
}

/** Whether both take it for a name without a prefix, so for one that may stand behind a prefix too. */
export function isLocalName(name: string): boolean {
  const known = localNames.get(name);
  if (known !== undefined) return known;
  const document = `<${name}/>`;
  const answer = !name.includes(':') && saxesReads(document) !== undefined && expatAccepts(Buffer.from(document));
  localNames.set(name, answer);
  return answer;
}

const localNames = new Map<string, boolean>();

/** What a document says, by a form that does not depend on prefixes, quotes, references or CDATA. */
export interface Reading {
  /** The root's children, each in its canonical form. */
  readonly children: string[];
  /** The root itself. */
  readonly root: string;
  /** It has a comment, a processing instruction or a document type. */
  readonly restricted: boolean;
  /** It has text between the root's children. */
  readonly mixed: boolean;
  /** Every local name behind a prefix. */
  readonly locals: ReadonlySet<string>;
  readonly encoding: string | undefined;
  readonly version: string | undefined;
}

const attributeForm = ({ uri, local, value }: SaxesAttributeNS) => `{${uri}}${local}=${JSON.stringify(value)}`;

function tagForm(tag: SaxesTagNS): string {
  const attributes = Object.values(tag.attributes).filter(({ prefix, name }) => prefix !== 'xmlns' && name !== 'xmlns');
  return `<{${tag.uri}}${tag.local} ${attributes.map(attributeForm).sort().join(' ')}>`;
}

/** How saxes reads a document; nothing when it refuses it. */
export function saxesReads(text: string): Reading | undefined {
  const parser = new SaxesParser({ xmlns: true });
  const children: string[] = [];
  let open = '';
  let root = '';
  let depth = 0;
  let failed = false;
  let restricted = false;
  let mixed = false;
  const locals = new Set<string>();
  let declared: { encoding?: string; version?: string } = {};
  const say = (form: string) => {
    if (depth > 1) open += form;
  };
  parser.on('error', () => {
    failed = true;
  });
  parser.on('xmldecl', (declaration) => {
    declared = declaration;
  });
  parser.on('opentag', (tag) => {
    depth++;
    for (const { prefix, local } of [tag, ...Object.values(tag.attributes)]) if (prefix !== '') locals.add(local);
    if (depth === 1) root = tagForm(tag);
    say(tagForm(tag));
  });
  parser.on('closetag', () => {
    say('</>');
    depth--;
    if (depth !== 1) return;
    children.push(open);
    open = '';
  });
  parser.on('text', (said) => {
    if (depth === 1 && /[^ \t\r\n]/.test(said)) mixed = true;
    say(said.replace(/[<>]/g, encodeURIComponent));
  });
  parser.on('cdata', (said) => {
    if (depth === 1) mixed = true;
    say(said.replace(/[<>]/g, encodeURIComponent));
  });
  for (const event of ['comment', 'processinginstruction', 'doctype'] as const) {
    parser.on(event, () => {
      restricted = true;
    });
  }
  parser.write(text).close();
  if (failed) return undefined;
  return { children, root, restricted, mixed, locals, encoding: declared.encoding, version: declared.version };
}
