// node-expat ships no types. What the tests need of it.
declare module 'node-expat' {
  export class Parser {
    constructor(encoding?: string);
    on(event: 'error', listener: (error: Error | string) => void): this;
    /** Whether it was well-formed so far. */
    parse(bytes: Buffer, final: boolean): boolean;
    getError(): string | null;
  }
}
