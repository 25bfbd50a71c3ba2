import { describe, expect } from 'vitest';
import { BoshSession, body, creation, HTTPBIND, post } from '../support/bosh-client.js';
import { clauses, isHeld, message, subject } from './subject.js';

const { any, ours } = clauses('bosh');

describe('XEP-0124', () => {
  const s = subject();

  /** The verdict of a session towards a domain, at creation or with the next requests. */
  async function verdictOf(to: string, attrs = {}): Promise<string> {
    const wanted = creation(to, { wait: 10, ...attrs });
    const answer = await post(s.bosh, body(wanted));
    if (answer.verdict) return answer.verdict;
    const next = { rid: Number(wanted.rid) + 1, sid: answer.body.attr('sid') };
    return (await post(s.bosh, body(next))).verdict;
  }

  any('17.2 an unknown sid is item-not-found in a 200 body', async () => {
    const answer = await post(s.bosh, body({ rid: 1, sid: 'nobody' }));
    expect([answer.status, answer.verdict]).toEqual([200, 'terminate item-not-found']);
  });

  any('17.2 what is no XML at all is answered with a body, not with an HTTP error', async () => {
    for (const text of ['', ' ', 'hello', '<', '<body', `<body xmlns='${HTTPBIND}'`, '\0\0\0']) {
      const answer = await post(s.bosh, text);
      expect([answer.status, answer.body.name, answer.body.attr('type')], text).toEqual([200, 'body', 'terminate']);
    }
  });

  ours('17.1 without `ver`, item-not-found of a session is HTTP 404', async () => {
    const session = await s.session({ ver: undefined });
    const answer = await session.at(session.rid + 100);
    expect([answer.status, answer.text]).toEqual([404, '']);
  });

  ours('17.1 without `ver`, bad-request of a session is HTTP 400', async () => {
    const session = await s.session({ ver: undefined });
    expect((await session.send('<')).status).toBe(400);
  });

  ours('17.1 without `ver`, policy-violation of a session is HTTP 403', async () => {
    const session = await s.session({ ver: undefined });
    expect((await session.send('', { pause: 9999 })).status).toBe(403);
  });

  ours('17.1 without `ver`, other conditions stay in a 200 body', async () => {
    const session = await s.session({ ver: undefined, wait: 10 });
    const held = session.send();
    s.backend(session.created.body.attr('authid') ?? '').error('conflict');
    const answer = await held;
    expect([answer.status, answer.verdict]).toEqual([200, 'terminate remote-stream-error']);
  });

  ours('17.2 a server that cannot be reached is remote-connection-failed', async () => {
    expect(await verdictOf('dead.test.example')).toBe('terminate remote-connection-failed');
  });

  ours('17.2 a server that hangs up at once is remote-connection-failed', async () => {
    expect(await verdictOf('fin.test.example')).toBe('terminate remote-connection-failed');
  });

  ours('17.2 a domain that is not allowed is host-unknown', async () => {
    expect(await verdictOf('forbidden.example')).toBe('terminate host-unknown');
  });

  ours('17.2 a lost server connection is remote-connection-failed', async () => {
    const { session, backend } = await s.pair({ wait: 10 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    backend.socket.resetAndDestroy();
    expect((await held).verdict).toBe('terminate remote-connection-failed');
  });

  ours('17.2 a stream error while the stream opens is remote-stream-error', async () => {
    expect(await verdictOf('error.test.example')).toBe('terminate remote-stream-error');
  });

  ours('17.2 see-other-host becomes a stream error of the server, never a redirect of ours', async () => {
    const { session, backend } = await s.pair({ wait: 10 });
    const held = session.send();
    backend.error('see-other-host');
    expect((await held).verdict).toBe('terminate remote-stream-error');
  });

  ours('17.2 a server that breaks XML ends the session and nothing broken reaches the client', async () => {
    const { session, jid, backend } = await s.pair({ wait: 10 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    backend.write(`${message(jid, 'whole')}<message><oops></message>`);
    const first = await held;
    const last = first.verdict ? first : await session.send();
    expect(last.verdict).toMatch(/^terminate /);
    expect(first.text + last.text).not.toContain('oops');
  });

  ours('17.2 one broken session harms no other', async () => {
    const [good, bad] = [await s.user({ wait: 10 }), await s.user()];
    const held = good.session.send();
    await bad.session.send('<');
    const third = await s.user();
    void third.session.send(message(good.jid, 'unharmed')).catch(() => {});
    expect((await held).children[0].child('body')?.text).toBe('unharmed');
  });
});

describe('XEP-0124 when the server stops', () => {
  const s = subject({ drain: { timeout: 1 } });

  ours('17.2 sessions end with system-shutdown and the process with 0', async () => {
    const session = await BoshSession.create(s.bosh, s.domain, { wait: 30 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const code = s.server?.stop('SIGTERM');
    expect((await held).verdict).toBe('terminate system-shutdown');
    expect(await code).toBe(0);
  });
});

describe('XEP-0124 when the server moves', () => {
  const s = subject({ drain: { timeout: 1, see_other_uri: 'https://other.example/http-bind/' } });

  ours('17.2 see-other-uri carries the address', async () => {
    const session = await BoshSession.create(s.bosh, s.domain, { wait: 30 });
    const held = session.send();
    expect(await isHeld(held)).toBe(true);
    const code = s.server?.stop('SIGTERM');
    const answer = await held;
    expect(answer.verdict).toBe('terminate see-other-uri');
    expect(answer.body.child('uri', HTTPBIND)?.text).toBe('https://other.example/http-bind/');
    await code;
  });
});
