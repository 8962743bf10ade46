import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Tail } from '../../src/input/tail.ts';
import type { TailOptions } from '../../src/input/tail.ts';
import {
  createTestGate,
  eventually,
  isWholeAgain,
  routeSpec,
  temporaryDirectory,
  untilNothingIsRead,
} from './gate.ts';
import type { TestGate } from './gate.ts';

interface Setup {
  readonly gate: TestGate;
  readonly tail: Tail;
  readonly events: () => string[];
}

async function startTail(
  t: TestContext,
  options: Partial<TailOptions>,
  given?: TestGate,
): Promise<Setup> {
  const gate = given ?? (await createTestGate());
  const tail = new Tail(gate, {
    id: 'test',
    paths: [],
    from: 'beginning',
    route: () => routeSpec(),
    scanIntervalMs: 100,
    rotateQuietMs: 150,
    ...options,
  });
  await tail.start();
  t.after(() => tail.stop());
  const events = (): string[] =>
    gate.notices.filter(({ level }) => level !== 'debug').map(({ event }) => event);
  return { gate, tail, events };
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `line ${String(from + index)}`);
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

test('a file is followed from its beginning, line by line, and memory comes back', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, text(numbered(0, 3)));
  const { gate, tail } = await startTail(t, { paths: [path] });
  await eventually('the first lines come', () => gate.lines.length === 3);
  appendFileSync(path, 'line 3\nline');
  await eventually('a complete line comes', () => gate.lines.length === 4);
  appendFileSync(path, ' 4\n');
  await eventually('a line that is completed comes whole', () => gate.lines.length === 5);
  assert.deepEqual(gate.lines, numbered(0, 5));
  await tail.stop();
  assert.ok(isWholeAgain(gate));
});

test('with `from: end` a file begins behind its last complete line, a file that appears later at its beginning', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'old.log'), 'old 1\nold 2\nbegun');
  const { gate } = await startTail(t, { paths: [join(directory, '*.log')], from: 'end' });
  appendFileSync(join(directory, 'old.log'), ' and done\n');
  writeFileSync(join(directory, 'new.log'), 'new 1\n');
  await eventually('both come', () => gate.lines.length === 2);
  assert.deepEqual([...gate.lines].sort(), ['begun and done', 'new 1']);
});

test('a file that is renamed is read to its end, and its successor from its beginning', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, text(numbered(0, 10)));
  const { gate, tail } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 10);
  renameSync(path, `${path}.1`);
  appendFileSync(`${path}.1`, text(numbered(10, 20)));
  writeFileSync(path, text(numbered(20, 30)));
  await sleep(50);
  appendFileSync(`${path}.1`, 'line 30\nlast without newline');
  await eventually('all lines come', () => gate.lines.length === 32);
  assert.deepEqual(new Set(gate.lines), new Set([...numbered(0, 31), 'last without newline']));
  assert.equal(tail.counters.unterminatedLines, 1);
  assert.equal(tail.counters.filesClosed, 1);
});

test('a renamed file that nobody succeeds is still followed', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'a\n');
  const { gate, tail } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 1);
  renameSync(path, `${path}.1`);
  await sleep(600);
  appendFileSync(`${path}.1`, 'b\n');
  await eventually('what is written later comes too', () => gate.lines.length === 2);
  assert.equal(tail.counters.filesClosed, 0);
});

test('a file renamed to another name that the pattern covers is not read twice', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, text(numbered(0, 5)));
  const { gate } = await startTail(t, { paths: [`${path}*`] });
  await eventually('the file is read', () => gate.lines.length === 5);
  renameSync(path, `${path}.1`);
  writeFileSync(path, text(numbered(5, 10)));
  await sleep(400);
  appendFileSync(`${path}.1`, 'late\n');
  await eventually('the rest comes', () => gate.lines.length === 11);
  assert.deepEqual(new Set(gate.lines), new Set([...numbered(0, 10), 'late']));
});

test('a deleted file is drained and given up', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  const gate = await createTestGate();
  writeFileSync(path, text(numbered(0, 20_000)));
  const { tail } = await startTail(t, { paths: [path] }, gate);
  unlinkSync(path);
  await eventually('it is closed', () => tail.counters.filesClosed === 1);
  assert.deepEqual(gate.lines, numbered(0, 20_000));
});

test('a truncated file is read from its beginning again, and the hazard is told once', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, text(numbered(0, 100)));
  const { gate, events } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 100);
  for (const round of [1, 2]) {
    truncateSync(path);
    appendFileSync(path, `after ${String(round)}\n`);
    await eventually('the new line comes', () => gate.lines.at(-1) === `after ${String(round)}`);
  }
  assert.equal(gate.lines.length, 102);
  assert.deepEqual(events(), ['fileTruncated', 'fileTruncated']);
  const [first, second] = gate.notices.filter(({ event }) => event === 'fileTruncated');
  assert.match(first?.message ?? '', /is read from its beginning\. What was written .* is gone/);
  assert.match(second?.message ?? '', /is read from its beginning\.$/);
  assert.deepEqual([first?.level, second?.level], ['warning', 'info']);
});

