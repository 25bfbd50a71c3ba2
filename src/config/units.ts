// Numbers with units: "30s", "2m", "64KiB".

const SECONDS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['ms', 0.001],
  ['s', 1],
  ['sec', 1],
  ['m', 60],
  ['min', 60],
  ['h', 3600],
  ['d', 86_400],
]);

const BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1000],
  ['kib', 1024],
  ['mb', 1e6],
  ['mib', 1_048_576],
  ['gb', 1e9],
  ['gib', 1_073_741_824],
]);

const QUANTITY = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)[ ]?([a-z]{0,3})$/i;

/** The number that a text says, in seconds or bytes when that is the unit; undefined when it says none. */
export function quantity(text: string, unit: 'seconds' | 'bytes' | undefined): number | undefined {
  const [, digits, suffix] = QUANTITY.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const factor = factors(unit).get(suffix.toLowerCase());
  return factor === undefined ? undefined : Math.round(Number(digits) * factor * 1e6) / 1e6;
}

function factors(unit: 'seconds' | 'bytes' | undefined): ReadonlyMap<string, number> {
  if (unit === 'seconds') return SECONDS;
  return unit === 'bytes' ? BYTES : new Map([['', 1]]);
}
