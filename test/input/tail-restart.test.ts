import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CheckpointStore } from '../../src/checkpoint/checkpoint-store.ts';
import { identityOf, openRegularFile } from '../../src/input/file-identity.ts';
import { FilePositions } from '../../src/input/file-positions.ts';
import { PositionsInMemory } from '../../src/input/position-store.ts';
import { Tail } from '../../src/input/tail.ts';
import type { TailOptions } from '../../src/input/tail.ts';
import { present } from '../../src/shared/assert.ts';
import type { RouteSpec } from '../../src/input/route.ts';
import { createTestGate, eventually, routeSpec, temporaryDirectory } from './gate.ts';
import type { TestGate, TestGateOptions } from './gate.ts';

interface Run {
  readonly gate: TestGate;
  readonly tail: Tail;
  /** Stops as SIGTERM does: what was delivered is on the disk. */
  stop(): Promise<void>;
}

/** One life of a daemon over a state directory. */
async function run(
  t: TestContext,
  directory: string,
  options: Partial<TailOptions>,
  gateOptions: TestGateOptions = {},
): Promise<Run> {
  const gate = await createTestGate(gateOptions);
  const store = await CheckpointStore.open({
    directory: join(directory, 'state'),
    report: () => undefined,
  });
  const tail = new Tail(gate, {
    id: 'test',
    paths: [join(directory, '*.log')],
    from: 'beginning',
    route: () => routeSpec(),
    scanIntervalMs: 100,
    rotateQuietMs: 150,
    store,
    ...options,
  });
  await tail.start();
  const stop = async (): Promise<void> => {
    await tail.stop();
    await store.close();
  };
  t.after(stop);
  return { gate, tail, stop };
}

const lineCount = (gate: TestGate, count: number): Promise<void> =>
  eventually(`${String(count)} lines come`, () => gate.lines.length >= count);

test('a restart goes on behind the last delivered line', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'a\nb\nbeg');
  const first = await run(t, directory, {});
  await lineCount(first.gate, 2);
  await first.stop();
  appendFileSync(path, 'un\nc\n');
  const second = await run(t, directory, {});
  await lineCount(second.gate, 2);
  await second.stop();
  assert.deepEqual(second.gate.lines, ['begun', 'c']);
});

test('what was read and not delivered is read again', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.log'), 'x'.repeat(99).concat('\n').repeat(20_000));
  const first = await run(t, directory, {}, { delivers: false, chunkBytesMax: 256 * 1024 });
  await eventually('chunks wait', () => first.gate.waiting >= 5);
  first.gate.deliverSome(2);
  const delivered = first.gate.lines.length;
  assert.ok(delivered > 0 && delivered < 20_000);
  await first.stop();
  const second = await run(t, directory, {});
  await lineCount(second.gate, 20_000 - delivered);
  await sleep(50);
  assert.equal(second.gate.lines.length, 20_000 - delivered);
  await second.stop();
});

test('with `from: end`, a file that appeared while the daemon was down is read whole', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'skipped\n');
  const first = await run(t, directory, { from: 'end' });
  appendFileSync(path, 'a\n');
  await lineCount(first.gate, 1);
  await first.stop();
  appendFileSync(path, 'b\n');
  writeFileSync(join(directory, 'new.log'), 'c\n');
  const second = await run(t, directory, { from: 'end' });
  await lineCount(second.gate, 2);
  assert.deepEqual(first.gate.lines, ['a']);
  assert.deepEqual([...second.gate.lines].sort(), ['b', 'c']);
  await second.stop();
});

test('a file that was rotated while the daemon was down is finished, wherever in its directory it went', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'a\n');
  const first = await run(t, directory, {});
  await lineCount(first.gate, 1);
  await first.stop();
  appendFileSync(path, 'b\n');
  renameSync(path, join(directory, 'archive-2026'));
  writeFileSync(path, 'c\n');
  const second = await run(t, directory, {});
  await lineCount(second.gate, 2);
  await eventually('the old one is closed', () => second.tail.counters.filesClosed === 1);
  assert.deepEqual(new Set(second.gate.lines), new Set(['b', 'c']));
  await second.stop();
  const third = await run(t, directory, {});
  await sleep(100);
  assert.deepEqual(third.gate.lines, []);
  await third.stop();
});

test('a file that was replaced while the daemon was down is read from its beginning, and that is said', async (t) => {
  for (const how of ['truncated', 'rewritten longer', 'deleted and made again']) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'app.log');
    writeFileSync(path, 'old 1\nold 2\n');
    const first = await run(t, directory, {});
    await lineCount(first.gate, 2);
    await first.stop();
    const inode = statSync(path).ino;
    if (how === 'deleted and made again') unlinkSync(path);
    writeFileSync(path, how === 'truncated' ? 'new\n' : 'new 1\nnew 2\nnew 3\n');
    const second = await run(t, directory, {});
    await lineCount(second.gate, how === 'truncated' ? 1 : 3);
    assert.ok(
      second.gate.lines.every((line) => line.startsWith('new')),
      how,
    );
    const refused = second.gate.notices.filter(({ event }) => event === 'filePositionRefused');
    // A new file mostly has the inode number of the one that was deleted; with another, nothing is known of it.
    const isKnown = statSync(path).ino === inode;
    assert.equal(refused.length, isKnown ? 1 : 0, how);
    const isNewFile = how === 'deleted and made again';
    const reason = isNewFile ? /was given to a new file$/ : /was read to|is not what was read$/;
    for (const { message } of refused) assert.match(message, reason);
    await second.stop();
  }
});

