import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKernel } from '../../src/encode/kernel.ts';
import { BATCH_HEADER_BYTES } from '../../src/kafka/record-batch.ts';
import { recordBytes, RecordWriter } from '../../src/kafka/record-writer.ts';
import type { OpenBatch } from '../../src/producer/open-batch.ts';
import { OpenBatches } from '../../src/producer/open-batches.ts';
import { Arena, GUARD_BYTES, type Run } from '../../src/ring/arena.ts';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { allocateSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { seededRandom } from '../support/seeded-random.ts';

const MEMORY_BYTES = 16 << 20;
const BATCH_BYTES = 4096;
const LINGER_MS = 10;
const delivery = { written: () => undefined, settle: () => undefined };

async function openBatches({ batchBytes = BATCH_BYTES, lingerMs = LINGER_MS } = {}) {
  const memory = allocateSharedMemory(MEMORY_BYTES);
  const arena = new Arena(memory, layoutMemory(MEMORY_BYTES, 1, 0).arena);
  const kernel = await loadKernel(memory.memory);
  let copiedBytes = 0;
  const handedOn: OpenBatch[] = [];
  const behind = new Set<number | undefined>();
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly then: () => void } | undefined;
  const batches = new OpenBatches({
    ...{ memory, arena },
    kernel: {
      copy: (from, to, bytes) => {
        copiedBytes += bytes;
        kernel.copy(from, to, bytes);
      },
    },
    ...{ batchBytes, lingerMs, nowMs: () => nowMs },
    after: (delayMs, then) => {
      timer = { atMs: nowMs + delayMs, then };
      return () => (timer = undefined);
    },
    dispatch: (batch) => handedOn.push(batch),
    isBehind: (_topic, partition) => behind.has(partition),
  });
  return {
    ...{ memory, arena, batches, handedOn, behind },
    copiedBytes: () => copiedBytes,
    append: (partition: number | undefined, value: string): boolean =>
      batches.append(
        {
          ...{ topic: 'logs', partition, key: null, value, headers: [], timestampMs: 5 },
          bytesMax: recordBytes(100_000, 0, null, value, []),
        },
        delivery,
        0,
      ),
    pass: (ms: number): void => {
      nowMs += ms;
      if (timer === undefined || timer.atMs > nowMs) return;
      const { then } = timer;
      timer = undefined;
      then();
    },
  };
}

test('a batch is handed on when it is full, and never holds more than batch.size', async () => {
  const { append, handedOn } = await openBatches();
  for (let i = 0; i < 100; i += 1) assert.ok(append(0, 'x'.repeat(200)));
  assert.ok(handedOn.length >= 4);
  for (const { bytes, recordCount } of handedOn) {
    assert.ok(bytes <= BATCH_BYTES);
    assert.ok(bytes + 230 > BATCH_BYTES, `${bytes} bytes is not full`);
    assert.ok(recordCount > 1);
  }
});

test('a record that is longer than batch.size has a batch of its own, at once', async () => {
  const { append, handedOn } = await openBatches();
  assert.ok(append(0, 'small'));
  assert.ok(append(0, 'x'.repeat(3 * BATCH_BYTES)));
  assert.deepEqual(
    handedOn.map(({ recordCount }) => recordCount),
    [1, 1],
    'the one before it keeps its place before it',
  );
  assert.ok((handedOn[1]?.bytes ?? 0) > 3 * BATCH_BYTES);
});

test('a batch that is not full is handed on when linger.ms is over, each partition by its own first record', async () => {
  const { append, handedOn, pass } = await openBatches();
  append(0, 'a');
  pass(6);
  append(1, 'b');
  append(0, 'c');
  pass(3);
  assert.equal(handedOn.length, 0);
  pass(1);
  assert.deepEqual(
    handedOn.map(({ partition, recordCount }) => [partition, recordCount]),
    [[0, 2]],
  );
  pass(6);
  assert.deepEqual(
    handedOn.map(({ partition }) => partition),
    [0, 1],
  );
});

test('a batch whose time is up to the last digit is handed on, and not looked at again and again', async () => {
  const { append, handedOn, pass } = await openBatches();
  pass(0.1);
  append(0, 'a');
  // 0.1 + 10 less 10 is less than 0.1.
  pass(LINGER_MS);
  assert.equal(handedOn.length, 1);
});

test('a batch gives back the memory that it did not fill', async () => {
  const { append, arena, handedOn, pass } = await openBatches();
  const before = arena.freeBytes;
  append(undefined, 'a');
  pass(LINGER_MS);
  const [batch] = handedOn;
  assert.ok(batch !== undefined && batch.bytes > BATCH_HEADER_BYTES);
  assert.ok(before - arena.freeBytes <= 4096, 'one page for one small record');
});

/** All that is free but `bytes`. */
function occupy(arena: Arena, bytes: number): () => void {
  const run = arena.claim(arena.freeBytes - bytes - GUARD_BYTES);
  assert.ok(run !== undefined);
  return () => arena.free(run);
}

test('once batches become long each has room for all of it at once, as long as few are open; of many each begins small', async () => {
  const batchBytes = 100_000;
  const { append, arena, pass } = await openBatches({ batchBytes });
  for (const records of [1, 30]) {
    const before = arena.freeBytes;
    for (let i = 0; i < records; i += 1) assert.ok(append(0, 'x'.repeat(1000)));
    assert.ok(before - arena.freeBytes < 70_000, 'nothing long was seen yet');
    pass(LINGER_MS);
  }
  const claimed = Array.from({ length: 100 }, (_, partition) => {
    const before = arena.freeBytes;
    assert.ok(append(partition, 'a'));
    return before - arena.freeBytes;
  });
  const whole = claimed.findIndex((bytes) => bytes < batchBytes);
  assert.ok(whole > 1 && whole * batchBytes <= arena.totalBytes / 4);
  assert.ok(claimed.slice(whole).every((bytes) => bytes <= 16_384));
});

