// The opening handshake of a WebSocket (RFC 6455 section 4.2) as browsers and proxies ask for it, answered in the words of `ws` without
// what that makes for each connection. Whatever is not usual is left to `ws`, which knows what to say then.

import { hash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { UpgradeRequest } from './upgrade.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/**
 * Answers a usual request; false: it is none, and nothing was done. What is written is held back (`cork`): it is for the caller to let
 * it go, together with whatever else leaves in this turn. No extension is agreed to.
 */
export function shakeHands({ headers }: UpgradeRequest, socket: Socket): boolean {
  const key = headers['sec-websocket-key'] ?? '';
  const isUsual = headers['sec-websocket-version'] === '13' && headers['sec-websocket-protocol'] === 'xmpp';
  if (!isUsual || !KEY.test(key) || !socket.readable || !socket.writable) return false;
  socket.cork();
  socket.write(`${AGREED}${hash('sha1', key + GUID, 'base64')}${CHOSEN}`, 'latin1');
  return true;
}

const AGREED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ';
const CHOSEN = '\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n';
