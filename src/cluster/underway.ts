// Connections on their way to a worker. node:cluster forgets those whose worker ends before it has taken them: they stay
// open, and their clients would wait for ever. Closed, they come again.

import type { ChildProcess } from 'node:child_process';

/** What node:cluster says to a worker about a connection, and what comes back: `ack` is the other's `seq`. */
interface Dealt {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

interface Handle {
  close(): void;
}

/** Follows the connections that are dealt out to this process; what is returned closes those that it has not taken. */
export function followConnections(process: ChildProcess): () => void {
  const underway = new Map<number, Handle>();
  const send = process.send.bind(process) as (...args: unknown[]) => boolean;
  process.send = (...args: unknown[]) => {
    const [{ act, seq }, handle] = args as [Dealt, Handle | undefined];
    if (act === 'newconn' && seq !== undefined && handle) underway.set(seq, handle);
    return send(...args);
  };
  process.on('internalMessage', ({ ack }: Dealt) => {
    if (ack !== undefined) underway.delete(ack);
  });
  return () => {
    for (const handle of underway.values()) handle.close();
    underway.clear();
  };
}