test('without memory a batch waits for more of it, and is not handed on small', async () => {
  const { append, arena, handedOn } = await openBatches({ batchBytes: 1 << 20 });
  const free = occupy(arena, 40_000);
  let taken = 0;
  while (append(0, 'x'.repeat(1000))) taken += 1;
  assert.ok(taken > 10 && taken < 40);
  assert.equal(handedOn.length, 0);
  free();
  for (let i = 0; i < 1100; i += 1) assert.ok(append(0, 'x'.repeat(1000)));
  assert.ok((handedOn[0]?.recordCount ?? 0) > 1000);
});

test('a batch that finds no room to grow by much is not copied for each page that it finds', async () => {
  const { append, arena, handedOn, pass, copiedBytes } = await openBatches({ batchBytes: 1 << 20 });
  const holes: Run[] = [];
  for (;;) {
    const hole = arena.claim(300_000);
    const wall = arena.claim(1);
    if (hole !== undefined) holes.push(hole);
    if (hole === undefined || wall === undefined) break;
  }
  for (const hole of holes) arena.free(hole);
  for (let i = 0; i < 1000; i += 1) if (!append(0, 'x'.repeat(1000))) pass(LINGER_MS);
  assert.ok(handedOn.length >= 2);
  const bytes = handedOn.reduce((sum, batch) => sum + batch.bytes, 0);
  assert.ok(bytes > 500_000);
  assert.ok(copiedBytes() < 2 * bytes, `${copiedBytes()} bytes were copied for ${bytes}`);
});

test('whatever is written in turns with whatever, each batch has its records, byte for byte', async () => {
  const { append, batches, handedOn, memory } = await openBatches({ batchBytes: 20_000 });
  const random = seededRandom(7);
  // More partitions than there are desks, and records that no desk takes.
  const sent = Array.from({ length: 24 }, (): string[] => []);
  for (let i = 0; i < 5000; i += 1) {
    const partition = Math.floor(random() * sent.length);
    const length = Math.floor(random() * (random() < 0.1 ? 3000 : 300));
    const value = `${i} ${'v'.repeat(length)}`;
    assert.ok(append(partition, value));
    sent[partition]?.push(value);
    handedOn.splice(0).forEach((batch) => checkRecords(batch, sent, memory));
  }
  batches.flush();
  handedOn.forEach((batch) => checkRecords(batch, sent, memory));
  assert.ok(sent.every((values) => values.length === 0));
});

/** The batch has the next of what was sent to its partition, and nothing else. */
function checkRecords(batch: OpenBatch, sent: string[][], memory: SharedMemory): void {
  const values = sent[batch.partition ?? -1]?.splice(0, batch.recordCount) ?? [];
  const expected = Buffer.alloc(batch.bytes);
  const writer = new RecordWriter(expected);
  let at = BATCH_HEADER_BYTES;
  values.forEach((value, index) => {
    at += writer.write(at, index, 0, null, value, []);
  });
  assert.equal(at, batch.bytes);
  const { address } = batch.run;
  const written = memory.bytes.subarray(address + BATCH_HEADER_BYTES, address + batch.bytes);
  assert.ok(expected.subarray(BATCH_HEADER_BYTES).equals(written));
}

test('without memory no batch waits for linger.ms: what it holds may be all that there is', async () => {
  const { append, arena, handedOn, pass } = await openBatches({ lingerMs: 60_000 });
  assert.ok(append(0, 'first'));
  const free = occupy(arena, 0);
  pass(1000);
  assert.equal(handedOn.length, 0);
  assert.equal(append(1, 'no room'), false);
  pass(0);
  assert.deepEqual(
    handedOn.map(({ partition }) => partition),
    [0],
  );
  free();
  assert.ok(append(1, 'room again'));
  pass(1000);
  assert.equal(handedOn.length, 1, 'and from now on it lingers as it was told');
});

test('a batch that would wait behind others stays open for more, for a second at most, and holds up no other', async () => {
  const { append, pass, handedOn, behind } = await openBatches();
  behind.add(0);
  assert.ok(append(0, 'first'));
  pass(LINGER_MS);
  assert.equal(handedOn.length, 0);
  assert.ok(append(1, 'other'));
  for (let ms = 0; ms < LINGER_MS; ms += 1) pass(1);
  assert.deepEqual(
    handedOn.map(({ partition }) => partition),
    [1],
    'after its own linger.ms',
  );
  assert.ok(append(0, 'second'));
  behind.clear();
  for (let ms = 0; ms < 5; ms += 1) pass(1);
  assert.equal(handedOn.at(-1)?.recordCount, 2, 'soon after nothing is before it');
  behind.add(0);
  assert.ok(append(0, 'third'));
  for (let ms = 0; ms < 999; ms += 1) pass(1);
  assert.equal(handedOn.length, 2);
  for (let ms = 0; ms < 10; ms += 1) pass(1);
  assert.equal(handedOn.length, 3);
});

test('a batch that waits behind others is handed on when it is full, and at a flush', async () => {
  const { append, batches, pass, handedOn, behind } = await openBatches();
  behind.add(0);
  for (let i = 0; i < 30; i += 1) assert.ok(append(0, 'x'.repeat(200)));
  assert.equal(handedOn.length, 1);
  pass(LINGER_MS);
  assert.equal(handedOn.length, 1);
  batches.flush();
  assert.equal(handedOn.length, 2);
});
