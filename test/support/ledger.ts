// What a server has acknowledged, and what it was asked for since: after a crash each thing is as it was acknowledged last,
// or as it was asked to be after that. Undefined: it is not there.

export type Value = string | undefined;

export class Ledger {
  /** By what it is about: what was acknowledged last, and after it what was not yet. */
  readonly #said = new Map<string, { readonly value: Value }[]>();
  acknowledged = 0;
  /** Called after each acknowledgement. */
  heard: () => void = () => {};

  /** Something is asked for; call what is returned when it is acknowledged. */
  says(about: string, value: Value): () => void {
    const said = { value };
    const all = this.#said.get(about) ?? [{ value: undefined }];
    this.#said.set(about, [...all, said]);
    return () => {
      const now = this.#said.get(about) ?? [];
      // What is found is believed: then this is history.
      if (!now.includes(said)) return;
      this.#said.set(about, now.slice(now.indexOf(said)));
      this.acknowledged++;
      this.heard();
    };
  }

  /** All that it may be, what was acknowledged first. */
  may(about: string): Value[] {
    return (this.#said.get(about) ?? [{ value: undefined }]).map(({ value }) => value);
  }

  /** As it was said last. */
  last(about: string): Value {
    return this.may(about).at(-1);
  }

  /** Everything with this at the beginning of its name. */
  about(beginning: string): string[] {
    return [...this.#said.keys()].filter((name) => name.startsWith(beginning));
  }

  /** As it is, after a crash. Throws when it may not be so. */
  finds(about: string, value: Value): void {
    const may = this.may(about);
    if (!may.includes(value)) throw new Error(`${about} is ${value}, and has to be one of: ${may.join(', ')}`);
    this.#said.set(about, [{ value }]);
  }

  /** It is of no concern any more. */
  forgets(about: string): void {
    this.#said.delete(about);
  }
}
