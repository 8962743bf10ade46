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
  const lines = async (count: number): Promise<string[]> => {
    await telemetry.close();
    for (let tries = 0; ; tries++) {
      const written = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      if (written.length >= count || tries === 2000) return written;
      await sleep(5);
    }
  };
  return { telemetry, clock, lines };
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
  const file = fileURLToPath(
    new URL(`../../src/shared/telemetry${extname(import.meta.url)}`, import.meta.url),
  );
  const program = `
    const { createTelemetry } = await import(${JSON.stringify(file)});
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
  const file = fileURLToPath(
    new URL(`../../src/shared/telemetry${extname(import.meta.url)}`, import.meta.url),
  );
  const program = `
    const { createTelemetry } = await import(${JSON.stringify(file)});
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
