declare module 'tav' {
  /** Fills itself from process.argv: options become properties, the other words `args`. */
  interface Tav {
    readonly args: string[];
    set(spec?: object, banner?: string, strict?: boolean): Tav;
    [option: string]: unknown;
  }
  const tav: Tav;
  export default tav;
}
