// Numbers to rows, rows to a Markdown table.

import type { Series } from './scenarios.js';

export interface Row {
  readonly what: string;
  readonly server: string;
  readonly value: string;
  readonly spread: string;
  readonly ratio: string;
  readonly target: string;
}

/** At most this many times a server, by its name. */
export type Targets = Readonly<Record<string, number>>;

/** The first server's rows against the second, which is the reference: ratios are taken round by round. */
export function compared(what: string, unit: string, series: readonly Series[], target?: number): Row[] {
  const [measured, reference] = series;
  if (measured === undefined) return [];
  const rows = series.map((one) => row(what, unit, one));
  if (reference !== undefined && rows[0] !== undefined) {
    const ratios = measured.values.map((value, i) => value / (reference.values[i] ?? Number.NaN));
    const ratio = whole(measured, reference) ?? median(ratios);
    rows[0] = {
      ...rows[0],
      ratio: `${ratio.toFixed(2)} (${range(ratios, 2)})`,
      target: verdict(ratio, target, 'x'),
    };
  }
  return rows;
}

/** The first server against each of the others, in whose rows the ratios stand, taken round by round. */
export function against(what: string, unit: string, series: readonly Series[], targets: Targets = {}): Row[] {
  const [measured] = series;
  return series.map((one, i) => {
    if (i === 0 || measured === undefined) return row(what, unit, one);
    const ratios = measured.values.map((value, round) => value / (one.values[round] ?? Number.NaN));
    const ratio = whole(measured, one) ?? median(ratios);
    const target = verdict(ratio, targets[one.server], 'x');
    return { ...row(what, unit, one), ratio: `${ratio.toFixed(2)} (${range(ratios, 2)})`, target };
  });
}

/** The first server's value against a number; the others are shown for scale. */
export function bounded(what: string, unit: string, series: readonly Series[], target?: number): Row[] {
  return series.map((one, i) => ({
    ...row(what, unit, one),
    target: i === 0 ? verdict(median(one.values), target, unit) : '',
  }));
}

/** `ratio` says what the column of ratios holds. */
export function table(rows: readonly Row[], ratio: string): string {
  const lines = rows.map(
    (one) => `| ${one.what} | ${one.server} | ${one.value} | ${one.spread} | ${one.ratio} | ${one.target} |`,
  );
  return [
    `| what | server | median | min - max | ${ratio} (min - max) | at most |`,
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...lines,
    '',
  ].join('\n');
}

/** Rows of how long trips took, by percentile; `rows` says what they are compared with. */
export function trips(
  title: string,
  rate: number,
  took: Readonly<Record<'p50' | 'p99' | 'p999', Series[]>>,
  rows: (what: string, series: readonly Series[], part: 'p50' | 'p99' | 'p999') => Row[],
): Row[] {
  const names = { p50: 'median', p99: 'p99', p999: 'p99.9' } as const;
  return (['p50', 'p99', 'p999'] as const).flatMap((part) =>
    rows(`${title}, a trip at ${rate} messages/s, ${names[part]}`, took[part], part),
  );
}

/** Rows of idle sessions, and of two among them that talk. */
export function crowdRows(
  title: string,
  sessions: number,
  { memory, p50, p99 }: Readonly<Record<'memory' | 'p50' | 'p99', Series[]>>,
): Row[] {
  const what = `${title}, ${sessions} idle`;
  return [
    ...against(`${what}, each`, 'KiB', memory),
    ...against(`${what}, a trip, median`, 'ms', p50),
    ...against(`${what}, a trip, p99`, 'ms', p99),
  ];
}

/** The ratio of what all rounds together say, where they do. */
function whole(measured: Series, reference: Series): number | undefined {
  if (measured.pooled === undefined || reference.pooled === undefined) return undefined;
  return measured.pooled / reference.pooled;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return ((sorted[middle] ?? Number.NaN) + (sorted[(sorted.length - 1) >> 1] ?? Number.NaN)) / 2;
}

/** The value that so many of these are below; NaN of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function row(what: string, unit: string, { server, values, pooled, requests }: Series): Row {
  const digits = unit.startsWith('ms') || unit === 's' ? 2 : 1;
  const shape = requests === undefined || requests === 0 ? '' : `, ${requests.toFixed(2)} writes a message`;
  return {
    what: `${what}${shape}`,
    server,
    value: `${(pooled ?? median(values)).toFixed(digits)} ${unit}`,
    spread: values.length > 1 ? range(values, digits) : '',
    ratio: '',
    target: '',
  };
}

export function range(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} - ${Math.max(...values).toFixed(digits)}`;
}

function verdict(value: number, target: number | undefined, unit: string): string {
  if (target === undefined) return '';
  return `${target} ${unit}: ${value <= target ? 'met' : 'MISSED'}`;
}
