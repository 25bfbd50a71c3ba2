// Addresses of the page: where its transports are, and what its own says of whom to talk to.

import { address } from './jid.js';

/** Of both transports, relative to the page's own, so that a prefix of a proxy stays. */
export function urls({ bosh, websocket }) {
  const socket = new URL(websocket, location.href);
  socket.protocol = socket.protocol.replace('http', 'ws');
  return { bosh: new URL(bosh, location.href).href, websocket: socket.href };
}

/** The link that others open to talk to a person (`chat`, and what they are called) or to enter a room (`room`). */
export function linkTo(what) {
  const url = new URL(location.href);
  url.hash = new URLSearchParams(what);
  return url.href;
}

/** Whom the page was opened to talk to, and what they are called; whether it is a room. */
export function invitation() {
  const said = new URLSearchParams(location.hash.slice(1));
  const room = said.has('room');
  const to = address(said.get(room ? 'room' : 'chat') ?? '');
  return to && { to, room, name: (!room && said.get('name')) || to };
}
