// A connection as the system has it, without the socket around it: what processes can give each other. Node passes handles
// over node:child_process, but has no public way to take one out of a socket and to put one behind a server. What is done
// here to both is what its own node:cluster and node:child_process do (lib/internal/child_process.js, lib/net.js).

import type { Server, Socket } from 'node:net';

export interface Handle {
  /** Ends the connection, unless another process has it too. */
  close(): void;
}

interface Reading extends Handle {
  /** What its socket thinks of it. */
  reading: boolean;
  readStop(): void;
}

/** Takes the connection out of its socket, which is closed then; not a byte is read from it any more. Undefined: it is over. */
export function takeHandle(socket: Socket): Handle | undefined {
  const owner = socket as unknown as { _handle?: Reading | null };
  const handle = owner._handle;
  if (!handle) return undefined;
  handle.readStop();
  handle.reading = false;
  owner._handle = null;
  socket.destroy();
  return handle;
}

/** Has the server take it as though it had accepted it; false when it does not listen. */
export function giveHandle(server: Server, handle: Handle): boolean {
  const listening = (server as unknown as { _handle: Listening | null })._handle;
  listening?.onconnection(0, handle);
  return listening !== null;
}

interface Listening {
  onconnection(error: number, handle: Handle): void;
}
