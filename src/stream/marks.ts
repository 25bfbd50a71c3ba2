// Who is to be told when a count has come so far: the writes that a socket finished, the stanzas that a client has.

interface Mark {
  readonly at: number;
  readonly told: () => void;
}

export class Marks {
  // None nearly always.
  #marks: readonly Mark[] | undefined;

  /** `told` is called once, when the count is `at`; none before it is later than that. */
  add(at: number, told: () => void): void {
    this.#marks = [...(this.#marks ?? []), { at, told }];
  }

  /** The count is this now. */
  reach(count: number): void {
    const marks = this.#marks;
    if (marks === undefined || marks[0].at > count) return;
    let due = 1;
    while (due < marks.length && marks[due].at <= count) due++;
    this.#marks = due < marks.length ? marks.slice(due) : undefined;
    for (let i = 0; i < due; i++) marks[i].told();
  }

  /** Takes out all: they are not told here any more. */
  take(): (() => void)[] {
    const marks = this.#marks ?? [];
    this.#marks = undefined;
    return marks.map(({ told }) => told);
  }
}
