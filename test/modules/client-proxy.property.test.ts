// Whatever users, clients and strangers do, in whatever order: a user gets one answer to each request, the one that was
// given to that request or an error, from the address that he asked; and nobody gets anything else.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { failed, PROXY, proxied, request, result, SERVICE, taken } from '../support/client-proxy.js';
import { CoreClient } from '../support/core.js';
import type { Xml } from '../support/xml.js';

const USERS = ['romeo', 'juliet', 'mallory'] as const;
const RESOURCES = ['a', 'b', 'c'] as const;
const ADDRESSES = [PROXY, `svc@${PROXY}`, `svc@${PROXY}/x y`] as const;
const TIMEOUT = 10;

const user = fc.nat(USERS.length - 1);
const client = fc.nat(RESOURCES.length - 1);
/** Which of the requests that a client has not answered. */
const which = fc.nat(20);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('ask'), user, to: fc.constantFrom(...ADDRESSES), id: fc.nat(2) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer'), client, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('answer again'), client, which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refuse'),
      client,
      which,
      condition: fc.constantFrom('service-unavailable', 'recipient-unavailable', 'forbidden'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('answer for another'), client, of: client, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('user answers'), user, of: client, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forge'), client, user, token: fc.base64String() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave'), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('come'), client, priority: fc.integer({ min: -2, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), seconds: fc.integer({ min: 1, max: 6 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const options = fc.record({
  policy: fc.constantFrom('random', 'round_robin', 'least_pending', 'sticky'),
  requests: fc.boolean(),
  messages: fc.boolean(),
  max_pending: fc.constantFrom(3, 10_000),
});

/** What a user asked: how often the answers came, and what they said. */
interface Question {
  readonly user: number;
  readonly id: string;
  readonly to: string;
  readonly said: string;
}

class Play {
  readonly users: CoreClient[] = [];
  readonly clients: CoreClient[] = [];
  readonly open: Xml[][] = RESOURCES.map(() => []);
  readonly done: Xml[][] = RESOURCES.map(() => []);
  readonly questions: Question[] = [];
  /** Bodies that clients have answered a request with, in answer to that request. */
  readonly given = new Set<string>();

  constructor(readonly at: Awaited<ReturnType<typeof proxied>>) {}

  async begin(): Promise<void> {
    for (const name of USERS) this.users.push(await new CoreClient(this.at.core).enter(name));
    for (const name of RESOURCES) this.clients.push(await new CoreClient(this.at.core).enter('service', name));
    const [first] = this.clients;
    await first.ask('get', "<query xmlns='jabber:iq:roster'/>");
    first.say(`<presence xmlns='jabber:client' type='subscribed' to='${PROXY}'/>`);
    await first.ask('get', "<query xmlns='jabber:iq:roster'/>");
    for (const each of this.clients) each.say("<presence xmlns='jabber:client'/>");
    this.hear();
  }

  /** What the clients were asked. */
  hear(): void {
    for (const [i, each] of this.clients.entries()) {
      for (const stanza of taken(each)) {
        if (stanza.name !== 'iq' || stanza.attr('type') === 'error') continue;
        // A client is asked what was asked, and nothing else.
        expect(this.questions.some(({ said }) => said === stanza.child('q')?.text)).toBe(true);
        expect(stanza.attr('to')).toBe(`${SERVICE}/${RESOURCES[i]}`);
        this.open[i].push(stanza);
      }
    }
  }

  act(step: Step): void {
    const { clients, users, open, done } = this;
    const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % Math.max(from.length, 1)];
    switch (step.do) {
      case 'ask': {
        const { user, to, id } = step as { user: number; to: string; id: number };
        const said = `question ${this.questions.length}`;
        this.questions.push({ user, id: `id${id}`, to, said });
        users[user].say(request(`id${id}`, to, 'set', said));
        break;
      }
      case 'answer': {
        const { client, which } = step as { client: number; which: number };
        const asked = pick(open[client], which);
        if (asked === undefined) break;
        open[client].splice(open[client].indexOf(asked), 1);
        done[client].push(asked);
        const body = `${asked.child('q')?.text} by ${client}`;
        this.given.add(body);
        clients[client].say(result(asked, body));
        break;
      }
      case 'refuse': {
        const { client, which, condition } = step as { client: number; which: number; condition: string };
        const asked = pick(open[client], which);
        if (asked === undefined) break;
        open[client].splice(open[client].indexOf(asked), 1);
        clients[client].say(failed(asked, condition));
        break;
      }
      case 'answer again': {
        const { client, which } = step as { client: number; which: number };
        const asked = pick(done[client], which);
        if (asked !== undefined) clients[client].say(result(asked, 'forged: again'));
        break;
      }
      case 'answer for another': {
        const { client, of, which } = step as { client: number; of: number; which: number };
        const asked = pick(open[of], which);
        if (asked !== undefined && client !== of) clients[client].say(result(asked, 'forged: by another'));
        break;
      }
      case 'user answers': {
        const { user, of, which } = step as { user: number; of: number; which: number };
        const asked = pick(open[of], which);
        if (asked !== undefined) users[user].say(result(asked, 'forged: by a user'));
        break;
      }
      case 'forge': {
        const { client, user, token } = step as { client: number; user: number; token: string };
        const to = `${PROXY}/${token.slice(0, 22).padEnd(22, 'x')}/${USERS[user]}@example.test/test`;
        clients[client].say(
          `<iq xmlns='jabber:client' type='result' id='id0' to='${to}'><a xmlns='urn:q'>forged: guessed</a></iq>`,
        );
        break;
      }
      case 'leave':
        clients[(step as { client: number }).client].say("<presence xmlns='jabber:client' type='unavailable'/>");
        break;
      case 'come': {
        const { client, priority } = step as { client: number; priority: number };
        clients[client].say(`<presence xmlns='jabber:client'><priority>${priority}</priority></presence>`);
        break;
      }
      case 'wait':
        this.at.clock.now += (step as { seconds: number }).seconds * 1000;
        this.at.core.sweep();
    }
    this.hear();
  }

  /** Each user's answers, once all time is over. */
  check(): void {
    this.at.clock.now += TIMEOUT * 1000;
    this.at.core.sweep();
    this.hear();
    for (const [user, client] of this.users.entries()) {
      const asked = this.questions.filter((each) => each.user === user);
      const answers = taken(client).filter(
        // Nobody was asked by a user's own answer, which is an error for nobody.
        ({ name }) => name === 'iq',
      );
      const known = (list: readonly { id?: string; to?: string }[]) => list.map(({ id, to }) => `${id} ${to}`).sort();
      expect(known(answers.map((each) => ({ id: each.attr('id'), to: each.attr('from') })))).toEqual(known(asked));
      for (const answer of answers) {
        const text = answer.child('a')?.text;
        if (answer.attr('type') === 'error') continue;
        expect(text !== undefined && this.given.has(text)).toBe(true);
        const question = this.questions.find(({ said }) => text?.startsWith(`${said} by`));
        expect([question?.user, question?.id, question?.to]).toEqual([user, answer.attr('id'), answer.attr('from')]);
      }
      const texts = answers.flatMap((each) => each.child('a')?.text ?? []);
      const questions = texts.map((text) => text.replace(/ by .*/, ''));
      expect(new Set(questions).size).toBe(questions.length);
    }
  }
}

test('nothing is ever forwarded to the wrong person, and every request is answered once', async () => {
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 60 }), async (said, steps) => {
      const play = new Play(await proxied({ ...said, timeout: TIMEOUT }));
      await play.begin();
      for (const each of steps) play.act(each);
      play.check();
      await play.at.core.stop();
    }),
    { numRuns: Number(process.env.RUNS ?? 150) },
  );
});
