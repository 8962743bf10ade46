import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileHints } from '../../src/input/file-hints.ts';
import { systemClock } from '../../src/input/clock.ts';
import { Tail } from '../../src/input/tail.ts';
import type { TailOptions } from '../../src/input/tail.ts';
import { asNobody, createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate } from './gate.ts';

interface Setup {
  readonly gate: TestGate;
  readonly tail: Tail;
}

/** Scans come so rarely that nothing is found by them alone. */
async function startTail(t: TestContext, options: Partial<TailOptions>): Promise<Setup> {
  const gate = await createTestGate();
  const tail = new Tail(gate, {
    id: 'test',
    paths: [],
    from: 'beginning',
    route: () => routeSpec(),
    scanIntervalMs: 60_000,
    rotateQuietMs: 150,
    ...options,
  });
  await tail.start();
  t.after(() => tail.stop());
  return { gate, tail };
}

/** Written to so often that its directory is no longer watched, until the test ends. */
async function heat(t: TestContext, path: string): Promise<void> {
  const writing = setInterval(() => {
    appendFileSync(path, 'hot 1\nhot 2\n');
    appendFileSync(path, 'hot 3\nhot 4\n');
  }, 2);
  t.after(() => {
    clearInterval(writing);
  });
  await sleep(500);
}

for (const [what, names, quietCount] of [
  ['by its path', 'app.log', 0],
  ['by a glob, beside a thousand others', '*.log', 1000],
] as const) {
  test(`a hot file that rotates ten times a second, found ${what}, loses no line`, async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'app.log');
    for (let index = 0; index < quietCount; index += 1) {
      writeFileSync(join(directory, `quiet-${String(index)}.log`), '');
    }
    writeFileSync(path, '');
    const { gate } = await startTail(t, { paths: [join(directory, names)] });
    let fd = openSync(path, 'a');
    let written = 0;
    const endMs = systemClock.nowMs() + 3000;
    let rotateMs = systemClock.nowMs() + 100;
    for (let rotation = 0; systemClock.nowMs() < endMs;) {
      for (let round = 0; round < 20; round += 1) writeSync(fd, `line ${String(written++)}\n`);
      if (systemClock.nowMs() >= rotateMs) {
        rotateMs = systemClock.nowMs() + 100;
        closeSync(fd);
        renameSync(path, join(directory, `rotated-${String(rotation++)}`));
        fd = openSync(path, 'a');
      }
      await sleep(2);
    }
    closeSync(fd);
    await eventually('all lines come', () => gate.lines.length === written);
    assert.equal(new Set(gate.lines).size, written, 'none is doubled');
  });
}

test('a name that appears in a hot directory is found without waiting for a scan', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, '');
  const { gate } = await startTail(t, { paths: [join(directory, '*.log')] });
  await heat(t, path);
  writeFileSync(join(directory, 'other.log'), 'other\n');
  await eventually('the other is read', () => gate.lines.includes('other'), 2000);
});

test('a link that is turned in a hot directory is followed at once', async (t) => {
  const directory = temporaryDirectory(t);
  const [first, second, link] = ['first', 'second', 'current.log'].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(first, '');
  writeFileSync(second, 'second\n');
  symlinkSync(first, link);
  const { gate } = await startTail(t, { paths: [link] });
  await heat(t, first);
  symlinkSync(second, `${link}.new`);
  renameSync(`${link}.new`, link);
  await eventually('the other is read', () => gate.lines.includes('second'), 2000);
});

test('a directory that is deleted and made again is watched again', async (t) => {
  const directory = join(temporaryDirectory(t), 'logs');
  const path = join(directory, 'app.log');
  mkdirSync(directory);
  writeFileSync(path, 'before\n');
  const { gate } = await startTail(t, { paths: [path], scanIntervalMs: 1000 });
  await eventually('the file is read', () => gate.lines.length === 1);
  await sleep(100);
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  writeFileSync(path, 'after\n');
  await eventually('its successor is read', () => gate.lines.length === 2);
  await sleep(1500);
  for (let round = 0; round < 5; round += 1) {
    const beganMs = systemClock.nowMs();
    appendFileSync(path, 'more\n');
    await eventually('it is followed', () => gate.lines.length === 3 + round);
    assert.ok(systemClock.nowMs() - beganMs < 400, 'by its watch, not by the scan');
  }
});

test('a directory that is not there is not asked for again and again', async (t) => {
  const missing = join(temporaryDirectory(t), 'missing');
  let scans = 0;
  const hints = new FileHints({
    clock: systemClock,
    onMayHaveGrown: () => undefined,
    onDue: () => undefined,
    onMayLeadElsewhere: () => undefined,
    onMayHaveNames: () => {
      scans += 1;
    },
    matches: () => true,
    report: () => undefined,
  });
  t.after(() => {
    hints.close();
  });
  hints.setDirectories([missing]);
  await sleep(500);
  scans = 0;
  for (let round = 0; round < 10; round += 1) {
    hints.setDirectories([missing]);
    await sleep(100);
  }
  assert.equal(scans, 0);
  mkdirSync(missing);
  await eventually('its appearing is noticed', () => scans > 0, 2000);
});

