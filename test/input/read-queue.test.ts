import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../src/input/clock.ts';
import type { ReadOutcome } from '../../src/input/file-reader.ts';
import { LineFramer } from '../../src/input/framing.ts';
import { createInputCounters } from '../../src/input/input.ts';
import { ReadQueue } from '../../src/input/read-queue.ts';
import { TailedFile, fileBeginning } from '../../src/input/tailed-file.ts';
import { present } from '../../src/shared/assert.ts';
import { createTestGate, routeSpec } from './gate.ts';

const gate = await createTestGate();

function createFile(name: string): TailedFile {
  return new TailedFile({
    fd: -1,
    identity: { device: '1', inode: name, birthNs: '1' },
    path: name,
    realPath: name,
    framer: new LineFramer(gate, routeSpec(), createInputCounters()),
    start: fileBeginning,
    onSettled: () => undefined,
  });
}

/** A queue whose reads are all in the pool, each until the test ends it. */
class Bench {
  readonly began: string[] = [];
  readonly ended: string[] = [];
  readonly #open = new Map<TailedFile, (outcome: ReadOutcome) => void>();
  readonly queue = new ReadQueue({
    clock: systemClock,
    chunkers: { whenRoom: () => undefined },
    read: (file) => {
      this.began.push(file.path);
      file.isReading = true;
      return new Promise((resolve) => {
        this.#open.set(file, resolve);
      });
    },
    onRead: (file, outcome) => this.ended.push(`${file.path} ${outcome}`),
  });

  async end(file: TailedFile, outcome: ReadOutcome): Promise<void> {
    file.isReading = false;
    present(this.#open.get(file), 'a read under way')(outcome);
    this.#open.delete(file);
    await nextTurn();
    await nextTurn();
  }
}

test('a stop waits for the reads that are under way, and begins no other', async () => {
  const bench = new Bench();
  const { queue, began, ended } = bench;
  const files = ['a', 'b', 'c'].map(createFile) as [TailedFile, TailedFile, TailedFile];
  for (const file of files) queue.add(file);
  await nextTurn();
  assert.deepEqual(began, ['a', 'b'], 'two at once');
  let isStopped = false;
  const stopped = queue.stop().then(() => {
    isStopped = true;
  });
  await bench.end(files[0], 'taken');
  assert.equal(isStopped, false, 'the other read still writes into its memory');
  await bench.end(files[1], 'taken');
  await stopped;
  queue.add(files[2]);
  await nextTurn();
  assert.deepEqual(began, ['a', 'b']);
  assert.deepEqual(ended, ['a taken', 'b taken'], 'what they brought is taken');
});

test('a stop without a read under way does not wait', async () => {
  const { queue, began } = new Bench();
  await queue.stop();
  assert.deepEqual(began, []);
});

for (const how of ['add', 'addNow'] as const) {
  test(`what is hinted while a file is being read leads to another read of it (${how})`, async () => {
    const bench = new Bench();
    const { queue, began } = bench;
    const file = createFile('a');
    queue.add(file);
    await nextTurn();
    if (how === 'add') queue.add(file);
    else queue.addNow([file]);
    await nextTurn();
    assert.deepEqual(began, ['a'], 'one read of a file at a time');
    await bench.end(file, 'end');
    assert.deepEqual(began, ['a', 'a']);
    await bench.end(file, 'end');
    assert.deepEqual(began, ['a', 'a'], 'a hint is good for one read');
  });
}
