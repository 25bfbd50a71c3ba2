// Whose a client's socket is. Its listeners are the same functions on all sockets, and stay when the owner changes: to take them off and put
// others on costs as much as all else that a change takes, and makes a socket's table of listeners a slow one.

import type { Socket } from 'node:net';

/** Hears what its socket tells. */
export interface SocketOwner {
  take(chunk: Buffer): void;
  drained(): void;
  /** The other side says nothing any more. */
  ended(): void;
  broke(error: Error): void;
  /** Nothing moved for as long as `setTimeout` of the socket said. */
  silent(): void;
  gone(): void;
}

const OWNER = Symbol('owner');
type Owned = Socket & { [OWNER]?: SocketOwner | undefined };

/** Makes it the one who hears of this socket from now on. */
export function own(socket: Owned, owner: SocketOwner): void {
  const isOwned = socket[OWNER] !== undefined;
  socket[OWNER] = owner;
  if (isOwned) return;
  socket.on('data', onData).on('drain', onDrain).on('end', onEnd);
  socket.on('error', onError).on('timeout', onTimeout).on('close', onClose);
}

/** Nobody hears of it any more. */
export function disown(socket: Owned): void {
  socket[OWNER] = undefined;
  socket.off('data', onData).off('drain', onDrain).off('end', onEnd);
  socket.off('error', onError).off('timeout', onTimeout).off('close', onClose);
}

function onData(this: Owned, chunk: Buffer): void {
  this[OWNER]?.take(chunk);
}

function onDrain(this: Owned): void {
  this[OWNER]?.drained();
}

function onEnd(this: Owned): void {
  this[OWNER]?.ended();
}

function onError(this: Owned, error: Error): void {
  this[OWNER]?.broke(error);
}

function onTimeout(this: Owned): void {
  this[OWNER]?.silent();
}

function onClose(this: Owned): void {
  this[OWNER]?.gone();
}
