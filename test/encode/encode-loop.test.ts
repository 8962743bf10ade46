import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { extname } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { writeStop, writeTask } from '../../src/encode/descriptors.ts';
import { encodeLoop, type LoopStep } from '../../src/encode/encode-loop.ts';
import { encodeFlags, type EncodeTask } from '../../src/encode/encode-task.ts';
import { WorkerLink } from '../../src/encode/worker-link.ts';
import { type CodecName, codecs, decompress } from '../../src/kafka/compression.ts';
import { crc32c } from '../../src/kafka/crc32c.ts';
import { decodeRecords } from '../../src/kafka/record.ts';
import { BATCH_HEADER_BYTES } from '../../src/kafka/record-batch.ts';
import { Arena, type Run } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { SLOT_COUNT } from '../../src/ring/ring-layout.ts';
import { RingWriter } from '../../src/ring/ring.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';

const MEMORY_BYTES = 16 << 20;
const LINE = 'a line of a log\n';

/** The loop on this thread, beside the test: it gives way whenever it waits. */
function loopFixture(codec: CodecName = 'none') {
  const memory = allocateSharedMemory(MEMORY_BYTES);
  const layout = layoutMemory(MEMORY_BYTES, 1);
  const arena = new Arena(memory, { ...layout.arena, guard: 'check' });
  const link = new WorkerLink<Run>(memory, layout, 0);
  const trailer = present(arena.claim(1), 'a new arena has room');
  memory.bytes[trailer.address] = 0;
  const rings = present(layout.rings[0], 'one worker has rings');
  const steps: string[] = [];
  const taskOf = (text: string): { readonly task: EncodeTask; readonly output: Run } => {
    const input = present(arena.claim(text.length), 'a new arena has room');
    const output = present(arena.claim(100_000), 'a new arena has room');
    memory.buffer(input.address, text.length).write(text);
    const task: EncodeTask = {
      inputAddress: input.address,
      inputBytes: text.length,
      outputAddress: output.address,
      outputBytes: output.bytes,
      trailerAddress: trailer.address,
      trailerBytes: 1,
      recordBytesMax: 1000,
      flags: encodeFlags.LONG_SPLIT,
      recordCount: 0,
      batchBytesMax: 100_000,
      codec: codecs[codec],
      level: 0,
      timestampMs: 1_795_000_000_000,
    };
    return { task, output };
  };
  let ticket = 0;
  const submit = (text: string): void => {
    const { task, output } = taskOf(text);
    link.submit({ ticket: ticket++, task, tag: output });
  };
  const start = (onStep?: () => void): Promise<void> => {
    const setup = { memory: memory.memory, layout, codec: codecs[codec], level: undefined };
    return encodeLoop(setup, 0, (step: LoopStep, of: number) => {
      steps.push(`${of} ${step}`);
      onStep?.();
    });
  };
  /** Lines of the next completed task; undefined when there is none yet. */
  const next = (): string | undefined => {
    const completed = link.next();
    if (completed === undefined) return undefined;
    const { result, submission } = completed;
    const payload = memory
      .buffer(submission.tag.address, result.batchBytes)
      .subarray(BATCH_HEADER_BYTES);
    assert.equal(crc32c(payload), result.payloadCrc);
    const records = decompress(result.attributes, payload);
    return [...decodeRecords(records, result.recordCount)]
      .map(({ value }) => `${Buffer.from(present(value, 'lines have a value')).toString()}\n`)
      .join('');
  };
  return { memory, rings, link, steps, taskOf, submit, start, next };
}

async function until<T>(next: () => T | undefined): Promise<T> {
  for (;;) {
    const value = next();
    if (value !== undefined) return value;
    await new Promise(setImmediate);
  }
}

test('what is submitted comes back encoded and in order, and the loop ends at the stop behind it', async () => {
  const { link, submit, start, next } = loopFixture();
  submit(LINE);
  submit(LINE.repeat(1000));
  link.stop();
  await start();
  assert.equal(next(), LINE);
  assert.equal(next(), LINE.repeat(1000));
  assert.equal(next(), undefined);
});

test('the loop sleeps while nothing is submitted, and wakes for each submission', async () => {
  const { link, submit, start, next } = loopFixture('lz4');
  const loop = start();
  for (let round = 0; round < 20; round += 1) {
    const text = `${round} ${LINE}`.repeat(100);
    submit(text);
    assert.equal(await until(next), text);
    await new Promise(setImmediate);
  }
  link.stop();
  await loop;
});

test('every submission goes through the same steps; a completion is seen when it is committed', async () => {
  const { link, steps, submit, start } = loopFixture();
  submit(LINE);
  submit(LINE);
  link.stop();
  await start();
  const names = ['read', 'encoded', 'written', 'committed', 'completed'];
  assert.deepEqual(
    steps,
    [0, 1].flatMap((ticket) => names.map((name) => `${ticket} ${name}`)),
  );
});

test('the loop turns its event loop although it never has to wait', async () => {
  const { memory, rings, link, steps, taskOf, start } = loopFixture();
  // More than main ever submits at once: all that the ring holds.
  const writer = new RingWriter(memory, rings.submission);
  for (let ticket = 0; ticket < SLOT_COUNT; ticket += 1) {
    writeTask(memory, present(writer.claim(), 'the ring is empty'), ticket, taskOf(LINE).task);
    writer.commit();
  }
  let order = 0;
  const loop = start(() => {
    if (order++ === 0) setImmediate(() => steps.push('turn'));
  });
  await until(() => (steps.at(-1) === `${SLOT_COUNT - 1} completed` ? true : undefined));
  assert.ok(steps.includes('turn') && steps.indexOf('turn') < steps.indexOf('4 read'));
  writeStop(memory, present(writer.claim(), 'the loop has released what it read'));
  writer.commit();
  await loop;
  assert.equal(link.openCount, 0);
});

const execute = promisify(execFile);
const loopUrl = new URL(`../../src/encode/encode-loop${extname(import.meta.url)}`, import.meta.url);

/** Native libraries of a process that has imported the loop and loaded one codec, as a worker does. */
async function librariesOf(codec: CodecName): Promise<string> {
  const compression = new URL(`../kafka/compression${extname(import.meta.url)}`, loopUrl);
  const program =
    `await import('${loopUrl.href}'); const { createCompressor } = await import('${compression.href}');` +
    `createCompressor('${codec}'); console.log(process.report.getReport().sharedObjects.join('\\n'));`;
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program]);
  return stdout;
}

test('a worker loads no native codec', async () => {
  const [none, gzip, snappy, lz4] = await Promise.all([
    librariesOf('none'),
    librariesOf('gzip'),
    librariesOf('snappy'),
    librariesOf('lz4'),
  ]);
  assert.doesNotMatch(none, /(snappy|lz4).*\.node/);
  assert.doesNotMatch(gzip, /(snappy|lz4).*\.node/);
  assert.doesNotMatch(snappy + lz4, /(snappy|lz4).*\.node/, 'these two are the kernel’s');
});
