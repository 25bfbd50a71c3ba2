// Pages of archives (XEP-0313): every user asks for the last messages of his own archive, one page after the other, and every
// page has to be whole.

import type { TcpSession } from './tcp.js';

const MAM = 'urn:xmpp:mam:2';
const RSM = 'http://jabber.org/protocol/rsm';
const RESULT = /<result /g;

export async function page(
  sessions: readonly TcpSession[],
  pages: number,
  items: number,
  moved: () => void,
): Promise<void> {
  let left = pages;
  const work = async (user: TcpSession) => {
    while (left-- > 0) {
      const found = await asked(user, `page${left}`, items);
      if (found !== items) throw new Error(`session ${user.talk.number} got ${found} messages of ${items}`);
      moved();
    }
  };
  await Promise.all(sessions.map(work));
}

/** Resolves to how many messages came before the answer. */
function asked(user: TcpSession, id: string, items: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let found = 0;
    user.told = (text) => {
      found += text.match(RESULT)?.length ?? 0;
    };
    user.heard = (stanza) => {
      if (!stanza.startsWith('<iq')) return;
      user.told = undefined;
      if (stanza.includes(id) && stanza.includes('<fin')) resolve(found);
      else reject(new Error(`no page: ${stanza.slice(0, 300)}`));
    };
    const set = `<set xmlns='${RSM}'><max>${items}</max><before/></set>`;
    user.send(`<iq type='set' id='${id}'><query xmlns='${MAM}' queryid='q'>${set}</query></iq>`);
  });
}
