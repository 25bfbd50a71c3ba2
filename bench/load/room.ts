// A room (XEP-0045) that all sessions are in, and its first occupant speaks: each message has to come to each of them once,
// whole and in order.

import type { TcpSession } from './tcp.js';

const MUC = 'http://jabber.org/protocol/muc';
const PING = "<ping xmlns='urn:xmpp:ping'/>";
const MESSAGE_END = '</message>';

/** The first session makes the room and opens it; the others enter, some at a time. */
export async function enter(
  sessions: readonly TcpSession[],
  room: string,
  atOnce: number,
  moved: () => void,
): Promise<void> {
  const [owner, ...others] = sessions;
  if (owner === undefined) return;
  await entered(owner, room);
  const form = "<x xmlns='jabber:x:data' type='submit'/>";
  await owner.ask(`<iq type='set' id='open' to='${room}'><query xmlns='${MUC}#owner'>${form}</query></iq>`, 'open');
  const worker = async () => {
    for (let session = others.pop(); session !== undefined; session = others.pop()) {
      await entered(session, room);
      moved();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  // All have heard of all.
  await Promise.all(
    sessions.map((session) =>
      session.ask(`<iq type='get' id='seen' to='${room}/n${session.talk.number}'>${PING}</iq>`, "'seen'"),
    ),
  );
}

/** Over when the subject has come, which is the last of it. */
function entered(session: TcpSession, room: string): Promise<void> {
  return new Promise((resolve) => {
    session.told = (text) => {
      if (text.includes('<subject')) resolve();
    };
    session.send(`<presence to='${room}/n${session.talk.number}'><x xmlns='${MUC}'/></presence>`);
  });
}

/** So many messages, each when all have heard the one before. Throws when one hears anything else. */
export async function speak(
  sessions: readonly TcpSession[],
  room: string,
  messages: number,
  bytes: number,
  moved: () => void,
): Promise<void> {
  const [speaker] = sessions;
  if (speaker === undefined) return;
  const filler = 'x'.repeat(bytes);
  for (let n = 1; n <= messages; n++) {
    const body = `<body>${n} ${filler}</body>`;
    await new Promise<void>((resolve) => {
      let missing = sessions.length;
      for (const session of sessions) session.told = once(session, room, body, () => --missing === 0 && resolve());
      speaker.send(`<message type='groupchat' id='m${n}' to='${room}'>${body}</message>`);
    });
    moved();
  }
}

function once(session: TcpSession, room: string, body: string, heard: () => void): (text: string) => void {
  let times = 0;
  return (text) => {
    const isOne = text.indexOf(MESSAGE_END) === text.length - MESSAGE_END.length;
    if (times++ > 0 || !isOne || !text.includes(body) || !text.includes(`${room}/n0`))
      throw new Error(`${session.talk.jid} waits for "${body}", heard ${text.slice(0, 300)}`);
    heard();
  };
}
