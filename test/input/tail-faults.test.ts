import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Tail } from '../../src/input/tail.ts';
import { SetupError } from '../../src/shared/errors.ts';
import { asNobody, createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';

function createTail(gate: TestGate, paths: readonly string[], require = false): Tail {
  return new Tail(gate, {
    id: 'test',
    paths,
    from: 'beginning',
    route: () => routeSpec(),
    scanIntervalMs: 30,
    require,
  });
}

const messages = (gate: TestGate, event: string): string[] =>
  gate.notices.filter((notice) => notice.event === event).map(({ message }) => message);

test('a missing file is waited for: said once, read when it is there', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  const gate = await createTestGate();
  const tail = createTail(gate, [path]);
  await tail.start();
  t.after(() => tail.stop());
  await sleep(150);
  assert.deepEqual(messages(gate, 'fileUnreadable'), [
    `${path} does not exist. Fix: check the path. It is read as soon as it is there.`,
  ]);
  writeFileSync(path, 'hello\n');
  await eventually('it is read', () => gate.lines.length === 1);
  await eventually('that is said', () => messages(gate, 'fileReadableAgain').length === 1);
});

test('a missing directory is waited for too', async (t) => {
  const directory = join(temporaryDirectory(t), 'later');
  const gate = await createTestGate();
  const tail = createTail(gate, [join(directory, '*.log')]);
  await tail.start();
  t.after(() => tail.stop());
  await sleep(100);
  assert.deepEqual(messages(gate, 'fileUnreadable'), [
    `${directory} does not exist. Fix: check the path. It is tried again.`,
  ]);
  mkdirSync(directory);
  writeFileSync(join(directory, 'a.log'), 'hello\n');
  await eventually('its file is read', () => gate.lines.length === 1);
});

test('a file that may not be read is named with the fix, the others are read, and it too when it may be', async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const path = join(directory, 'secret.log');
  writeFileSync(path, 'secret\n', { mode: 0o000 });
  writeFileSync(join(directory, 'open.log'), 'open\n');
  const gate = await createTestGate();
  const tail = createTail(gate, [join(directory, '*.log')]);
  t.after(() => tail.stop());
  await asNobody(async () => {
    await tail.start();
    await eventually('the open one is read', () => gate.lines.length === 1);
    await sleep(100);
  });
  const [message = '', ...others] = messages(gate, 'fileUnreadable');
  assert.deepEqual(others, []);
  assert.match(
    message,
    /^.*secret\.log cannot be read: permission denied \(EACCES\)\. Fix: let this user read it .*It is tried again\.$/,
  );
  chmodSync(path, 0o644);
  await eventually('it is read', () => gate.lines.includes('secret'));
});

test('a directory without permission is named with the fix', async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const closed = join(directory, 'closed');
  mkdirSync(closed);
  writeFileSync(join(closed, 'a.log'), 'a\n');
  chmodSync(closed, 0o000);
  const gate = await createTestGate();
  const tail = createTail(gate, [join(closed, '*.log'), join(closed, 'a.log')]);
  t.after(() => tail.stop());
  await asNobody(async () => {
    await tail.start();
    await sleep(100);
  });
  const told = messages(gate, 'fileUnreadable');
  assert.equal(told.length, 2);
  for (const message of told)
    assert.match(
      message,
      /permission denied \(EACCES\)\. Fix: let this user read it and enter its directories/,
    );
});

test('what is not a regular file is named and never waited on', async (t) => {
  const directory = temporaryDirectory(t);
  const [folder, fifo, loop] = ['folder', 'fifo', 'loop'].map((name) => join(directory, name));
  mkdirSync(folder ?? '');
  execFileSync('mkfifo', [fifo ?? '']);
  symlinkSync(loop ?? '', loop ?? '');
  const gate = await createTestGate();
  const tail = createTail(gate, [folder ?? '', fifo ?? '', loop ?? '']);
  await tail.start();
  t.after(() => tail.stop());
  await sleep(100);
  const told = messages(gate, 'fileUnreadable').join('\n');
  assert.match(
    told,
    /folder is a directory\. Fix: name the files in it, such as .*folder\/\*\.log\./,
  );
  assert.match(told, /fifo is not a regular file\. Fix: name a file/);
  assert.match(told, /loop is a symbolic link that leads round in a circle\. Fix: mend the link/);
  assert.equal(messages(gate, 'fileUnreadable').length, 3);
});

test('with `require`, a file that is missing or may not be read fails the start', async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const path = join(directory, 'app.log');
  const isNoInput =
    (message: RegExp) =>
    (error: unknown): boolean => {
      assert.ok(error instanceof SetupError);
      assert.equal(error.reason, 'noInput');
      assert.match(error.message, message);
      return true;
    };
  const gate = await createTestGate();
  const missing = createTail(gate, [path], true);
  await assert.rejects(
    missing.start(),
    isNoInput(/app\.log does not exist\. Fix: check the path$/),
  );
  await missing.stop();
  writeFileSync(path, 'x\n', { mode: 0o000 });
  await asNobody(async () => {
    const closed = createTail(gate, [path], true);
    await assert.rejects(closed.start(), isNoInput(/permission denied/));
    await closed.stop();
  });
});

test('a file that goes and comes back is told again', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'a\n');
  const gate = await createTestGate();
  const tail = createTail(gate, [path]);
  await tail.start();
  t.after(() => tail.stop());
  await eventually('it is read', () => gate.lines.length === 1);
  for (const round of [1, 2]) {
    rmSync(path);
    await eventually('its going is said', () => messages(gate, 'fileUnreadable').length === round);
    writeFileSync(path, 'b\n');
    await eventually('it is read again', () => gate.lines.length === 1 + round);
    await eventually(
      'its coming is said',
      () => messages(gate, 'fileReadableAgain').length === round,
    );
  }
});
