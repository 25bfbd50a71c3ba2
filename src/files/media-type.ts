// Media types of files, as far as one has to know them: type and subtype, without parameters (RFC 6838 section 4.2).

const NAME = '[a-z0-9][a-z0-9!#$&^_.+-]{0,126}';
const TYPE = new RegExp(`^${NAME}/${NAME}$`);

/** What is said of files whose type nobody says. */
export const UNKNOWN_TYPE = 'application/octet-stream';

/** `type/subtype` in lower case; undefined when the text does not begin with one. */
export function mediaType(text: string): string | undefined {
  const type = text.split(';', 1)[0].trim().toLowerCase();
  return TYPE.test(type) ? type : undefined;
}

/** Types that are taken: `image/png`, or `image/*` for all below it. Without any, all are. */
export class MediaTypes {
  readonly #types: ReadonlySet<string>;

  constructor(types: readonly string[]) {
    this.#types = new Set(types.map((type) => type.toLowerCase()));
  }

  has(type: string): boolean {
    return this.#types.size === 0 || this.#types.has(type) || this.#types.has(`${type.split('/', 1)[0]}/*`);
  }
}
