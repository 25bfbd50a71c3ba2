// The rules of iq (RFC 6120 section 8.2.3), and who answers one that is for the host or an account.

import { resultAnswer } from '../xmpp/answer.js';
import type { Element } from '../xmpp/element.js';
import { StanzaError } from '../xmpp/errors.js';
import { type Address, DONE, type Hooks, type IqAddress, type IqAnswer, type IqRequest } from './hooks.js';
import { Routed } from './routed.js';
import type { Router } from './router.js';

/** Whoever answers: a host. */
export interface AnsweringHost {
  readonly hooks: Hooks;
  readonly deps: { readonly router: Router };
}

const TYPES = new Set(['get', 'set', 'result', 'error']);

/** Throws StanzaError bad-request when it is no iq. */
export function checkIq({ stanza, type }: Routed): void {
  if (type === undefined || !TYPES.has(type)) throw new StanzaError('modify', 'bad-request', 'an iq without its type');
  if (stanza.id === undefined) throw new StanzaError('modify', 'bad-request', 'an iq without an id');
  if ((type === 'get' || type === 'set') && stanza.payload === undefined)
    throw new StanzaError('modify', 'bad-request', 'an iq without its one child');
}

class Request extends Routed implements IqRequest {
  constructor(
    routed: Routed,
    readonly payload: Element,
  ) {
    super(routed.stanza, routed.kind, routed.type, routed.from, routed.to, routed.session);
  }
}

/** Asks the handler that there is, and sends its answer. Throws StanzaError where there is none. */
export function answerIq(host: AnsweringHost, routed: Routed, address: Address): void {
  if (address === 'full') throw new StanzaError('cancel', 'service-unavailable');
  const children = routed.stanza.tree.getChildElements();
  if (children.length !== 1) throw new StanzaError('modify', 'bad-request', 'an iq has one child');
  const request = new Request(routed, children[0]);
  const entry = entryFor(host, request, address);
  if (entry === undefined) throw new StanzaError('cancel', 'service-unavailable');
  const fail = (error: unknown) => {
    if (!(error instanceof StanzaError)) host.hooks.failed(entry.owner, error);
    const said = error instanceof StanzaError ? error : new StanzaError('cancel', 'internal-server-error');
    host.deps.router.refuse(routed, said);
  };
  try {
    const answer = entry.handler(request);
    if (answer instanceof Promise) answer.then((said) => reply(host, request, said)).catch(fail);
    else reply(host, request, answer);
  } catch (error) {
    fail(error);
  }
}

function entryFor(host: AnsweringHost, request: IqRequest, address: Address) {
  const { payload, type = '' } = request;
  const find = (as: IqAddress) => host.hooks.iqHandler(type, as, payload.getNS() ?? '', payload.getName());
  if (address === 'host') return find('host');
  return (request.own ? find('own') : undefined) ?? find('account');
}

function reply(host: AnsweringHost, { stanza, session, from, to }: IqRequest, answer: IqAnswer): void {
  if (answer === undefined) throw new StanzaError('cancel', 'service-unavailable');
  const result = resultAnswer(stanza, answer === DONE ? undefined : answer);
  if (session !== undefined && !session.over) session.send(result);
  else host.deps.router.route(new Routed(result, 'iq', 'result', to, from));
}
