// Reads a CPU profile of Node and says where the time went.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** The functions with the largest own time, idle time left out. */
export function hottest(file: string, count = 25): string {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const names = new Map(nodes.map(({ id, callFrame: frame }) => [id, place(frame)]));
  const own = new Map<string, number>();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    if (name === '(idle)') continue;
    total += timeDeltas[i] ?? 0;
    own.set(name, (own.get(name) ?? 0) + (timeDeltas[i] ?? 0));
  }
  const top = [...own].sort(([, a], [, b]) => b - a).slice(0, count);
  return top.map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(6)} %  ${name}`).join('\n');
}

function place({ functionName, url, lineNumber }: Profile['nodes'][0]['callFrame']): string {
  const where =
    url === ''
      ? ''
      : `  ${url.includes('/dist/') ? url.slice(url.indexOf('/dist/') + 1) : basename(url)}:${lineNumber + 1}`;
  return `${functionName || '(anonymous)'}${where}`;
}
