// One user whose presence changes, and those who see it (RFC 6121 sections 3 and 4): mutual subscriptions are made over
// the protocol, as every server understands it, and each change has to come to each contact once and in order.

import type { TcpSession } from './tcp.js';

// The simple example of XEP-0115 section 5.2: servers may ask what it stands for.
const DISCO = 'http://jabber.org/protocol/disco#info';
const FEATURES = ['caps', 'disco#info', 'disco#items', 'muc'].map((each) => `http://jabber.org/protocol/${each}`);
const VER = 'QgayPKawpkPSDYmwT/WM94uAlu0=';
const CAPS = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example/' ver='${VER}'/>`;

/** The first session and each of the others subscribe to one another, `atOnce` at a time; all are available. */
export async function befriend(sessions: readonly TcpSession[], atOnce: number, moved: () => void): Promise<void> {
  const [hub, ...contacts] = sessions;
  if (hub === undefined) return;
  const asked = new Map<string, () => void>();
  hub.heard = (stanza) => {
    if (type(stanza) === 'subscribe') asked.get(bare(from(stanza)))?.();
  };
  const worker = async () => {
    for (let contact = contacts.pop(); contact !== undefined; contact = contacts.pop()) {
      await subscribe(hub, contact, asked, moved);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  hub.heard = () => {};
}

/** The hub asks first; over when the contact's own request was granted. */
function subscribe(
  hub: TcpSession,
  contact: TcpSession,
  asked: Map<string, () => void>,
  moved: () => void,
): Promise<void> {
  const one = bare(hub.talk.jid);
  const other = bare(contact.talk.jid);
  asked.set(other, () => hub.send(presence('subscribed', other)));
  return new Promise((resolve) => {
    contact.heard = (stanza) => {
      moved();
      if (bare(from(stanza)) !== one) return;
      if (type(stanza) === 'subscribe') contact.send(presence('subscribed', one) + presence('subscribe', one));
      if (type(stanza) === 'subscribed') resolve();
    };
    hub.send(presence('subscribe', other));
  });
}

/** The hub's presence changes so often, each time after all have seen the last. Throws when one sees too much. */
export async function broadcast(sessions: readonly TcpSession[], changes: number, moved: () => void): Promise<void> {
  const [hub] = sessions;
  if (hub === undefined) return;
  for (let change = 1; change <= changes; change++) {
    const status = `change ${change} of ${hub.talk.jid}`;
    await new Promise<void>((resolve) => {
      let missing = sessions.length;
      for (const session of sessions) {
        session.heard = once(hub, session, status, () => --missing === 0 && resolve());
      }
      const show = change % 2 === 0 ? '<show>away</show>' : '<show>chat</show>';
      hub.send(`<presence>${show}<status>${status}</status>${CAPS}</presence>`);
    });
    moved();
  }
}

/** Hears that the hub has this status, once. */
function once(hub: TcpSession, session: TcpSession, status: string, seen: () => void): (stanza: string) => void {
  let heard = false;
  return (stanza) => {
    if (stanza.startsWith('<iq') && stanza.includes(DISCO)) session.send(disco(stanza));
    if (!stanza.startsWith('<presence') || from(stanza) !== hub.talk.jid) return;
    if (heard || !stanza.includes(`<status>${status}</status>`) || !stanza.includes(VER))
      throw new Error(`${session.talk.jid} waits for "${status}", heard ${stanza.slice(0, 300)}`);
    heard = true;
    seen();
  };
}

function disco(request: string): string {
  const features = FEATURES.map((each) => `<feature var='${each}'/>`).join('');
  const node = `http://client.example/#${VER}`;
  return (
    `<iq type='result' id='${attribute(request, 'id')}' to='${from(request)}'><query xmlns='${DISCO}' node='${node}'>` +
    `<identity category='client' type='pc' name='Exodus 0.9.1'/>${features}</query></iq>`
  );
}

function presence(kind: string, to: string): string {
  return `<presence type='${kind}' to='${to}'/>`;
}

function from(stanza: string): string {
  return attribute(stanza, 'from') ?? '';
}

function type(stanza: string): string | undefined {
  return attribute(stanza, 'type');
}

/** Of the first tag. */
function attribute(stanza: string, name: string): string | undefined {
  const head = stanza.slice(0, stanza.indexOf('>'));
  return new RegExp(` ${name}=['"]([^'"]*)['"]`).exec(head)?.[1];
}

function bare(jid: string): string {
  return jid.split('/', 1)[0] ?? '';
}
