import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLog, fingerprint, type LogLevel, silentLog } from '../src/log.js';

function recorded(level: LogLevel = 'INFO', pretty = false) {
  const lines: string[] = [];
  const log = createLog(level, { pretty, to: { write: (line: string) => lines.push(line) } });
  const last = (): Record<string, unknown> => JSON.parse(lines[lines.length - 1]);
  return { log, lines, last };
}

test('a line is JSON: level, time, event, then the fields', () => {
  const { log, lines, last } = recorded();
  log.info('session_created', { host: 'a.example', count: 3 });
  expect(Object.keys(last())).toEqual(['level', 'time', 'event', 'host', 'count']);
  expect(last()).toMatchObject({ level: 'info', event: 'session_created', host: 'a.example', count: 3 });
  expect(lines[0].endsWith('}\n')).toBe(true);
});

test('the level decides, and can be changed', () => {
  const { log, lines } = recorded('WARN');
  log.info('a');
  log.debug('b');
  log.warn('c');
  expect(lines).toHaveLength(1);
  log.level = 'DEBUG';
  log.debug('d');
  expect(log.level).toBe('DEBUG');
  expect(lines).toHaveLength(2);
});

test("a child's fields stand on its every line", () => {
  const { log, last } = recorded();
  const child = log.child({ session: 'abc' }).child({ host: 'a.example' });
  child.error('failed', { reason: 'x' });
  expect(last()).toMatchObject({ event: 'failed', session: 'abc', host: 'a.example', reason: 'x' });
});

test('G4 secrets are blotted out at any depth, a sid is only a fingerprint', () => {
  const { log, lines, last } = recorded();
  const sid = 'node-canary-sid-0123456789';
  log.info('x', {
    password: 'canary',
    inner: { api_token: 'canary', key: [{ client_secret: 'canary' }] },
    sid,
    response: 'canary',
  });
  expect(lines.join('')).not.toContain('canary');
  expect(last().sid).toBe(fingerprint(sid));
  expect(fingerprint(sid)).toMatch(/^[0-9a-f]{8}$/);
  log.info('x', { sid: fingerprint(sid) });
  expect(last().sid).toBe(fingerprint(sid));
});

test('G1 values are cut at 256 bytes, also in other scripts', () => {
  const { log, last } = recorded();
  for (const text of ['a'.repeat(1_000_000), '語'.repeat(300), '😀'.repeat(500)]) {
    log.info('x', { agent: text });
    const { agent } = last() as { agent: string };
    expect(Buffer.byteLength(agent)).toBeLessThanOrEqual(258);
    expect(agent.endsWith('…')).toBe(true);
  }
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;

test('G1 no control or direction character reaches the reader, whatever is logged', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('\u001b[2J', '\r\nfake', '\u202egnp.exe', '\u009b31m'),
  );
  const plain = recorded('DEBUG');
  const pretty = recorded('DEBUG', true);
  fc.assert(
    fc.property(text, text, fc.anything(), (event, name, value) => {
      for (const { log, lines } of [plain, pretty]) {
        lines.length = 0;
        log.debug(event, { [name]: event, value, list: [name] });
        expect(lines).toHaveLength(1);
        expect(lines[0].slice(0, -1)).not.toContain('\n');
        expect(lines[0]).not.toMatch(RAW);
      }
    }),
    { numRuns: 1000 },
  );
});

test('errors are told with message, code, stack and cause', () => {
  const { log, last } = recorded();
  const cause = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
  log.error('dial_failed', { error: new Error('cannot dial', { cause }) });
  expect(last().error).toMatchObject({
    name: 'Error',
    message: 'cannot dial',
    cause: { message: 'no route', code: 'EHOSTUNREACH' },
  });
});

test('a terminal gets a line for people', () => {
  const { log, lines } = recorded('INFO', true);
  log.warn('no_upstream', { how: 'say --upstream', port: 5280 });
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}no_upstream how="say --upstream" port=5280\n$/);
});

test('G2 the same complaint is told fifty times a second, the rest is counted', () => {
  const { log, lines } = recorded();
  for (let i = 0; i < 1000; i++) log.warn('flood', { i });
  log.warn('other');
  expect(lines).toHaveLength(51);
});

test('G2 a reader that never reads costs nobody anything: lines are dropped and counted', async () => {
  const code = `
    import { createLog } from ${JSON.stringify(join(import.meta.dirname, '../dist/log.js'))};
    const log = createLog('INFO');
    const began = performance.now();
    for (let i = 0; i < 60000; i++) log.info('flood', { text: 'x'.repeat(200) });
    const took = performance.now() - began;
    await log.flush(50);
    process.stderr.write(JSON.stringify({ took, dropped: log.dropped }));
    process.exit(0);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = await text(child.stderr);
  const { dropped, took } = JSON.parse(said) as { dropped: number; took: number };
  expect(dropped).toBeGreaterThan(1000);
  expect(took).toBeLessThan(10_000);
});

test('G2 a reader that has gone ends nothing', async () => {
  const code = `
    import { createLog } from ${JSON.stringify(join(import.meta.dirname, '../dist/log.js'))};
    const log = createLog('INFO');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    for (let i = 0; i < 10; i++) { log.info('x', { i }); await new Promise((resolve) => setImmediate(resolve)); }
    await log.flush(50);
    process.stderr.write('alive');
    process.exit(0);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stdin.end('go');
  const [said, [exit]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect([said, exit]).toEqual(['alive', 0]);
});

test('what was logged is written out by flush', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bosh-log-'));
  const log = createLog('INFO', { to: createWriteStream(join(folder, 'log')) });
  for (let i = 0; i < 100; i++) log.info('x', { i });
  await log.flush();
  expect(readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')).toHaveLength(100);
  rmSync(folder, { recursive: true });
});

test('the silent log takes everything', () => {
  expect(silentLog.child({ a: 1 }).info('x')).toBeUndefined();
});

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}
