// Who asks an account's archive: its own clients, one question after the other for each of them, so that a client that
// takes no more holds up nobody but itself.

import type { ModuleOptions } from '../../config/modules.js';
import type { IqRequest } from '../../core/hooks.js';
import type { Host } from '../../core/host.js';
import type { Session } from '../../core/session.js';
import { StanzaError } from '../../xmpp/errors.js';
import { fetched } from '../store-error.js';
import { type Archive, find, finXml, metadataXml, resultStanzas } from './answer.js';
import type { Archives } from './archives.js';
import { type Question, readQuestion } from './question.js';

export class Queries {
  /** The last question of each client, and how many are not answered. */
  readonly #asked = new WeakMap<Session, { last: Promise<unknown>; waiting: number }>();

  constructor(
    readonly host: Host,
    readonly archives: Archives,
    readonly options: ModuleOptions['mam'],
  ) {}

  /** Sends the messages; resolves to what ends them. */
  query({ payload, session, from }: IqRequest): Promise<string> | undefined {
    if (session === undefined) return undefined;
    const question = readQuestion(payload);
    return this.#inTurn(session, () => fetched(this.#answer(session, from.local, question)));
  }

  metadata({ from }: IqRequest): Promise<string> {
    return fetched(this.metadataOf(from.local));
  }

  async metadataOf(username: string): Promise<string> {
    await this.archives.settled(username);
    return await metadataXml(this.#archiveOf(username));
  }

  async #answer(session: Session, username: string, question: Question): Promise<string> {
    await this.archives.settled(username);
    const found = await find(this.#archiveOf(username), question);
    const addresses = { from: session.bareAddress, to: session.address };
    let room = true;
    for (const stanza of resultStanzas(found, question, addresses)) room = session.send(stanza) && room;
    // The next question waits until there is room again; this one is answered.
    if (!room) this.#delay(session);
    return finXml(found);
  }

  #archiveOf(username: string): Archive {
    const { store, since } = this.archives;
    const { page, max_page } = this.options;
    return {
      store,
      key: username,
      page,
      maxPage: max_page,
      since,
      limited: () => this.host.limited('mam.max_page'),
    };
  }

  #inTurn<T>(session: Session, work: () => Promise<T>): Promise<T> {
    const asked = this.#asked.get(session) ?? { last: Promise.resolve(), waiting: 0 };
    if (asked.waiting >= this.options.max_queries) {
      this.host.limited('mam.max_queries');
      throw new StanzaError('wait', 'resource-constraint', 'too many queries wait for their answers');
    }
    asked.waiting++;
    this.#asked.set(session, asked);
    const turn = asked.last.then(work);
    asked.last = turn.then(
      () => void asked.waiting--,
      () => void asked.waiting--,
    );
    return turn;
  }

  #delay(session: Session): void {
    const asked = this.#asked.get(session);
    if (asked !== undefined) asked.last = asked.last.then(() => session.drained());
  }
}
