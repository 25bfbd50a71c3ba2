// PLAIN (RFC 4616): the password itself, so only where nobody listens: over an encrypted connection or within this machine.

import { isUtf8 } from 'node:buffer';
import { isLoopback } from '../../stream/address.js';
import { SaslError } from './errors.js';
import {
  checkAuthzid,
  type Exchange,
  malformed,
  type Setting,
  type Step,
  success,
  unauthorized,
  usernameOf,
} from './mechanism.js';

export const mayBePlain = ({ secure, remoteAddress }: Setting['client']): boolean =>
  secure || isLoopback(remoteAddress);

export class Plain implements Exchange {
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  async respond(data: Buffer): Promise<Step> {
    const { client, domain, accounts } = this.#setting;
    if (!mayBePlain(client)) throw new SaslError('encryption-required');
    const [authzid, authcid, password] = partsOf(data);
    const username = usernameOf(authcid, domain);
    checkAuthzid(authzid, username, domain);
    this.#setting.admit?.(username);
    const right = await accounts.verify(username, password);
    // In any case: who guessed many times at once must not see which of them was right.
    this.#setting.admit?.(username);
    if (!right) throw unauthorized();
    return success(username);
  }
}

function partsOf(data: Buffer): readonly string[] {
  const parts = isUtf8(data) ? data.toString().split('\0') : [];
  if (parts.length !== 3) throw malformed('not the message of PLAIN');
  return parts;
}
