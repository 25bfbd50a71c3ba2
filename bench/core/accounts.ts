// The accounts of the core scenarios: u0, u1, ... with one password, kept by every server as what SCRAM-SHA-256 needs
// (RFC 5802 section 3), with as many iterations as ours.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { ITERATIONS } from '../../src/core/accounts.js';
import { PASSWORD, user } from '../load/login.js';

export interface Keys {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const SALT = Buffer.from('a salt for the bench');

/** All accounts share their keys: no server looks, and making them takes no time. */
export const KEYS: Keys = keys(pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, 'sha256'));

export function users(count: number): string[] {
  return Array.from({ length: count }, (_, i) => user(i));
}

function keys(salted: Buffer): Keys {
  const client = createHmac('sha256', salted).update('Client Key').digest();
  return {
    salt: SALT,
    storedKey: createHash('sha256').update(client).digest(),
    serverKey: createHmac('sha256', salted).update('Server Key').digest(),
  };
}
