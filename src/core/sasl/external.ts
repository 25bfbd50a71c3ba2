// EXTERNAL (RFC 4422 appendix A, XEP-0178): the client's certificate says who it is, and TLS has proven that it is theirs.

import { isUtf8 } from 'node:buffer';
import { SaslError } from './errors.js';
import { bareJid, type Exchange, malformed, type Setting, type Step, success, unauthorized } from './mechanism.js';

export class External implements Exchange {
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  async respond(data: Buffer): Promise<Step> {
    const { accounts } = this.#setting;
    if (!isUtf8(data)) throw malformed('not UTF-8');
    const username = usernameFor(data.toString(), this.#setting);
    this.#setting.admit?.(username);
    if (!(await accounts.exists(username))) throw unauthorized();
    return success(username);
  }
}

/** Usernames of this domain that the client's certificate was issued to. */
export function certified({ client, domain }: Pick<Setting, 'client' | 'domain'>): string[] {
  const jids = client.tls?.certificate?.addresses.flatMap((address) => bareJid(address) ?? []) ?? [];
  const tail = `@${domain}`;
  return [...new Set(jids)].filter((jid) => jid.endsWith(tail)).map((jid) => jid.slice(0, -tail.length));
}

/** The one that is asked for; or, asked for none, the only one. */
function usernameFor(authzid: string, setting: Setting): string {
  const usernames = certified(setting);
  if (usernames.length === 0) throw unauthorized();
  const jid = bareJid(authzid);
  const chosen = authzid === '' ? usernames : usernames.filter((username) => `${username}@${setting.domain}` === jid);
  if (chosen.length !== 1) throw new SaslError('invalid-authzid');
  return chosen[0];
}
