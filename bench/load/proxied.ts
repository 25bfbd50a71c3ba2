// Requests to one client: straight, or by way of a client_proxy that it serves behind. The first session answers, all others
// ask, each one after the other; every answer has to be the one to its request.

import type { TcpSession } from './tcp.js';

/** The first session lets the component see it; over when a request through it was answered. */
export async function serve(sessions: readonly TcpSession[], proxy: string): Promise<void> {
  const [service, user] = sessions;
  if (service === undefined || user === undefined) return;
  service.heard = (stanza) => {
    if (stanza.startsWith('<iq') && attribute(stanza, 'type') === 'get') service.send(answer(stanza));
  };
  service.send(`<presence type='subscribed' to='${proxy}'/>`);
  for (;;) {
    const result = await asked(user, proxy, 'first');
    if (attribute(result, 'type') === 'result') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** So many requests to that address, or to the client itself. */
export async function ask(
  sessions: readonly TcpSession[],
  requests: number,
  proxy: string | undefined,
  moved: () => void,
): Promise<void> {
  const [service, ...users] = sessions;
  const to = proxy ?? service?.talk.jid ?? '';
  let left = requests;
  const work = async (user: TcpSession) => {
    while (left-- > 0) {
      const said = `${left}`;
      const result = await asked(user, to, said);
      const right = attribute(result, 'type') === 'result' && attribute(result, 'from') === to;
      if (!right || !result.includes(`>${user.talk.number} ${said}<`))
        throw new Error(`session ${user.talk.number} asked ${said} of ${to}, and heard ${result.slice(0, 300)}`);
      moved();
    }
  };
  await Promise.all(users.map(work));
}

function asked(user: TcpSession, to: string, said: string): Promise<string> {
  return new Promise((resolve, reject) => {
    user.heard = (stanza) => {
      if (attribute(stanza, 'id') === said) resolve(stanza);
      else if (stanza.startsWith('<iq')) reject(new Error(`nobody asked for ${stanza.slice(0, 300)}`));
    };
    const text = `${user.talk.number} ${said}`;
    user.send(`<iq type='get' id='${said}' to='${to}'><query xmlns='urn:example:bench'>${text}</query></iq>`);
  });
}

function answer(request: string): string {
  const [, text] = /<query xmlns=['"]urn:example:bench['"]>([^<]*)</.exec(request) ?? [];
  const [id, to] = [attribute(request, 'id'), attribute(request, 'from')];
  return `<iq type='result' id='${id}' to='${to}'><query xmlns='urn:example:bench'>${text}</query></iq>`;
}

/** Of the first tag. */
function attribute(stanza: string, name: string): string | undefined {
  const head = stanza.slice(0, stanza.indexOf('>'));
  return new RegExp(` ${name}=['"]([^'"]*)['"]`).exec(head)?.[1];
}
