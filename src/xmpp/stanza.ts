import type { Element } from './element.js';

/** One first-level element, kept as the bytes it came in. */
export declare class Stanza {
  /** Complete and self-contained: declares every namespace it uses, default namespace included. Never changed. */
  readonly raw: Buffer;
  constructor(raw: Buffer);
  /** A stanza from text that this server wrote itself or that was proven before; throws when it is not well-formed. */
  static from(xml: string | Element): Stanza;
  /** Local name: iq, message, presence, or a nonza's name (features, error, auth, enabled, ...). */
  get name(): string;
  /** Namespace of the first tag. */
  get ns(): string;
  /** Attribute of the first tag, unescaped; by its name as written (`to`, `xml:lang`). */
  attr(name: string): string | undefined;
  get to(): string | undefined;
  get from(): string | undefined;
  get type(): string | undefined;
  get id(): string | undefined;
  /** First child element, read on demand. */
  get payload(): { name: string; ns: string } | undefined;
  /** A copy with these attributes set (undefined: removed) on the first tag; the rest is shared. */
  with(attrs: Record<string, string | undefined>): Stanza;
  /** For cold paths; built once. */
  get tree(): Element;
}
