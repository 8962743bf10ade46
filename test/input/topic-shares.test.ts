import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicShares } from '../../src/input/topic-shares.ts';
import { Arena, PAGE_BYTES, type Run } from '../../src/ring/arena.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';

const MB = 1024 * 1024;
const CHUNK_BYTES = 850_000;
const FRAME_BYTES_MAX = MB;
const HEADROOM_BYTES = 6 * MB;

interface Bench {
  readonly arena: Arena;
  readonly shares: TopicShares;
  readonly claim: (topic: string, bytes: number) => Run | undefined;
  /** The chunk becomes a batch, and its run free. */
  readonly encode: (topic: string, chunk: Run, growth: number) => Run;
  readonly settle: (topic: string, batch: Run) => void;
}

function createBench(topics: readonly string[]): Bench {
  const arena = new Arena(allocateSharedMemory(26 * MB), { address: PAGE_BYTES, bytes: 25 * MB });
  const shares = new TopicShares(arena, HEADROOM_BYTES);
  for (const topic of topics) shares.open(topic, FRAME_BYTES_MAX);
  return {
    arena,
    shares,
    claim: (topic, bytes) => {
      if (!shares.allows(topic, bytes)) return undefined;
      const run = present(arena.claim(bytes), 'what is allowed is there');
      shares.take(topic, run.bytes);
      return run;
    },
    encode: (topic, chunk, growth) => {
      const batch = present(arena.claim(chunk.bytes * growth), 'the headroom is for batches');
      arena.free(chunk);
      shares.sealed(topic, chunk.bytes, batch.bytes);
      shares.give(topic, chunk.bytes);
      return batch;
    },
    settle: (topic, batch) => {
      arena.free(batch);
      shares.settled(topic, batch.bytes);
    },
  };
}

for (const growth of [0.3, 1.06, 2, 4]) {
  test(`who gives nothing back leaves the others their share, though its lines become ${growth} times as long`, () => {
    const { arena, claim, encode, settle } = createBench(['stuck', 'good', 'other']);
    for (let isFull = false; !isFull;) {
      // As much as two files of it have under way.
      const chunks = [1, 2, 3, 4].map(() => claim('stuck', CHUNK_BYTES));
      isFull = chunks[0] === undefined;
      for (const chunk of chunks) if (chunk !== undefined) encode('stuck', chunk, growth);
    }
    assert.ok(arena.freeBytes > HEADROOM_BYTES, `${arena.freeBytes} bytes are free`);
    for (let round = 0; round < 20; round += 1) {
      const [good, other] = [claim('good', CHUNK_BYTES), claim('other', CHUNK_BYTES)];
      assert.ok(good !== undefined && other !== undefined, 'each has its share');
      settle('good', encode('good', good, 1));
      settle('other', encode('other', other, 1));
    }
    assert.equal(claim('stuck', CHUNK_BYTES), undefined);
  });
}

test('a topic that holds nothing may have half of the headroom, one that holds something none of it', () => {
  const { arena, claim } = createBench(['good', 'other']);
  present(arena.claim(arena.freeBytes - HEADROOM_BYTES), 'an empty arena');
  assert.ok(claim('good', CHUNK_BYTES));
  assert.equal(claim('good', CHUNK_BYTES), undefined);
  assert.equal(claim('other', HEADROOM_BYTES / 2), undefined);
  assert.ok(claim('other', CHUNK_BYTES));
});
