// XML as the test clients and the stub server see it: a small tree with namespaces, and a reader of XMPP streams. Built on
// saxes, a strict parser that shares nothing with the server's own scanner: what it refuses was not XML.

import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes';

/** One element; `raw` is its text as it was written. */
export class Xml {
  readonly name: string;
  readonly prefix: string;
  readonly ns: string;
  readonly attributes: readonly SaxesAttributeNS[];
  readonly children: Xml[] = [];
  text = '';
  raw = '';

  constructor(tag: SaxesTagNS) {
    this.name = tag.local;
    this.prefix = tag.prefix;
    this.ns = tag.uri;
    this.attributes = Object.values(tag.attributes);
  }

  /** The value of an attribute by its name as written, prefix included. */
  attr(name: string): string | undefined {
    return this.attributes.find((each) => each.name === name)?.value;
  }

  attrNS(ns: string, local: string): string | undefined {
    return this.attributes.find((each) => each.uri === ns && each.local === local)?.value;
  }

  /** The first child of this name, in this namespace if one is given. */
  child(name: string, ns?: string): Xml | undefined {
    return this.children.find((each) => each.name === name && (ns === undefined || each.ns === ns));
  }

  /** The text of that child, or undefined. */
  textOf(name: string): string | undefined {
    return this.child(name)?.text;
  }

  /** As it was written: for the messages of failed tests. */
  toString(): string {
    return this.raw || `<${this.name}>`;
  }
}

export interface ReaderEvents {
  header?(header: Xml): void;
  element(element: Xml): void;
  end?(): void;
}

/** Reads one document and tells its root's start tag, each child of it, and its end. */
export class XmlReader {
  readonly #parser = new SaxesParser({ xmlns: true, position: true });
  #text = '';
  #open: { element: Xml; start: number }[] = [];
  #start = 0;

  constructor(events: ReaderEvents) {
    const parser = this.#parser;
    parser.on('opentagstart', () => {
      this.#start = this.#text.lastIndexOf('<', parser.position - 1);
    });
    parser.on('opentag', (tag) => {
      const element = new Xml(tag as SaxesTagNS);
      this.#open.at(-1)?.element.children.push(element);
      this.#open.push({ element, start: this.#start });
      if (this.#open.length === 1) events.header?.(element);
    });
    parser.on('text', (text) => this.#append(text));
    parser.on('cdata', (text) => this.#append(text));
    parser.on('closetag', () => {
      const closed = this.#open.pop();
      if (!closed) return;
      closed.element.raw = this.#text.slice(closed.start, parser.position);
      if (this.#open.length === 1) events.element(closed.element);
      if (this.#open.length === 0) events.end?.();
    });
    parser.on('error', (error) => {
      throw error;
    });
  }

  /** Throws where the text is not XML. */
  write(text: string): void {
    this.#text += text;
    this.#parser.write(text);
  }

  close(): void {
    this.#parser.close();
  }

  #append(text: string): void {
    const top = this.#open.at(-1);
    if (top) top.element.text += text;
  }
}

/** Parses a whole document, or throws an error that shows it. */
export function parseXml(text: string): Xml {
  let root: Xml | undefined;
  const reader = new XmlReader({
    header: (header) => {
      root = header;
    },
    element: () => {},
  });
  try {
    reader.write(text);
    reader.close();
  } catch (error) {
    throw new Error(`${(error as Error).message} in ${JSON.stringify(text)}`);
  }
  if (!root) throw new Error(`no element in ${JSON.stringify(text)}`);
  return root;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;').replaceAll('"', '&quot;');
}

/** ` name='value'` for each pair whose value is defined. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${escapeXml(String(value))}'`)
    .join('');
}
