// Requests and answers on the control socket: a line of JSON each. What is read is checked; nobody is believed, though
// only the server's own user reaches the socket.

import type { Socket } from 'node:net';
import { ACCOUNT_COMMANDS, ANNOUNCE_COMMANDS, type Answer, type ControlRequest } from './accounts.js';

/** More than any request or answer needs, in bytes. */
const LONGEST = 16_384;

/** The first line of a connection; undefined when there is none within the limit. Rejects when the connection fails. */
export function lineFrom(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf('\n');
      if (end >= 0) resolve(read.subarray(0, end).toString());
      else if (read.length > LONGEST) resolve(undefined);
    });
    socket.once('end', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
    socket.once('error', reject);
  });
}

export const written = (message: ControlRequest | Answer): string => `${JSON.stringify(message)}\n`;

/** Undefined for what is no request. */
export function requestFrom(line: string): ControlRequest | undefined {
  const { command, jid, password, domain, text } = membersOf(line);
  const announce = ANNOUNCE_COMMANDS.find((each) => each === command);
  if (announce !== undefined && typeof domain === 'string' && typeof text === 'string')
    return { command: announce, domain, text };
  const known = ACCOUNT_COMMANDS.find((each) => each === command);
  if (known === undefined || typeof jid !== 'string') return undefined;
  return { command: known, jid, password: typeof password === 'string' ? password : undefined };
}

/** Undefined for what is no answer. */
export function answerFrom(line: string): Answer | undefined {
  const { outcome, text } = membersOf(line);
  return typeof outcome === 'string' ? ({ outcome, text } as Answer) : undefined;
}

function membersOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