test('a file that was truncated and has grown beyond its old size is noticed by what stands before the position', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, text(numbered(0, 10)));
  const { gate, tail } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 10);
  writeFileSync(path, text(numbered(100, 200)));
  await eventually('the new content comes', () => gate.lines.length === 110);
  assert.deepEqual(gate.lines, [...numbered(0, 10), ...numbered(100, 200)]);
  assert.equal(tail.counters.filesTruncated, 1);
});

test('a file that ended in a begun line and was written anew is read, also when it is no longer than before', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  for (const [begun, anew] of [
    ['bbb', 'xx\nyy\n'],
    ['bbb', 'xx\ny\n'],
    ['b'.repeat(900_000), text(numbered(0, 1000))],
  ] as const) {
    writeFileSync(path, `aaa\n${begun}`);
    const { gate, tail } = await startTail(t, { paths: [path] });
    await eventually('the whole line comes', () => gate.lines.length === 1);
    await sleep(300);
    writeFileSync(path, anew);
    await eventually(
      'the new lines come',
      () => gate.lines.length === 1 + anew.split('\n').length - 1,
    );
    assert.equal(gate.lines.slice(1).join('\n'), anew.trimEnd());
    await tail.stop();
  }
});

test('a file that was rewritten with exactly as many bytes is noticed', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'one\ntwo\n');
  const { gate } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 2);
  await sleep(50);
  writeFileSync(path, 'six\nten\n');
  await eventually('the new content comes', () => gate.lines.length === 4);
  assert.deepEqual(gate.lines, ['one', 'two', 'six', 'ten']);
});

test('NUL bytes that a writer leaves at the head of a truncated file are skipped and counted', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, text(numbered(0, 1000)));
  const { gate, tail } = await startTail(t, { paths: [path] });
  await eventually('the file is read', () => gate.lines.length === 1000);
  truncateSync(path);
  await eventually('the truncation is seen', () => tail.counters.filesTruncated === 1);
  const hole = Buffer.alloc(200_000);
  appendFileSync(path, Buffer.concat([hole, Buffer.from('after\n')]));
  await eventually('the line behind the hole comes', () => gate.lines.length === 1001);
  assert.equal(gate.lines.at(-1), 'after');
  assert.equal(tail.counters.nulBytes, 200_000);
});

test('a link is followed to what it leads to, and to another file when it is turned', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'targets'));
  const [first, second] = [join(directory, 'targets/1'), join(directory, 'targets/2')];
  const link = join(directory, 'current.log');
  writeFileSync(first, 'first 1\n');
  writeFileSync(second, 'second 1\n');
  symlinkSync(first, link);
  const { gate } = await startTail(t, { paths: [link] });
  await eventually('the target is read', () => gate.lines.length === 1);
  appendFileSync(first, 'first 2\n');
  await eventually('the target is followed', () => gate.lines.length === 2);
  symlinkSync(second, `${link}.new`);
  renameSync(`${link}.new`, link);
  appendFileSync(first, 'first 3\n');
  await eventually('both targets are read', () => gate.lines.length === 4);
  assert.deepEqual(new Set(gate.lines), new Set(['first 1', 'first 2', 'first 3', 'second 1']));
});

test('two names of one file are one file', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'a.log'), 'once\n');
  symlinkSync(join(directory, 'a.log'), join(directory, 'b.log'));
  const { gate } = await startTail(t, { paths: [join(directory, '*.log')] });
  await sleep(400);
  assert.deepEqual(gate.lines, ['once']);
});

test('files in directories that appear later are found', async (t) => {
  const directory = temporaryDirectory(t);
  const { gate } = await startTail(t, {
    paths: [join(directory, '*/*.log'), join(directory, 'deep/**/*.txt')],
  });
  mkdirSync(join(directory, 'app'));
  writeFileSync(join(directory, 'app/x.log'), 'shallow\n');
  mkdirSync(join(directory, 'deep/a/b/c'), { recursive: true });
  writeFileSync(join(directory, 'deep/a/b/c/x.txt'), 'deep\n');
  await eventually('both come', () => gate.lines.length === 2);
  rmSync(join(directory, 'app'), { recursive: true });
  mkdirSync(join(directory, 'app'));
  writeFileSync(join(directory, 'app/x.log'), 'again\n');
  await eventually('a directory made again is watched again', () => gate.lines.length === 3);
});

