// A connection in memory, for what a server reads.

import { Duplex } from 'node:stream';

/** Says these bytes and ends, and hears nothing. */
export class Said extends Duplex {
  constructor(bytes: Buffer) {
    super({ read() {}, write: (_chunk, _coding, done) => done() });
    this.push(bytes);
    this.push(null);
  }

  setTimeout(): this {
    return this;
  }
}
