// Commands that were begun and are not finished: sessions in the words of XEP-0050 section 3.3, in ours runs, for sessions
// are something else here. There are only so many, of each user and at all, and each for a limited time. A run is of one
// client and one command: its id proves both, also when it is over.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Command, CommandStage } from '../../core/command.js';
import { Tokens } from '../../tokens.js';
import { StanzaError } from '../../xmpp/errors.js';
import type { JID } from '../../xmpp/jid.js';
import { bad, expired } from './errors.js';

export interface RunLimits {
  readonly max_sessions: number;
  readonly max_sessions_per_user: number;
  /** In seconds. */
  readonly timeout: number;
}

export interface Run {
  readonly id: string;
  readonly from: JID;
  /** What was filled in before, and what is to be filled in now. */
  readonly stages: CommandStage[];
  /** Something is being done for it. */
  busy: boolean;
  /** Milliseconds. */
  until: number;
}

export class Runs {
  /** By id; the one that was used first is first. */
  readonly #runs = new Map<string, Run>();
  readonly #users = new Map<string, number>();
  readonly #tokens = new Tokens();
  readonly #secret = randomBytes(32);

  constructor(
    public limits: RunLimits,
    /** Milliseconds that never go back. */
    readonly now: () => number,
    readonly limited: (limit: string) => void,
  ) {}

  get size(): number {
    return this.#runs.size;
  }

  /** Throws StanzaError resource-constraint when there are too many. */
  begin(from: JID, { node }: Command): Run {
    this.#sweep();
    const user = from.bare.toString();
    const count = this.#users.get(user) ?? 0;
    if (count >= this.limits.max_sessions_per_user) throw this.#tooMany('max_sessions_per_user');
    if (this.#runs.size >= this.limits.max_sessions) throw this.#tooMany('max_sessions');
    const token = this.#tokens.next();
    const run = { id: `${token}${this.#proof(token, from, node)}`, from, stages: [], busy: false, until: 0 };
    this.#users.set(user, count + 1);
    this.touch(run);
    return run;
  }

  /** Throws StanzaError: it is none of this client and command, or is over. */
  find(id: string, from: JID, { node }: Command): Run {
    this.#sweep();
    const run = this.#runs.get(id);
    const half = id.length / 2;
    const proof = Buffer.from(this.#proof(id.slice(0, half), from, node));
    const said = Buffer.from(id.slice(half));
    if (said.length !== proof.length || !timingSafeEqual(said, proof))
      throw bad('bad-sessionid', 'no session of yours');
    if (run === undefined) throw expired();
    return run;
  }

  /** Its time begins anew. */
  touch(run: Run): void {
    run.until = this.now() + this.limits.timeout * 1000;
    this.#runs.delete(run.id);
    this.#runs.set(run.id, run);
  }

  end(run: Run): void {
    if (!this.#runs.delete(run.id)) return;
    const user = run.from.bare.toString();
    const left = (this.#users.get(user) ?? 1) - 1;
    if (left > 0) this.#users.set(user, left);
    else this.#users.delete(user);
  }

  /** Its client is gone. */
  left(from: JID): void {
    if (this.#runs.size === 0) return;
    for (const run of [...this.#runs.values()]) if (run.from.equals(from)) this.end(run);
  }

  #sweep(): void {
    const now = this.now();
    for (const run of this.#runs.values()) {
      if (run.until > now) return;
      this.end(run);
    }
  }

  /** As long as a token. */
  #proof(token: string, from: JID, node: string): string {
    const said = JSON.stringify([token, from.toString(), node]);
    return createHmac('sha256', this.#secret).update(said).digest().subarray(0, 16).toString('base64url');
  }

  #tooMany(limit: string): StanzaError {
    this.limited(`commands.${limit}`);
    return new StanzaError('wait', 'resource-constraint', 'too many commands are begun and not finished');
  }
}