test('touching a file or moving it away and back does not send it again', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  writeFileSync(path, 'a\nb\n');
  const first = await run(t, directory, {});
  await lineCount(first.gate, 2);
  await first.stop();
  renameSync(path, `${path}.moved`);
  renameSync(`${path}.moved`, path);
  utimesSync(path, new Date(), new Date());
  const second = await run(t, directory, {});
  await sleep(100);
  assert.deepEqual(second.gate.lines, []);
  await second.stop();
});

test('the middle of a line that is too long is gone on with after a restart, by the same policy', async (t) => {
  for (const [longLines, expected] of [
    // What fits a run is left to the encoder, which cuts it once more.
    ['split', ['y'.repeat(1500), 'after']],
    ['truncate', ['after']],
    ['drop', ['after']],
  ] as const) {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'app.log');
    const route = (): RouteSpec => routeSpec({ longLines, recordBytesMax: 1000 });
    writeFileSync(path, 'y'.repeat(1001));
    const first = await run(t, directory, { route });
    const readBytes = (): number => first.tail.counters.readBytes;
    await eventually('the cut is made', () => readBytes() >= 1000);
    await sleep(50);
    await first.stop();
    const cutAt = readBytes();
    appendFileSync(path, `${'y'.repeat(1499)}\nafter\n`);
    const second = await run(t, directory, { route });
    await eventually('the next line comes', () => second.gate.lines.at(-1) === 'after');
    assert.deepEqual(second.gate.lines, expected, `${longLines}, cut at ${String(cutAt)}`);
    await second.stop();
  }
});

test('a checkpoint forgets files that are gone for good', async (t) => {
  const directory = temporaryDirectory(t);
  for (let index = 0; index < 20; index += 1)
    writeFileSync(join(directory, `${String(index)}.log`), 'x\n');
  const first = await run(t, directory, {});
  await lineCount(first.gate, 20);
  await first.stop();
  for (let index = 0; index < 19; index += 1) unlinkSync(join(directory, `${String(index)}.log`));
  const second = await run(t, directory, {});
  await second.stop();
  const store = await CheckpointStore.open({
    directory: join(directory, 'state'),
    report: () => undefined,
  });
  const files = [...store.entries()].filter(([key]) => key.startsWith('file '));
  assert.equal(files.length, 1);
  assert.match(
    files[0]?.[0] ?? '',
    new RegExp(`:${String(statSync(join(directory, '19.log')).ino)}$`),
  );
  await store.close();
});

test('with `from: end`, the first start has written down what it leaves out before it says that it reads', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'app.log'), 'left out\n');
  await run(t, directory, { from: 'end' });
  // The state of a daemon that is killed now.
  const written = readFileSync(join(directory, 'state', 'checkpoint.1'), 'utf8');
  assert.match(written, /"key":"tail \\"test\\""/);
  assert.match(written, /"position":9\b/);
});

test('positions of files that were rotated, closed and deleted are forgotten', (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'app.log');
  const store = new PositionsInMemory();
  const positions = new FilePositions(store, 'test');
  const keep = (inode: string): void => {
    positions.keeper({ device: deviceOf(directory), inode, birthNs: '1' }, () => ({
      path,
      identity: { device: deviceOf(directory), inode, birthNs: '1' },
      position: 1,
      anchor: { end: 0, bytes: Buffer.alloc(0) },
      prefix: Buffer.alloc(0),
      place: 'line',
    }))();
  };
  for (let rotation = 0; rotation < 10_000; rotation += 1) {
    keep(`gone ${String(rotation)}`);
    positions.forgetGone(1, ({ inode }) => inode === 'gone 0');
  }
  const kept = [...store.entries()];
  assert.ok(kept.length < 300, `${String(kept.length)} are kept`);
  assert.ok(
    kept.some(([key]) => key.endsWith(':gone 0')),
    'one that is open is not forgotten',
  );
});

test('after a reboot that gave the file system another number, every file is known, rotated or not', (t) => {
  const store = new PositionsInMemory();
  const before = new FilePositions(store, 'test');
  const directory = temporaryDirectory(t);
  const identities = ['new', 'old'].map((name) => {
    const path = join(directory, name);
    writeFileSync(path, 'line\n');
    const stats = statSync(path, { bigint: true });
    return { path, identity: { ...identityOf(stats), device: '1' } };
  });
  for (const { identity } of identities) {
    // A rotated file is remembered under the name that it had.
    before.keeper(identity, () => ({
      path: join(directory, 'app.log'),
      identity,
      position: 5,
      anchor: { end: 0, bytes: Buffer.alloc(0) },
      prefix: Buffer.alloc(0),
      place: 'line',
    }))();
  }
  const after = new FilePositions(store, 'test');
  for (const { path } of identities) {
    const opened = present(openRegularFile(path), 'a file');
    assert.equal(after.recall(opened).kind, 'known', path);
    closeSync(opened.fd);
  }
});

function deviceOf(path: string): string {
  return String(statSync(path, { bigint: true }).dev);
}
