// A small tree read by saxes, which checks well-formedness and namespaces: what a strict client would see of our answers.

import { SaxesParser } from 'saxes';

export class Element {
  readonly children: Element[] = [];
  text = '';

  constructor(
    readonly name: string,
    readonly ns: string,
    readonly attrs: Readonly<Record<string, string>>,
  ) {}

  child(name: string, ns?: string): Element | undefined {
    return this.children.find((each) => each.name === name && (ns === undefined || each.ns === ns));
  }

  /** The text of that child, or undefined. */
  textOf(name: string): string | undefined {
    return this.child(name)?.text;
  }

  /** For messages of failed tests, not for the wire. */
  toString(): string {
    const attrs = Object.entries(this.attrs).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    return `<${this.name}${attrs.join('')}>${this.text}${this.children.join('')}</${this.name}>`;
  }
}

/** The root of a whole document; throws where it is not well-formed. */
export function parse(text: string): Element {
  const parser = new SaxesParser({ xmlns: true });
  const open: Element[] = [];
  let root: Element | undefined;
  parser.on('opentag', (tag) => {
    const attrs = Object.values(tag.attributes).map((each) => [each.name, each.value] as const);
    const element = new Element(tag.local, tag.uri, Object.fromEntries(attrs));
    root ??= element;
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  parser.on('text', (more) => {
    const last = open.at(-1);
    if (last) last.text += more;
  });
  parser.on('error', (error) => {
    throw new Error(`${error.message} in ${text}`);
  });
  parser.write(text).close();
  if (!root) throw new Error(`no element in ${text}`);
  return root;
}
