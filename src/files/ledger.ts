// Who has how much: every file that is kept, and every place that was promised, counts from the moment it is promised. It
// knows neither disk nor store, and is told the time.

/** A file, or the promise of one. Times are milliseconds since 1970. */
export interface Entry {
  readonly owner: string;
  readonly bytes: number;
  readonly at: number;
  /** When it goes; Infinity: never. */
  readonly until: number;
  readonly kept: boolean;
}

/** 0 sets no limit. */
export interface Quota {
  readonly max_bytes: number;
  readonly account_bytes: number;
  readonly account_files: number;
  readonly files_per_day: number;
  readonly max_slots: number;
}

/** The limit that is in the way, and when it will not be any more, where that is known. */
export interface Refusal {
  readonly limit: keyof Quota;
  readonly retry?: number;
}

const DAY = 86_400_000;
/** How exactly it is known what is due; milliseconds. */
const MINUTE = 60_000;

/** What one owner has. */
class Account {
  readonly entries = new Map<string, Entry>();
  bytes = 0;
  /** Promises among them. */
  open = 0;
}

export class Ledger {
  bytes = 0;
  files = 0;
  readonly #owners = new Map<string, Account>();
  readonly #nobody = new Account();
  /** Ids of kept files by the minute in which they go. */
  readonly #due = new Map<number, Set<string>>();
  readonly #ownerOf = new Map<string, string>();

  has(id: string): boolean {
    return this.#ownerOf.has(id);
  }

  of(owner: string): ReadonlyMap<string, Entry> {
    return this.#account(owner).entries;
  }

  /** Also in place of what it was before. */
  set(id: string, entry: Entry): void {
    this.remove(id);
    const { owner, kept, until } = entry;
    const account = this.#owners.get(owner) ?? new Account();
    this.#owners.set(owner, account);
    this.#ownerOf.set(id, owner);
    account.entries.set(id, entry);
    this.#count(account, entry, 1);
    if (!kept) return;
    if (until === Number.POSITIVE_INFINITY) return;
    const minute = minuteOf(until);
    this.#due.set(minute, (this.#due.get(minute) ?? new Set()).add(id));
  }

  remove(id: string): void {
    const owner = this.#ownerOf.get(id) ?? '';
    const account = this.#account(owner);
    const entry = account.entries.get(id);
    if (entry === undefined) return;
    account.entries.delete(id);
    if (account.entries.size === 0) this.#owners.delete(owner);
    this.#ownerOf.delete(id);
    this.#count(account, entry, -1);
    const minute = minuteOf(entry.until);
    const due = this.#due.get(minute);
    if (due?.delete(id) && due.size === 0) this.#due.delete(minute);
  }

  /** Ids of files whose time is over, to a minute. */
  due(now: number): string[] {
    return [...this.#due].flatMap(([minute, ids]) => (minute * MINUTE <= now ? [...ids] : []));
  }

  /** Whether somebody may have so many bytes more; undefined: he may. */
  refuses(owner: string, bytes: number, quota: Quota, now: number): Refusal | undefined {
    const { entries, bytes: used, open } = this.#account(owner);
    const all = () => [...entries.values()];
    if (passes(open + 1, quota.max_slots))
      return {
        limit: 'max_slots',
        retry: earliest(
          all().filter(({ kept }) => !kept),
          1,
        ),
      };
    const recent = passes(entries.size + 1, quota.files_per_day) ? all().filter(({ at }) => at > now - DAY) : [];
    if (passes(recent.length + 1, quota.files_per_day)) {
      const times = recent.map(({ at }) => at).sort((a, b) => a - b);
      return { limit: 'files_per_day', retry: times[recent.length - quota.files_per_day] + DAY };
    }
    if (passes(entries.size + 1, quota.account_files))
      return { limit: 'account_files', retry: earliest(all(), entries.size + 1 - quota.account_files) };
    if (passes(used + bytes, quota.account_bytes))
      return { limit: 'account_bytes', retry: roomAt(all(), used + bytes - quota.account_bytes) };
    return passes(this.bytes + bytes, quota.max_bytes) ? { limit: 'max_bytes' } : undefined;
  }

  #account(owner: string): Account {
    return this.#owners.get(owner) ?? this.#nobody;
  }

  /** `by`: 1, or -1. */
  #count(account: Account, { bytes, kept }: Entry, by: number): void {
    account.bytes += by * bytes;
    this.bytes += by * bytes;
    if (kept) this.files += by;
    else account.open += by;
  }
}

// Rounded up: nothing goes before its time.
const minuteOf = (until: number) => Math.ceil(until / MINUTE);

const passes = (value: number, limit: number) => limit > 0 && value > limit;

/** When so many of them have gone. */
function earliest(entries: readonly Entry[], count: number): number | undefined {
  return finite(entries.map(goes).sort((a, b) => a - b)[count - 1]);
}

/** When so many bytes have gone. */
function roomAt(entries: readonly Entry[], bytes: number): number | undefined {
  let left = bytes;
  for (const entry of [...entries].sort((a, b) => goes(a) - goes(b))) {
    left -= entry.bytes;
    if (left <= 0) return finite(goes(entry));
  }
  return undefined;
}

const goes = ({ until }: Entry): number => minuteOf(until) * MINUTE;

const finite = (time: number | undefined): number | undefined => (Number.isFinite(time) ? time : undefined);
