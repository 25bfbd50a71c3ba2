// What a play is: a title, the persons and what they do, line by line. The manner of writing is that of Prosody's scansion scripts;
// docs of the grammar are in parse.ts, of the XML in match.ts, of what each line does in actions.ts.

import type { Transport } from '../peers/carrier.js';

export type PlayTransport = Transport | 'tcp';

export const TRANSPORTS: readonly PlayTransport[] = ['tcp', 'websocket', 'bosh'];

/** A client on stage. Several may have one account. */
export interface Role {
  readonly name: string;
  /** The local part as the play writes it; the account that it becomes is the play's own. */
  readonly account: string;
  /** Undefined: the server chooses. */
  readonly resource?: string;
  readonly password?: string;
  /** Undefined: whatever the house chooses for it. */
  readonly transport?: PlayTransport;
  /** False for an account that is not there when the play begins. */
  readonly registered: boolean;
  /** False for a client that never answers a XEP-0198 request, so that all it was sent stays unacknowledged. */
  readonly acknowledges: boolean;
}

/** One line of a play, and the XML below it. */
export interface Step {
  readonly line: number;
  readonly text: string;
  readonly xml: string;
}

export interface Play {
  readonly title: string;
  readonly file: string;
  readonly roles: readonly Role[];
  readonly steps: readonly Step[];
  /** What a stage must have for it: names of modules. */
  readonly needs: readonly string[];
  /** Why it is not played on a stage, by the stage's name. */
  readonly notOn: ReadonlyMap<string, string>;
}
