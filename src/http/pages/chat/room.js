// A room as this window sees it (XEP-0045): who is in it, what it is about, and whether we are.

import { local } from './jid.js';

const LONGEST_NAME = 80;

export class Room {
  isRoom = true;
  address;
  /** Ours. */
  nick = '';
  name = '';
  subject = '';
  /** out, entering or in. */
  state = 'out';
  /** Why we are out, in a sentence. */
  told = '';
  /** What it tells of before has been heard by nobody here, and does not count as unread. */
  isNew = true;
  /** Whether it has an archive (XEP-0313). */
  hasArchive = false;
  /** By nickname: nick, role, affiliation, jid (where one may see it), show, avatar, image. */
  occupants = new Map();

  constructor(address) {
    this.address = address;
  }

  get title() {
    return (this.name || local(this.address)).slice(0, LONGEST_NAME);
  }

  get own() {
    return this.occupants.get(this.nick);
  }

  get presence() {
    return this.state === 'in' ? { show: '', text: this.subject } : undefined;
  }
}
