// Components as they are shipped, at our core: Debian's biboumi and slixmpp. And our client_proxy at Debian's Prosody and at
// ejabberd, where clients of slixmpp serve behind it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PEERS } from '../support/peers/edge.js';
import { describeWith, program } from '../support/peers/need.js';
import { DOMAIN, PASSWORD, type Peer, scratch } from '../support/peers/peer.js';
import { freePort, Running } from '../support/peers/process.js';
import { slixmpp, slixmppInstalled } from '../support/peers/python.js';
import { login as loginUser, type User } from '../support/peers/user.js';
import { login } from '../support/sasl.js';
import { type ServerProcess, startServer } from '../support/server.js';
import { WsClient } from '../support/ws-client.js';
import type { Xml } from '../support/xml.js';

const SECRET = 'sesame';
const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const withSlixmpp = describe.skipIf(!slixmppInstalled() && !process.env.CI);

describe('components at our core', () => {
  let server: ServerProcess;
  let romeo: WsClient;
  let port: number;
  let component: Running | undefined;

  beforeAll(async () => {
    port = await freePort();
    server = await startServer({
      config: {
        domains: { [DOMAIN]: { auth: { anonymous: true } } },
        component_port: port,
        components: {
          [`irc.${DOMAIN}`]: { secret: SECRET, name: 'IRC' },
          [`echo.${DOMAIN}`]: { secret: SECRET },
        },
      },
    });
    romeo = await WsClient.open(server.ws, DOMAIN);
    await login(romeo, {});
  });
  afterEach(async () => {
    await component?.stop();
    component = undefined;
  });
  afterAll(async () => {
    romeo?.cut();
    await server?.stop();
  });

  let asked = 0;
  const ask = (to: string, payload: string): Promise<Xml> => {
    const id = `ask${++asked}`;
    const iq = `<iq xmlns='jabber:client' type='get' to='${to}' id='${id}'>${payload}</iq>`;
    return romeo.exchange(iq, (each) => each.name === 'iq' && each.attr('id') === id);
  };
  const identity = (info: Xml) => info.child('query', INFO)?.child('identity');

  it('both are found among the services of the domain, and are service-unavailable while they are away', async () => {
    const items = (await ask(DOMAIN, `<query xmlns='${ITEMS}'/>`)).child('query')?.children;
    expect(items?.map((item) => [item.attr('jid'), item.attr('name')])).toEqual([
      [`irc.${DOMAIN}`, 'IRC'],
      [`echo.${DOMAIN}`, undefined],
    ]);
    const away = await ask(`irc.${DOMAIN}`, `<query xmlns='${INFO}'/>`);
    expect(away.child('error')?.children[0].name).toBe('service-unavailable');
  });

  describeWith(['biboumi'], 'biboumi', () => {
    it('connects, says what it is, and answers', async () => {
      const folder = scratch('biboumi');
      const file = join(folder.path, 'biboumi.cfg');
      const said = { hostname: `irc.${DOMAIN}`, password: SECRET, xmpp_server_ip: '127.0.0.1', port, identd_port: 0 };
      const all = { ...said, db_name: join(folder.path, 'db'), log_level: 0 };
      writeFileSync(
        file,
        Object.entries(all)
          .map((each) => `${each.join('=')}\n`)
          .join(''),
      );
      component = new Running(program('biboumi') ?? 'biboumi', [file], { cwd: folder.path });
      await server.process.until(/"component_connected","domain":"irc\./);
      const info = await ask(`irc.${DOMAIN}`, `<query xmlns='${INFO}'/>`);
      expect([identity(info)?.attr('category'), identity(info)?.attr('type')]).toEqual(['conference', 'irc']);
      const pong = await ask(`irc.${DOMAIN}`, "<ping xmlns='urn:xmpp:ping'/>");
      expect([pong.attr('type'), pong.attr('from')]).toEqual(['result', `irc.${DOMAIN}`]);
      await component.stop();
      await server.process.until(/"component_left","domain":"irc\./);
      folder.remove();
    });
  });

  withSlixmpp('slixmpp (needs python3-slixmpp)', () => {
    it('connects, says what it is, and answers', async () => {
      component = slixmpp('component.py', [`echo.${DOMAIN}`, SECRET, String(port)]);
      await component.until(/READY/);
      const info = await ask(`echo.${DOMAIN}`, `<query xmlns='${INFO}'/>`);
      expect(identity(info)?.attr('name')).toBe('Echo');
      romeo.send(`<message xmlns='jabber:client' to='echo.${DOMAIN}' type='chat' id='m'><body>hark</body></message>`);
      const echo = await romeo.receive(({ name }) => name === 'message');
      expect([echo.attr('from'), echo.textOf('body')]).toEqual([`echo.${DOMAIN}`, 'hark']);
      // Who is not to be found here is told so in the namespace of components, where slixmpp looks for it.
      expect(component.log).not.toContain('Traceback');
    });

    it('is refused with a wrong secret', async () => {
      component = slixmpp('component.py', [`echo.${DOMAIN}`, 'wrong', String(port)]);
      await server.process.until(/"component_refused","domain":"echo\./);
      expect(component.log).not.toContain('READY');
    });
  });
});

const PROXY = `proxy.${DOMAIN}`;

for (const { name, program: needed, start } of PEERS) {
  describeWith([needed, 'openssl'], `client_proxy at ${name}`, () => {
    withSlixmpp('with clients of slixmpp (needs python3-slixmpp)', () => {
      let peer: Peer;
      let server: ServerProcess;
      let romeo: User;
      let juliet: User;
      const clients = new Map<string, Running>();

      beforeAll(async () => {
        const attach = { host: '127.0.0.1', port: await freePort(), secret: SECRET };
        peer = await start({ component: { domain: PROXY, ...attach } });
        const proxied = { module: 'client_proxy', target_address: `nurse@${DOMAIN}`, attach };
        server = await startServer({
          config: {
            upstreams: { [DOMAIN]: { host: '127.0.0.1', port: peer.port, tls: 'none' } },
            components: { [PROXY]: { ...proxied, client_proxy: { policy: 'round_robin' } } },
            limits: { rates: false },
          },
        });
        await server.process.until(/component_attached/);
        [romeo, juliet] = [await loginUser('websocket', server, 'romeo'), await loginUser('bosh', server, 'juliet')];
      });
      afterAll(async () => {
        for (const client of clients.values()) await client.stop();
        await romeo?.close();
        await juliet?.close();
        await server?.stop();
        await peer?.stop();
      });

      const serves = async (resource: string) => {
        const before = clients.size;
        const client = slixmpp('service.py', [`nurse@${DOMAIN}/${resource}`, PASSWORD, String(peer.port), PROXY]);
        clients.set(resource, client);
        await client.until(/READY/);
        await until(() => clientsKnown(), before + 1);
      };

      const clientsKnown = async () => {
        const text = await (await fetch(new URL('/metrics', server.bosh))).text();
        return Number(/bosh_client_proxy_clients\{[^}]*\} (\d+)/.exec(text)?.[1]);
      };

      let asked = 0;
      /** The answer's text and who gave it. */
      const ask = async (user: User, text: string, to = PROXY, ms?: number): Promise<(string | undefined)[]> => {
        const id = `ask${++asked}`;
        user.send(
          `<iq xmlns="jabber:client" type="get" to="${to}" id="${id}"><echo xmlns="urn:example:echo">${text}</echo></iq>`,
        );
        const answer = await user.element((each) => each.name === 'iq' && each.attr('id') === id, `answer ${id}`, ms);
        expect([answer.attr('from'), answer.attr('to')]).toEqual([to, user.jid]);
        const echo = answer.child('echo');
        return [echo?.text ?? answer.child('error')?.children[0].name, echo?.attr('by')];
      };

      it('serves nobody while nobody is there', async () => {
        expect(await ask(romeo, 'hello')).toEqual(['service-unavailable', undefined]);
      });

      it('serves two users from two clients', async () => {
        await serves('one');
        await serves('two');
        const answers = [];
        for (const user of [romeo, juliet]) {
          for (const to of [PROXY, `svc@${PROXY}`]) answers.push(await ask(user, `${user.jid} asks ${to}`, to));
        }
        expect(answers.map(([text]) => text)).toEqual(
          [romeo, juliet].flatMap((user) => [PROXY, `svc@${PROXY}`].map((to) => `${user.jid} asks ${to}`)),
        );
        expect(new Set(answers.map(([, by]) => by))).toEqual(new Set(['one', 'two']));
      });

      it('survives the loss of one in the middle of requests', async () => {
        const waiting = [1, 2].map((n) => ask(romeo, `hold ${n}`));
        await clients.get('one')?.until(/HELD/);
        await clients.get('two')?.until(/HELD/);
        await clients.get('one')?.stop('SIGKILL');
        clients.delete('one');
        // Now the other one has both, and answers neither.
        await clients.get('two')?.until(/HELD hold \d[\s\S]*HELD hold \d/);
        await serves('three');
        await clients.get('two')?.stop('SIGKILL');
        clients.delete('two');
        await clients.get('three')?.until(/HELD hold \d[\s\S]*HELD hold \d/);
        expect((await ask(juliet, 'still there?'))[1]).toBe('three');
        await clients.get('three')?.stop('SIGKILL');
        clients.delete('three');
        expect(await Promise.all(waiting)).toEqual(Array(2).fill(['service-unavailable', undefined]));
      });

      it('spreads 10,000 requests of two users over three clients, and loses none', { timeout: 180_000 }, async () => {
        for (const resource of ['four', 'five', 'six']) await serves(resource);
        const by = new Map<string | undefined, number>();
        const work = async (user: User, most: number) => {
          for (let n = 0; n < most; n++) {
            const [text, who] = await ask(user, `${user.jid} ${n}`, PROXY, 60_000);
            expect(text).toBe(`${user.jid} ${n}`);
            by.set(who, (by.get(who) ?? 0) + 1);
          }
        };
        await Promise.all(Array.from({ length: 50 }, (_, i) => work(i % 5 === 0 ? juliet : romeo, 200)));
        expect([...by.keys()].sort()).toEqual(['five', 'four', 'six']);
        expect([...by.values()].reduce((sum, each) => sum + each, 0)).toBe(10_000);
        for (const each of by.values()) expect(each).toBeGreaterThan(3000);
        expect(server.log()).not.toMatch(/"level":"error"/);
      });
    });
  });
}

/** Looks until it is so. */
async function until(look: () => Promise<number>, wanted: number): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if ((await look()) === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never ${wanted}: ${await look()}`);
}
