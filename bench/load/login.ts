// The words of a login (RFC 6120 sections 6 and 7, RFC 6121 sections 2.2 and 4.2), whatever carries them.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { SessionOptions } from './session.js';

/** What every account of the bench has. */
export const PASSWORD = 'wherefore art thou';

/** A stream that is about to be logged in. */
export interface Line {
  /** Opens the stream, or opens it anew: its features. */
  start(): Promise<string>;
  /** Sends a stanza and takes the answer, which has to hold `wanted`. */
  ask(stanza: string, wanted: string): Promise<string>;
}

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
const ROSTER = "<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
const PRESENCE = "<presence xmlns='jabber:client'/>";

/** Resolves with the full JID once the session is bound and, if wanted, available. */
export async function login(line: Line, number: number, { mechanism, available }: SessionOptions): Promise<string> {
  await line.start();
  if (mechanism === undefined) await line.ask(auth('ANONYMOUS', ''), '<success');
  else if (mechanism === 'PLAIN') await line.ask(auth('PLAIN', `\0${user(number)}\0${PASSWORD}`), '<success');
  else await scram(line, user(number));
  await line.start();
  const bound = await line.ask(BIND, '<jid>');
  const jid = /<jid>([^<]+)<\/jid>/.exec(bound)?.[1];
  if (jid === undefined) throw new Error(`no bind result: ${bound.slice(0, 300)}`);
  if (available) {
    await line.ask(ROSTER, 'jabber:iq:roster');
    await line.ask(PRESENCE, '<presence');
  }
  return jid;
}

/** The name of the account of this session. */
export function user(number: number): string {
  return `u${number}`;
}

/** RFC 5802 with SHA-256, without channel binding; the server's signature is checked. */
async function scram(line: Line, name: string): Promise<void> {
  const bare = `n=${name},r=${randomBytes(12).toString('hex')}`;
  const first = content(await line.ask(auth('SCRAM-SHA-256', `n,,${bare}`), '<challenge'));
  const said = new Map(first.split(',').map((part) => [part[0], part.slice(2)]));
  const salted = salt(said.get('s') ?? '', Number(said.get('i')));
  const unproven = `c=biws,r=${said.get('r')}`;
  const message = `${bare},${first},${unproven}`;
  const key = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(key).digest(), message);
  const proof = Buffer.from(key.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64');
  const response = `<response xmlns='${SASL}'>${base64(`${unproven},p=${proof}`)}</response>`;
  const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64');
  if (content(await line.ask(response, '<success')) !== `v=${verifier}`) throw new Error('wrong server signature');
}

const salts = new Map<string, Buffer>();

/** The salted password; an account's salt stays, so clients keep it too. */
function salt(text: string, iterations: number): Buffer {
  const key = `${iterations} ${text}`;
  const known = salts.get(key);
  if (known !== undefined) return known;
  const salted = pbkdf2Sync(PASSWORD, Buffer.from(text, 'base64'), iterations, 32, 'sha256');
  salts.set(key, salted);
  return salted;
}

function content(text: string): string {
  return Buffer.from(/>([^<]*)<\/(?:challenge|success)>/.exec(text)?.[1] ?? '', 'base64').toString();
}

function auth(mechanism: string, initial: string): string {
  const head = `<auth xmlns='${SASL}' mechanism='${mechanism}'`;
  return initial === '' ? `${head}/>` : `${head}>${base64(initial)}</auth>`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
