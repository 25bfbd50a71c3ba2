// What a process of the server tells of itself in the metrics, besides what its parts count.

import { readFileSync } from 'node:fs';
import type { Log, RootLog } from './log.js';
import type { Gauge, Metrics } from './metrics.js';

export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

/** Of every process. */
export function processVitals(metrics: Metrics, log: Log): void {
  metrics.collectProcess();
  const lost = () => [[{}, droppedBy(log)]] as const;
  metrics.read('log_dropped_total', 'Log lines that nobody will read: the reader was slow.', [], lost, 'counter');
}

/** Of the server as a whole; what is returned says whether its last reload went well. */
export function serverVitals(metrics: Metrics, draining: () => boolean): Gauge {
  const build = [[{ version, node: process.version }, 1]] as const;
  metrics.read('build_info', 'Version of the server and of Node.js.', ['version', 'node'], () => build);
  const state = () => [[{}, draining() ? 1 : 0]] as const;
  metrics.read('drain_state', '1 while the server is stopping.', [], state);
  const reloaded = metrics.gauge('config_last_reload_success', 'Whether the last configuration could be taken.');
  reloaded.set(1);
  return reloaded;
}

/** A log of somebody's own need not count. */
function droppedBy(log: Log & Partial<RootLog>): number {
  return log.dropped ?? 0;
}
