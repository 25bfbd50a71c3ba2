// What is known of files, as whoever carries their bytes asks for it. All of it can be said from one process to another.

/** What somebody wants to upload. */
export interface Wish {
  /** The account, as its bare address. */
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  /** Whether the type was said, or assumed. */
  readonly typed: boolean;
  readonly size: number;
  /** Not to be there any more from then on; milliseconds since 1970. */
  readonly before?: number;
}

/** A place for one file. */
export interface Slot extends Wish {
  /** Of the file, for all who are to read it. */
  readonly id: string;
  /** For the one who uploads it. */
  readonly token: string;
  /** Nobody has used it. */
  readonly isOpen: boolean;
  /** Milliseconds that the upload may take. */
  readonly within: number;
}

/** Where an upload goes. */
export interface Claim {
  readonly id: string;
  readonly size: number;
  /** The folder. */
  readonly path: string;
}

/** A file that is there. */
export interface FileFacts {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When it goes; absent: never. */
  readonly until?: number;
  /** The folder. */
  readonly path: string;
}

/**
 * What becomes of an upload. `taken`: another one has the slot, or had it; `broken`: its body failed; `full`, `failed`: the
 * disk or the store did; `gone`: nobody wants it any more.
 */
export type Outcome = 'stored' | 'taken' | 'broken' | 'full' | 'failed' | 'gone';

/** Who knows. Questions reject with StoreError. */
export interface Registry {
  /** The slot that has this token, while its upload may begin; also when it was used. */
  slot(token: string): Promise<Slot | undefined>;
  /** An upload begins, and is the only one of its slot until it has ended. */
  begin(token: string): Promise<Claim | 'taken' | 'gone'>;
  /**
   * It ended so: `stored` says that the file is on the disk. Resolves to how it ended after all; unless that is `stored`, the
   * file is nobody's.
   */
  end(token: string, outcome: Outcome): Promise<Outcome>;
  find(id: string): Promise<FileFacts | undefined>;
}