test('a compressed file that was found before it had its first bytes is not read', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log.1.gz');
  writeFileSync(path, '');
  const { gate, tail } = await startTail(t, { paths: [join(directory, 'app.log*')] });
  appendFileSync(path, Buffer.from([0x1f, 0x8b, 8, 0, 10, 10]));
  await eventually('it is let go', () => tail.counters.filesClosed === 1);
  appendFileSync(path, 'more\nof\nit\n');
  await sleep(300);
  assert.deepEqual(gate.lines, []);
  const told = gate.notices.filter(({ event }) => event === 'fileIgnored');
  assert.equal(told.length, 1);
});

test('a plain file that has the inode number of a compressed one is read', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, Buffer.from([0x1f, 0x8b, 8, 0, 10, 10]));
  const { gate } = await startTail(t, { paths: [path], scanIntervalMs: 100 });
  await sleep(250);
  assert.deepEqual(gate.lines, []);
  // Written over in place: the same inode for sure.
  writeFileSync(path, 'plain line\n');
  await eventually('it is read', () => gate.lines.length === 1);
});

test('while a directory cannot be listed, its files are not given up', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'whole\nbegun');
  chmodSync(directory, 0o755);
  chmodSync(path, 0o666);
  await asNobody(async () => {
    const { gate, tail } = await startTail(t, {
      paths: [join(directory, '*.log')],
      scanIntervalMs: 50,
    });
    process.seteuid?.(0);
    chmodSync(directory, 0o711);
    process.seteuid?.(65534);
    await sleep(600);
    appendFileSync(path, ' and done\n');
    await eventually('the line comes whole', () => gate.lines.length === 2);
    assert.deepEqual(gate.lines, ['whole', 'begun and done']);
    assert.equal(tail.counters.filesClosed, 0);
  });
});

test('a renamed file whose last line grows slowly is not given up in the middle of it', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'first\n');
  const { gate } = await startTail(t, { paths: [path], scanIntervalMs: 50 });
  await eventually('it is read', () => gate.lines.length === 1);
  renameSync(path, `${path}.1`);
  writeFileSync(path, '');
  for (let round = 0; round < 8; round += 1) {
    appendFileSync(`${path}.1`, 'x');
    await sleep(110);
  }
  appendFileSync(`${path}.1`, '\n');
  await eventually('the line comes', () => gate.lines.length === 2);
  assert.equal(gate.lines[1], 'x'.repeat(8));
});

test('a renamed file that nobody succeeds is not held for ever', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'a\n');
  const { gate, tail } = await startTail(t, {
    paths: [path],
    scanIntervalMs: 50,
    rotateQuietMs: 5,
  });
  await eventually('it is read', () => gate.lines.length === 1);
  renameSync(path, `${path}.1`);
  await sleep(200);
  assert.equal(tail.counters.filesClosed, 0, 'its writer may come back to it');
  await eventually('it is given up', () => tail.counters.filesClosed === 1);
});

test('a file that a FIFO or a directory takes the place of is read to its end and given up', async (t) => {
  const directory = temporaryDirectory(t);
  const paths = ['a.log', 'b.log'].map((name) => join(directory, name)) as [string, string];
  for (const path of paths) writeFileSync(path, 'line\n');
  const { gate, tail } = await startTail(t, { paths, scanIntervalMs: 50 });
  await eventually('they are read', () => gate.lines.length === 2);
  for (const path of paths) appendFileSync(path, 'last\n');
  for (const path of paths) unlinkSync(path);
  execFileSync('mkfifo', [paths[0]]);
  mkdirSync(paths[1]);
  await eventually('they are given up', () => tail.counters.filesClosed === 2);
  assert.equal(gate.lines.length, 4);
});

test('names with newlines, glob characters and backslashes are read; one that is no UTF-8 is told', async (t) => {
  const directory = temporaryDirectory(t);
  const folder = join(directory, 'a\nb');
  mkdirSync(folder);
  const names = ['[1]{x}*.log', 'new\nline.log', 'back\\slash.log', '\nfirst.log'];
  for (const name of names) writeFileSync(join(folder, name), 'line\n');
  const bad = Buffer.concat([
    Buffer.from(`${folder}/bad-`),
    Buffer.from([0xff]),
    Buffer.from('.log'),
  ]);
  writeFileSync(bad, 'line\n');
  const { gate } = await startTail(t, { paths: [join(directory, '**/*.log')] });
  await eventually('all are read', () => gate.lines.length === names.length);
  const told = gate.notices.filter(({ event }) => event === 'fileUnreadable');
  assert.equal(told.length, 1);
  assert.match(
    told[0]?.message ?? '',
    /its name is not UTF-8\. Fix: rename it\. It is tried again\.$/,
  );
});
