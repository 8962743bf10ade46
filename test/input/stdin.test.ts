import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { StandardInput } from '../../src/input/stdin.ts';
import {
  createTestGate,
  eventually,
  isWholeAgain,
  routeSpec,
  temporaryDirectory,
  untilNothingIsRead,
} from './gate.ts';
import type { TestGate } from './gate.ts';

async function read(
  t: TestContext,
  fd: number,
  given?: TestGate,
): Promise<{ gate: TestGate; input: StandardInput }> {
  const gate = given ?? (await createTestGate());
  const input = new StandardInput(gate, { fd, route: routeSpec({ recordBytesMax: 65_536 }) });
  await input.start();
  t.after(() => input.stop());
  return { gate, input };
}

/** A FIFO whose other end a shell writes. */
function pipeFrom(t: TestContext, script: string): number {
  const path = join(temporaryDirectory(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const child = spawn('sh', ['-c', `(${script}) > ${path}`], { stdio: 'ignore' });
  t.after(() => child.kill());
  return openSync(path, 'r');
}

test('a pipe is read to its end, the last line without newline too', async (t) => {
  const fd = pipeFrom(t, `printf 'a\\nb'; sleep 0.05; printf 'c\\nlast'`);
  const { gate, input } = await read(t, fd);
  await input.ended;
  assert.deepEqual(gate.lines, ['a', 'bc', 'last']);
  assert.equal(input.counters.unterminatedLines, 1);
  await input.stop();
  assert.ok(isWholeAgain(gate));
});

test('a pipe waits while there is no room, and loses nothing', async (t) => {
  const fd = pipeFrom(t, `seq 1 400000`);
  const gate = await createTestGate({
    arenaBytes: 2 * 1024 * 1024,
    chunkBytesMax: 128 * 1024,
    delivers: false,
  });
  const { input } = await read(t, fd, gate);
  await untilNothingIsRead(gate);
  assert.ok(gate.tracker.openBytes < gate.arena.totalBytes, 'the rest was left where it is');
  gate.deliver();
  await input.ended;
  assert.equal(gate.lines.length, 400_000);
  assert.ok(gate.lines.every((line, index) => line === String(index + 1)));
});

test('a redirected file is read from where its descriptor stands', async (t) => {
  const path = join(temporaryDirectory(t), 'input');
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${String(index)}`);
  writeFileSync(path, lines.join('\n'));
  const fd = openSync(path, 'r');
  t.after(() => {
    closeSync(fd);
  });
  readSync(fd, Buffer.alloc(7));
  const { gate, input } = await read(t, fd);
  await input.ended;
  assert.deepEqual(gate.lines, lines.slice(1));
  assert.equal(input.counters.unterminatedLines, 1);
});

test('an empty file and /dev/null end at once', async (t) => {
  const path = join(temporaryDirectory(t), 'empty');
  writeFileSync(path, '');
  for (const name of [path, '/dev/null']) {
    const { gate, input } = await read(t, openSync(name, 'r'));
    await input.ended;
    assert.deepEqual(gate.lines, []);
    await input.stop();
    assert.ok(isWholeAgain(gate));
  }
});

test('a stop in the middle of a pipe hands on what was read', async (t) => {
  const fd = pipeFrom(t, `printf 'a\\nbegun'; sleep 30`);
  const { gate, input } = await read(t, fd);
  await eventually('something was read', () => input.counters.readBytes > 0);
  await input.stop();
  assert.deepEqual(gate.lines, ['a', 'begun']);
  assert.ok(isWholeAgain(gate));
});

test('a redirected file that cannot be read is told of, and counts as broken', async (t) => {
  const path = join(temporaryDirectory(t), 'input');
  writeFileSync(path, 'line\n');
  const fd = openSync(path, 'a');
  t.after(() => {
    closeSync(fd);
  });
  const { gate, input } = await read(t, fd);
  assert.ok(!input.isBroken);
  await input.ended;
  assert.ok(input.isBroken);
  assert.deepEqual(gate.lines, []);
  assert.deepEqual(gate.notices, [
    {
      event: 'fileUnreadable',
      level: 'warning',
      message:
        'standard input cannot be read: EBADF: bad file descriptor, read. Fix: check the file and its file system.',
    },
  ]);
  await input.stop();
  assert.ok(isWholeAgain(gate));
});
