// The opening handshake of a WebSocket (RFC 6455 section 4.2) for requests that the gate (upgrade.ts) let in. Its answers are those of
// `ws`, word for word (test/http/handshake.test.ts), without what that makes for each connection. No extension is agreed to.

import { hash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { UpgradeRequest } from './upgrade.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const PROTOCOLS = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/;
const VERSIONS = new Set([13, 8]);

/**
 * Answers the request; false when it got no WebSocket. What is written is held back (`cork`): it is for the caller to let it go, together
 * with whatever else leaves in this turn.
 */
export function shakeHands({ headers }: UpgradeRequest, socket: Socket): boolean {
  const key = headers['sec-websocket-key'] ?? '';
  const fault = faultOf(key, Number(headers['sec-websocket-version']), headers['sec-websocket-protocol'] ?? '');
  if (fault !== undefined) refuse(socket, fault);
  else if (!socket.readable || !socket.writable) socket.destroy();
  else {
    socket.cork();
    socket.write(`${AGREED}${hash('sha1', key + GUID, 'base64')}${CHOSEN}`, 'latin1');
    return true;
  }
  return false;
}

const AGREED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ';
const CHOSEN = '\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n';

/** What is wrong with a request, and a header that says how it would be right. */
type Fault = readonly [text: string, header?: string];

function faultOf(key: string, version: number, protocols: string): Fault | undefined {
  if (!KEY.test(key)) return ['Missing or invalid Sec-WebSocket-Key header'];
  if (!VERSIONS.has(version))
    return ['Missing or invalid Sec-WebSocket-Version header', 'Sec-WebSocket-Version: 13, 8\r\n'];
  if (protocols !== 'xmpp' && !isList(protocols)) return ['Invalid Sec-WebSocket-Protocol header'];
  return undefined;
}

/** Whether these are tokens, none of them twice (section 4.1). */
function isList(protocols: string): boolean {
  const all = protocols.split(/[ \t]*,[ \t]*/);
  return PROTOCOLS.test(protocols) && new Set(all).size === all.length;
}

function refuse(socket: Socket, [text, header = '']: Fault): void {
  socket.on('error', () => socket.destroy()).once('finish', () => socket.destroy());
  const own = `Connection: close\r\nContent-Type: text/html\r\nContent-Length: ${text.length}\r\n`;
  socket.end(`HTTP/1.1 400 Bad Request\r\n${own}${header}\r\n${text}`);
}
