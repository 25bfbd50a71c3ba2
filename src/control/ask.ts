// The other end of the control socket: what a command asks a running server.

import { connect } from 'node:net';
import type { Answer, ControlRequest } from './accounts.js';
import { answerFrom, lineFrom, written } from './lines.js';

/** Nobody listens there. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR']);

/** It has enough to do, or stops. */
const BREAKS = new Set(['ECONNRESET', 'EPIPE']);
const BROKEN: Answer = { outcome: 'failed', text: 'the server ended the connection' };

/** Milliseconds until a server that says nothing counts as hung. */
const PATIENCE = 30_000;

/** The answer of the server; undefined when none runs there. Rejects with the system's error when it cannot be reached. */
export async function ask(path: string, request: ControlRequest): Promise<Answer | undefined> {
  const socket = connect(path);
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('the server does not answer')));
  try {
    socket.write(written(request));
    const line = await lineFrom(socket);
    return (line === undefined ? undefined : answerFrom(line)) ?? BROKEN;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (NOBODY.has(code)) return undefined;
    if (BREAKS.has(code)) return BROKEN;
    throw error;
  } finally {
    socket.destroy();
  }
}
