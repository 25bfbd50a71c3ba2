// A node (XEP-0060) that all sessions are subscribed to, and the first of them publishes: each item has to come to each of
// them once, whole and in order.

import type { TcpSession } from './tcp.js';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const NODE = 'news';
const MESSAGE_END = '</message>';

/** The first session makes the node; all subscribe, some at a time. */
export async function subscribe(
  sessions: readonly TcpSession[],
  service: string,
  atOnce: number,
  moved: () => void,
): Promise<void> {
  const [owner] = sessions;
  if (owner === undefined) return;
  await asked(owner, service, `<create node='${NODE}'/>`);
  const others = [...sessions];
  const worker = async () => {
    for (let session = others.pop(); session !== undefined; session = others.pop()) {
      const [bare] = session.talk.jid.split('/');
      await asked(session, service, `<subscribe node='${NODE}' jid='${bare}'/>`);
      moved();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function asked(session: TcpSession, service: string, inside: string): Promise<void> {
  const iq = `<iq type='set' id='done' to='${service}'><pubsub xmlns='${PUBSUB}'>${inside}</pubsub></iq>`;
  const answer = await session.ask(iq, 'done');
  if (!/type=['"]result/.test(answer)) throw new Error(`${session.talk.jid} asked "${inside}", heard ${answer}`);
}

/** So many items, each when all have heard of the one before and it was acknowledged. Throws when one hears anything else. */
export async function publish(
  sessions: readonly TcpSession[],
  service: string,
  items: number,
  bytes: number,
  moved: () => void,
): Promise<void> {
  const [publisher] = sessions;
  if (publisher === undefined) return;
  const filler = 'x'.repeat(bytes);
  for (let n = 1; n <= items; n++) {
    const text = `${n} ${filler}`;
    const item = `<item id='i'><e xmlns='urn:e'>${text}</e></item>`;
    const inside = `<pubsub xmlns='${PUBSUB}'><publish node='${NODE}'>${item}</publish></pubsub>`;
    const heard = new Promise<void>((resolve) => {
      let missing = sessions.length;
      for (const session of sessions) session.told = once(session, text, () => --missing === 0 && resolve());
    });
    const answer = await publisher.ask(`<iq type='set' id='p${n}' to='${service}'>${inside}</iq>`, `p${n}`);
    if (!/type=['"]result/.test(answer)) throw new Error(`${publisher.talk.jid} published, heard ${answer}`);
    await heard;
    moved();
  }
}

function once(session: TcpSession, text: string, heard: () => void): (said: string) => void {
  let times = 0;
  return (said) => {
    const isOne = said.indexOf(MESSAGE_END) === said.length - MESSAGE_END.length;
    if (times++ > 0 || !isOne || !said.includes(text))
      throw new Error(`${session.talk.jid} waits for "${text}", heard ${said.slice(0, 300)}`);
    heard();
  };
}
