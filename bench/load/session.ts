// What the load process knows of a session, whatever carries it, and the words of a login (RFC 6120).

export interface SessionOptions {
  readonly kind: 'bosh' | 'ws';
  readonly port: number;
  readonly path: string;
  readonly domain: string;
  /** A relay that parses nothing stands there: no login, and the session is the URL's path. */
  readonly relay: boolean;
  /** Text in each message. */
  readonly bytes: number;
  /** Messages in one turn. */
  readonly burst: number;
  /** BOSH: each turn sends a poll and the messages in two requests on two connections. */
  readonly two: boolean;
}

export interface Session {
  /** From the connection to the result of the resource binding. */
  open(): Promise<void>;
  /** Sends the next messages; told to `turned` when all have come back. */
  turn(): void;
  /** Nothing to say: leaves a request waiting, or just stays. */
  rest(): void;
  /** Whether it still rests. */
  rests(): boolean;
  /** Says goodbye; rejects when something came that nobody sent. */
  finish(): Promise<void>;
  /** What it is waiting for. */
  waitsFor(): string;
}

/** What a session tells. */
export interface Listener {
  /** All messages of the turn came, once, whole and in order. */
  turned(session: Session): void;
  failed(error: Error): void;
  /** Requests or frames sent, counted. */
  sent(): void;
}

export const AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
export const BIND =
  "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/** The full JID in a bind result. */
export function boundJid(text: string): string {
  const jid = /<jid>([^<]+)<\/jid>/.exec(text)?.[1];
  if (jid === undefined) throw new Error(`no bind result: ${text.slice(0, 300)}`);
  return jid;
}
