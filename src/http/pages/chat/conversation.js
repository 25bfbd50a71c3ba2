// What was said with one person or in one room, in order, each message once: whoever has come twice, live and from an archive,
// is known by its id there (XEP-0359), or by the id its sender gave it.

const LONGEST = 500;
const KEPT = 100;

export class Conversation {
  address;
  isRoom = false;
  /**
   * Each: id, own, text, at (ms), from (a nickname, in rooms), link (of a file), archived (its id in the archive), state of an
   * own one (waiting, sent, delivered, failed), error; in rooms: note (nobody said it), secret (only to us, or to the nickname
   * `only`), isOld (said before we came).
   */
  messages = [];
  unread = 0;
  draft = '';
  /** Of a room: the nickname that alone is written to; '' for all. */
  only = '';
  /** Who had it then may not be there any more: nothing is written to who has it now. */
  isGone = false;
  /** Who types, as a sentence's beginning; '' when nobody does. */
  typing = '';
  /** They have told a chat state, so they want to be told ours (XEP-0085 section 5.1). */
  states = false;
  /** Nothing goes out at the moment: a room that we are not in. */
  closed = false;
  /** The archive has nothing older. */
  complete = false;
  /** Its last page has been asked for since the stream began. */
  isFetched = false;
  /** The id in the archive of the first message that has been read there, shown or not. */
  cursor;
  /** It is open: nothing of it is forgotten. */
  isWatched = false;
  /** Of a room: the last id in its archive that has been seen. */
  newest;

  constructor(address, isRoom) {
    this.address = address;
    this.isRoom = isRoom;
  }

  get kept() {
    const messages = this.messages.slice(-KEPT);
    const complete = this.complete && messages.length === this.messages.length;
    const cursor = messages.length === this.messages.length ? this.cursor : undefined;
    return { ...this, messages, complete, cursor, typing: '', isWatched: false };
  }

  get last() {
    return this.messages.findLast(({ note }) => !note);
  }

  /** What the next page of the archive is before; undefined: nothing of it is known. */
  get oldest() {
    return this.cursor ?? this.messages.find(({ archived }) => archived)?.archived;
  }

  /** At the end, as it comes; false when it is there already. */
  add(message) {
    const known = this.#known(message);
    if (!known) this.messages.push(message);
    // A room says in which order all hear it.
    else if (known.own && message.from) this.messages.push(...this.messages.splice(this.messages.indexOf(known), 1));
    return !known;
  }

  /** To its time, from the archive. */
  insert(message) {
    if (this.#known(message)) return false;
    this.messages.splice(this.messages.findLastIndex(({ at }) => at <= message.at) + 1, 0, message);
    return true;
  }

  /** A page of the archive that is older than all. */
  prepend(page) {
    this.messages.unshift(...page.filter((each) => !this.#known(each)));
  }

  /** Forgets what is too much; it is in the archive. */
  trim() {
    if (this.messages.length <= LONGEST) return;
    this.messages.splice(0, this.messages.length - LONGEST);
    this.complete = false;
    this.cursor = undefined;
  }

  /** The same that is there already, which now has what this one knows more. */
  #known(message) {
    const known = this.messages.findLast((each) => isSame(each, message));
    if (known) known.archived ??= message.archived;
    if (known?.state === 'sent' && message.state === 'delivered') known.state = 'delivered';
    return known;
  }
}

/** Ids that are shorter may be no chance. */
const SHORT = 8;

// Who loses the stream before a message is acknowledged sends it again: then it is in the archive twice.
function isSame(a, b) {
  if (a.archived && a.archived === b.archived) return true;
  if (a.archived && b.archived && a.id.length < SHORT) return false;
  return a.id === b.id && a.own === b.own && (a.own || a.from === b.from) && a.text === b.text;
}
