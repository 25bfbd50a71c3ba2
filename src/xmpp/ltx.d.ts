// ltx ships no types. What element.ts needs of it, and no more.
declare module 'ltx' {
  export const Element: unknown;
  export function parse(xml: string): unknown;
}
