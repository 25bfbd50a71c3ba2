// An external component of a core in memory, over a stream without a transport.

import { createHash } from 'node:crypto';
import type { Core } from '../../src/core/core.js';
import type { ComponentOptions } from '../../src/core/options.js';
import type { StreamEnd } from '../../src/stream/end.js';
import { Stanza } from '../../src/xmpp/stanza.js';
import { FakeClient } from './client-stream.js';

export const SECRET = 'sesame';
export const BRIDGE = 'bridge.example.test';
export const NS = 'jabber:component:accept';

/** Of a component that is a program. */
export const PROGRAM: ComponentOptions = {
  secret: SECRET,
  multiple: false,
  queue: 0,
  queue_bytes: 10_000,
  stanzas_per_second: 0,
  bytes_per_second: 0,
  attach: null,
};

/** A component, and what it hears. */
export class TestComponent extends FakeClient {
  readonly end: StreamEnd;

  constructor(core: Core, to = BRIDGE) {
    super();
    this.end = core.components.attach(this, { to });
  }

  /** False: it is to wait. */
  say(xml: string): boolean {
    return this.end.stanza(Stanza.from(xml));
  }

  async prove(secret = SECRET): Promise<this> {
    await this.when(() => this.headers.length === 1);
    const proof = createHash('sha1').update(`${this.headers[0].id}${secret}`).digest('hex');
    this.say(`<handshake xmlns='${NS}'>${proof}</handshake>`);
    return this;
  }
}
