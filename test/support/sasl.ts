// Logging in as a client does, over whatever carries the stream: SASL with PLAIN, ANONYMOUS or SCRAM (RFC 5802 with SHA-1 or
// SHA-256, no channel binding), restart, bind.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { escapeXml, type Xml } from './xml.js';

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const HASHES = new Map([
  ['SCRAM-SHA-256', 'sha256'],
  ['SCRAM-SHA-1', 'sha1'],
]);

/** A stream over BOSH or WebSocket. */
export interface Stream {
  /** The features of the stream as it was opened. */
  features(): Promise<Xml>;
  /** Sends one element and resolves with the next one that matches. */
  exchange(xml: string, match: (element: Xml) => boolean): Promise<Xml>;
  /** Opens a new stream on the same connection and resolves with its features. */
  restart(): Promise<Xml>;
}

export interface Credentials {
  /** Undefined for an anonymous login. */
  readonly user?: string;
  readonly password?: string;
  /** The strongest that is offered by default; one that is not offered fails. */
  readonly mechanism?: string;
  readonly resource?: string;
}

/** Logs in and binds; resolves with the full JID. */
export async function login(stream: Stream, credentials: Credentials): Promise<string> {
  await authenticate(stream, credentials, await stream.features());
  const after = await stream.restart();
  if (!after.child('bind')) throw new Error(`no bind in ${after.raw}`);
  return bind(stream, credentials.resource);
}

export async function bind(stream: Stream, resource = `r${randomBytes(4).toString('hex')}`): Promise<string> {
  const payload = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${escapeXml(resource)}</resource></bind>`;
  const id = randomBytes(4).toString('hex');
  const iq = `<iq xmlns='jabber:client' type='set' id='${id}'>${payload}</iq>`;
  const result = await stream.exchange(iq, (each) => each.name === 'iq' && each.attr('id') === id);
  const jid = result.child('bind')?.child('jid')?.text;
  if (!jid) throw new Error(`not bound: ${result.raw}`);
  return jid;
}

/** Throws with the failure's text when the server refuses. */
export async function authenticate(stream: Stream, credentials: Credentials, features: Xml): Promise<void> {
  const offered = features.child('mechanisms', SASL)?.children.map((each) => each.text) ?? [];
  const mechanism = choose(offered, credentials);
  const hash = HASHES.get(mechanism);
  if (hash) return scram(stream, mechanism, hash, credentials);
  const plain = `\0${credentials.user ?? ''}\0${credentials.password ?? ''}`;
  succeeded(await stream.exchange(auth(mechanism, mechanism === 'ANONYMOUS' ? '' : plain), isOutcome));
}

function choose(offered: readonly string[], { user, mechanism }: Credentials): string {
  const usual = user === undefined ? ['ANONYMOUS'] : [...HASHES.keys(), 'PLAIN'];
  const wanted = mechanism === undefined ? usual : [mechanism];
  const chosen = wanted.find((each) => offered.includes(each));
  if (!chosen) throw new Error(`none of ${wanted} among the mechanisms offered: ${offered}`);
  return chosen;
}

async function scram(stream: Stream, mechanism: string, hash: string, { user, password }: Credentials) {
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
  const nonce = randomBytes(16).toString('hex');
  const bare = `n=${(user ?? '').replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const challenge = await stream.exchange(auth(mechanism, `n,,${bare}`), isOutcome);
  if (challenge.name !== 'challenge') return succeeded(challenge);
  const first = Buffer.from(challenge.text, 'base64').toString();
  const said = new Map(first.split(',').map((part) => [part[0], part.slice(2)]));
  const withoutProof = `c=biws,r=${said.get('r')}`;
  const size = createHash(hash).digest().length;
  const salt = Buffer.from(said.get('s') ?? '', 'base64');
  const salted = pbkdf2Sync(password ?? '', salt, Number(said.get('i')), size, hash);
  const key = hmac(salted, 'Client Key');
  const message = `${bare},${first},${withoutProof}`;
  const signature = hmac(createHash(hash).update(key).digest(), message);
  const proof = Buffer.from(key.map((byte, at) => byte ^ signature[at])).toString('base64');
  const response = `<response xmlns='${SASL}'>${base64(`${withoutProof},p=${proof}`)}</response>`;
  const outcome = await stream.exchange(response, isOutcome);
  succeeded(outcome);
  const verifier = hmac(hmac(salted, 'Server Key'), message).toString('base64');
  if (Buffer.from(outcome.text, 'base64').toString() !== `v=${verifier}`) throw new Error('wrong server signature');
}

function auth(mechanism: string, initial: string): string {
  return `<auth xmlns='${SASL}' mechanism='${mechanism}'>${base64(initial)}</auth>`;
}

function isOutcome({ ns, name }: Xml): boolean {
  return ns === SASL && ['success', 'failure', 'challenge'].includes(name);
}

function succeeded(outcome: Xml): void {
  if (outcome.name !== 'success') throw new Error(`login refused: ${outcome.raw}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
