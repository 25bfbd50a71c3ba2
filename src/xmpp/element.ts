// The only door to ltx: small trees for cold paths. ltx validates nothing, so only proven bytes may be parsed here.
// The interface is our own, because ltx ships no types and what we publish has to compile for those who use it.

/// <reference path="./ltx.d.ts" />

import { Element as LtxElement, parse as ltxParse } from 'ltx';
import { attribute } from './escape.js';

/** An XML element as a tree. Children are elements and unescaped text. */
export interface Element {
  /** As written, with its prefix. */
  name: string;
  /** Names as written, unescaped values; namespace declarations are among them. */
  attrs: Record<string, string | undefined>;
  children: Array<Element | string>;
  parent: Element | null;
  is(name: string, ns?: string): boolean;
  /** Local name. */
  getName(): string;
  getNS(): string | undefined;
  getChild(name: string, ns?: string): Element | undefined;
  getChildren(name: string, ns?: string): Element[];
  getChildElements(): Element[];
  getChildText(name: string, ns?: string): string | null;
  getText(): string;
  /** The root of the tree this belongs to. */
  root(): Element;
  /** The parent, or itself at the root. */
  up(): Element;
  /** Appends a child and returns the child. */
  c(name: string, attrs?: Record<string, string | undefined> | string): Element;
  /** Appends an existing element and returns it. */
  cnode<T extends Element | string>(child: T): T;
  /** Appends text and returns this element. */
  t(text: string): this;
  remove(child: Element): this;
  /** Escaped XML. */
  toString(): string;
}

/** Makes an element; attributes that are undefined are left out; a string instead of attributes is the namespace. */
export const Element = LtxElement as new (name: string, attrs?: Record<string, string | undefined> | string) => Element;

/** The XML of an element that leaves its tree: it declares itself whatever it took from the elements around it. */
export function standalone(element: Element): string {
  const text = element.toString();
  const taken: Record<string, string | undefined> = {};
  for (let around = element.parent; around !== null; around = around.parent) {
    for (const [name, value] of Object.entries(around.attrs)) {
      const prefix = /^xmlns(?::(.+))?$/.exec(name);
      if (prefix === null || name in element.attrs || name in taken) continue;
      if (prefix[1] === undefined || text.includes(`${prefix[1]}:`)) taken[name] = value;
    }
  }
  const declarations = Object.entries(taken).map(([name, value]) => attribute(name, value));
  return `<${element.name}${declarations.join('')}${text.slice(1 + element.name.length)}`;
}

/** The tree of proven XML: one element, self-contained. */
export function parseElement(xml: string): Element {
  return ltxParse(xml) as Element;
}
