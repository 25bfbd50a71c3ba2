// ANONYMOUS (RFC 4505, XEP-0175): anybody may come in, under a name that nobody else has.

import { randomUUID } from 'node:crypto';
import { type Exchange, type Step, success } from './mechanism.js';

export class Anonymous implements Exchange {
  /** The trace that a client may say tells nothing that could be believed; it is not read. */
  respond(): Step {
    return success(randomUUID(), { anonymous: true });
  }
}