test('compressed files are left alone', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'a.log.1.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 10, 10]));
  writeFileSync(join(directory, 'a.log'), 'plain\n');
  const { gate, events } = await startTail(t, { paths: [join(directory, 'a.log*')] });
  await eventually('the plain one comes', () => gate.lines.length === 1);
  await sleep(300);
  assert.deepEqual(gate.lines, ['plain']);
  assert.deepEqual(events(), ['fileIgnored']);
});

test('a busy file is polled instead of watched, and watched again when it is quiet', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, '');
  const { gate } = await startTail(t, { paths: [path], scanIntervalMs: 60_000 });
  await sleep(100);
  for (let round = 0; round < 200; round += 1) {
    appendFileSync(path, `line ${String(round)}\n`);
    if (round % 10 === 9) await sleep(1);
  }
  await eventually('all lines come', () => gate.lines.length === 200);
  await sleep(700);
  appendFileSync(path, 'after quiet\n');
  await eventually('a later line comes without a scan', () => gate.lines.length === 201);
});

test('files that are read once end with their last line, newline or not', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'a'), 'a 1\na 2');
  writeFileSync(join(directory, 'b'), text(numbered(0, 50_000)));
  writeFileSync(join(directory, 'c'), '');
  const paths = ['a', 'b', 'c'].map((name) => join(directory, name));
  const { gate, tail } = await startTail(t, { paths, follow: false });
  await tail.ended;
  gate.chunkers.flush();
  assert.deepEqual(new Set(gate.lines), new Set(['a 1', 'a 2', ...numbered(0, 50_000)]));
  assert.equal(gate.lines.length, 50_002);
  assert.equal(tail.counters.unterminatedLines, 1);
  assert.ok(isWholeAgain(gate));
});

test('without room nothing is read and nothing is lost, and reading goes on when there is room', async (t) => {
  const directory = temporaryDirectory(t);
  const expected: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    const lines = numbered(0, 40_000).map((line) => `${name} ${line} ${'x'.repeat(60)}`);
    writeFileSync(join(directory, `${name}.log`), text(lines));
    expected.push(...lines);
  }
  const gate = await createTestGate({
    arenaBytes: 3 * 1024 * 1024,
    chunkBytesMax: 256 * 1024,
    delivers: false,
  });
  await startTail(
    t,
    { paths: [join(directory, '*.log')], route: () => routeSpec({ recordBytesMax: 65_536 }) },
    gate,
  );
  await untilNothingIsRead(gate);
  assert.ok(gate.tracker.openBytes < gate.arena.totalBytes, 'the rest was left where it is');
  while (gate.lines.length < expected.length) {
    gate.deliverSome(1);
    await sleep(1);
  }
  assert.equal(gate.lines.length, expected.length);
  for (const name of ['a', 'b', 'c']) {
    const own = (line: string): boolean => line.startsWith(`${name} `);
    assert.deepEqual(gate.lines.filter(own), expected.filter(own), `the order of ${name} is kept`);
  }
});

for (const [longLines, skippedBytes, expected] of [
  ['split', 0, ['before', 'y'.repeat(100_000), 'y'.repeat(100_000), 'y'.repeat(50_000), 'after']],
  ['truncate', 150_001, ['before', 'y'.repeat(100_000), 'after']],
  ['drop', 250_001, ['before', 'after']],
] as const) {
  test(`a line longer than any run is handled by \`${longLines}\` and reading goes on`, async (t) => {
    const path = join(temporaryDirectory(t), 'app.log');
    writeFileSync(path, `before\n${'y'.repeat(250_000)}\nafter\n`);
    const gate = await createTestGate({ chunkBytesMax: 64 * 1024 });
    const route = (): ReturnType<typeof routeSpec> =>
      routeSpec({ longLines, recordBytesMax: 100_000 });
    const { tail } = await startTail(t, { paths: [path], route }, gate);
    await eventually('the last line comes', () => gate.lines.at(-1) === 'after');
    assert.deepEqual(gate.lines, expected);
    assert.equal(tail.counters.longLines, longLines === 'split' ? 2 : 1);
    assert.equal(tail.counters.skippedBytes, skippedBytes);
  });
}

test('a line that is written in small steps over a long time comes whole', async (t) => {
  const path = join(temporaryDirectory(t), 'app.log');
  writeFileSync(path, 'x'.repeat(150_000));
  const { gate } = await startTail(t, { paths: [path] });
  for (let step = 0; step < 20; step += 1) {
    appendFileSync(path, 'y'.repeat(1000));
    await sleep(5);
  }
  appendFileSync(path, 'z\nnext\n');
  await eventually('both lines come', () => gate.lines.length === 2);
  assert.deepEqual(gate.lines, [`${'x'.repeat(150_000)}${'y'.repeat(20_000)}z`, 'next']);
});
