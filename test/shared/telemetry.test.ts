import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  createTelemetry,
  printableText,
  type TelemetryOptions,
} from '../../src/shared/telemetry.ts';
import { until } from '../support/until.ts';

/** For programs of their own: its address, as they import it. */
const telemetryModule = JSON.stringify(
  fileURLToPath(new URL(`../../src/shared/telemetry${extname(import.meta.url)}`, import.meta.url)),
);

/** Lines that were written by the time the telemetry is closed, on a clock that the test moves. */
function record(t: TestContext, options: Omit<TelemetryOptions, 'to' | 'now'>) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-telemetry-'));
  const file = join(folder, 'log');
  const to = openSync(file, 'w');
  t.after(() => {
    closeSync(to);
    rmSync(folder, { recursive: true });
  });
  const clock = { nowMs: 1_000 };
  const telemetry = createTelemetry({ ...options, to, now: () => clock.nowMs });
  const written = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const lines = async (count: number): Promise<string[]> => {
    await telemetry.close();
    for (let tries = 0; written().length < count && tries < 2000; tries++) await sleep(5);
    return written();
  };
  return { telemetry, clock, lines, written };
}

test('a line is one JSON object with level, time, event, fields and message', async (t) => {
  const { telemetry, lines } = record(t, { level: 'info', format: 'json' });
  telemetry.warn('brokerLost', 'broker 2 is gone', { node: 2, host: 'k2', absent: undefined });
  assert.deepEqual(
    (await lines(1)).map((line) => JSON.parse(line) as unknown),
    [
      {
        level: 'warn',
        time: '1970-01-01T00:00:01.000Z',
        event: 'brokerLost',
        node: 2,
        host: 'k2',
        message: 'broker 2 is gone',
      },
    ],
  );
});

test('text for people says in brackets what the message does not', async (t) => {
  const { telemetry, lines } = record(t, { level: 'info', format: 'text' });
  telemetry.info('brokerLost', 'broker 2 is gone', { node: 2, host: 'k2' });
  const [line = ''] = await lines(1);
  assert.match(line, /^\d\d:\d\d:\d\d info {2}brokerLost: broker 2 is gone \(host=k2\)$/);
});

test('lines below the level are left out', async (t) => {
  const { telemetry, lines } = record(t, { level: 'warn', format: 'text' });
  telemetry.info('a', 'not this');
  telemetry.warn('b', 'this');
  telemetry.error('c', 'and this');
  assert.equal((await lines(2)).length, 2);
});

test('repeats are counted instead of written, and many of one code too', async (t) => {
  const { telemetry, clock, lines } = record(t, { level: 'info', format: 'text' });
  for (let i = 0; i < 500; i++) telemetry.warn('same', 'the same');
  for (let i = 0; i < 50; i++) telemetry.warn('many', `file ${i}`);
  clock.nowMs += 10_000;
  telemetry.warn('same', 'the same');
  const said = (await lines(14)).map((line) => line.replace(/^\S+ warn {2}/, ''));
  assert.deepEqual(said, [
    'same: the same',
    ...Array.from({ length: 10 }, (_, i) => `many: file ${i}`),
    'same: 499 more of same in 10 s',
    'same: the same',
    'many: 40 more of many in 10 s',
  ]);
});

test('repeats are told when their time is over, though nothing is said after them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { telemetry, clock, written } = record(t, { level: 'info', format: 'text' });
  const pass = (ms: number): void => {
    clock.nowMs += ms;
    t.mock.timers.tick(ms);
  };
  telemetry.warn('early', 'the same');
  telemetry.warn('early', 'the same');
  pass(6000);
  telemetry.warn('late', 'the same');
  telemetry.warn('late', 'the same');
  pass(4000);
  pass(10_000);
  t.mock.timers.reset();
  await until(() => written().length === 4);
  assert.deepEqual(
    written().map((line) => line.replace(/^\S+ warn {2}/, '')),
    [
      'early: the same',
      'late: the same',
      'early: 1 more of early in 10 s',
      'late: 1 more of late in 14 s',
    ],
  );
  await telemetry.close();
});

test('nothing that comes from outside can steer the terminal or begin a line', async (t) => {
  const { telemetry, lines } = record(t, { level: 'info', format: 'text' });
  telemetry.info('fileOpened', 'file /tmp/\u001b[2Ja\nb\u009b', { topic: 'x\r\u202e' });
  const said = await lines(1);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /file \/tmp\/\\x1b\[2Ja\\x0ab\\x9b \(topic=x\\x0d\\u202e\)$/);
  assert.equal(printableText('Grüße, 世界 🎉'), 'Grüße, 世界 🎉');
  assert.equal(printableText('x'.repeat(5000)).length, 2003);
});

test('no line is lost when the process exits in the middle of things', async () => {
  const program = `
    const { createTelemetry } = await import(${telemetryModule});
    const telemetry = createTelemetry({ level: 'info', format: 'json' });
    for (let i = 0; i < 2000; i++) telemetry.info('code' + i, 'x'.repeat(100));
    process.exit(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 3);
  const codes = said
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.deepEqual(
    codes,
    Array.from({ length: 2000 }, (_, i) => `code${i}`),
  );
});

test('a full disk under the log does not hold up the end', async () => {
  const program = `
    const { createTelemetry } = await import(${telemetryModule});
    const telemetry = createTelemetry({ level: 'info', format: 'json' });
    telemetry.info('one', 'nobody will read this');
    await telemetry.close();
    process.exit(3);`;
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', full],
    timeout: 20_000,
  });
  const [code] = (await once(child, 'close')) as [number | null];
  closeSync(full);
  assert.equal(code, 3);
});

test('when a full disk has room again, what was said meanwhile is written and nothing is lost', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-telemetry-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  const to = openSync('/dev/full', 'w');
  const telemetry = createTelemetry({ level: 'info', format: 'text', to });
  telemetry.info('one', 'said to a full disk');
  await telemetry.close();
  closeSync(to);
  assert.equal(openSync(file, 'w'), to, 'the number that was free last is the next');
  telemetry.info('two', 'said when there is room');
  await until(() => readFileSync(file, 'utf8').includes('two: '));
  await telemetry.close();
  const codes = [...readFileSync(file, 'utf8').matchAll(/^\S+ info {2}(\w+):/gm)];
  assert.deepEqual(
    codes.map(([, code]) => code),
    ['one', 'two'],
  );
  closeSync(to);
});

test('a reader that stands still holds up a close for a second, and learns later how many lines it lost', async () => {
  const program = `
    const { createTelemetry } = await import(${telemetryModule});
    const telemetry = createTelemetry({ level: 'info', format: 'json' });
    for (let i = 0; i < 3000; i++) telemetry.info('code' + i, 'x'.repeat(1000));
    const beganMs = performance.now();
    await telemetry.close();
    process.stdout.write(String(performance.now() - beganMs));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close');
  const told = once(child.stdout, 'data') as Promise<[Buffer]>;
  const [closeTook] = await Promise.race([told, ended.then(() => ['killed: it never closed'])]);
  const closeMs = Number(closeTook.toString());
  assert.ok(closeMs > 900 && closeMs < 10_000, `${closeMs} ms`);

  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  assert.deepEqual(await ended, [0, null]);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; message: string });
  const { event, message } = lines.pop() ?? { event: '', message: '' };
  assert.ok(lines.length > 900 && lines.length < 1500, `${lines.length} lines of about 1 KB`);
  assert.deepEqual(
    [event, message],
    ['linesDropped', `${3000 - lines.length} lines were lost: nobody read them in time`],
  );
});
