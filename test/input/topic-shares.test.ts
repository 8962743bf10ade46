import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TopicShares, type MemoryUse } from '../../src/input/topic-shares.ts';
import { Arena, claimLess, PAGE_BYTES, type Run } from '../../src/ring/arena.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';

const MB = 1024 * 1024;
const KB = 1024;
const CHUNK_BYTES = 850 * KB;
const BATCH_BYTES = 1000 * KB;
const HEADROOM_BYTES = 6 * MB;

/** Reads and encodes as the inputs and the encoders do: as much as it may at a time, halved until it may. */
class Bench {
  readonly arena = new Arena(allocateSharedMemory(26 * MB), {
    address: PAGE_BYTES,
    bytes: 25 * MB,
  });
  readonly shares = new TopicShares(this.arena, HEADROOM_BYTES);

  constructor(topics: readonly string[], frameBytesMax = 256 * KB) {
    for (const topic of topics) this.shares.open(topic, frameBytesMax);
  }

  claim(topic: string, bytesMin: number, bytesWanted: number, use: MemoryUse): Run | undefined {
    const claim = (bytes: number): Run | undefined => this.shares.claim(topic, bytes, use);
    return claim(bytesWanted) ?? claimLess(bytesWanted, bytesMin, claim);
  }

  read(topic: string, bytesMin = 64 * KB): Run | undefined {
    return this.claim(topic, bytesMin, CHUNK_BYTES, 'read');
  }

  free(topic: string, run: Run, use: MemoryUse): void {
    this.arena.free(run);
    this.shares.give(topic, run.bytes, use);
  }

  /**
   * The chunk becomes batches, `growth` times as long.
   *
   * @returns false when no more of them are allowed: the chunk stays
   */
  encode(
    topic: string,
    chunk: Run,
    growth: number,
    onBatch: (batch: Run) => void = () => undefined,
  ): boolean {
    for (let rest = chunk.bytes * growth; rest > 0;) {
      const batch = this.claim(topic, 64 * KB, BATCH_BYTES, 'encodeOldest');
      if (batch === undefined) return false;
      onBatch(batch);
      rest -= batch.bytes;
    }
    this.free(topic, chunk, 'read');
    return true;
  }

  /** All that it may, and nothing of it comes back. */
  getStuck(topic: string, growth: number): void {
    for (;;) {
      const chunks = [this.read(topic), this.read(topic), this.read(topic)];
      if (chunks[0] === undefined) return;
      for (const chunk of chunks) if (chunk !== undefined) this.encode(topic, chunk, growth);
    }
  }
}

for (const growth of [0.3, 1.06, 4, 30]) {
  for (const stuckCount of [1, 12]) {
    test(`${stuckCount} stuck topics leave the others their share; lines become ${growth} times as long`, () => {
      const stuck = Array.from({ length: stuckCount }, (_, index) => `stuck-${index}`);
      const bench = new Bench([...stuck, 'good', 'other']);
      for (const topic of stuck) bench.getStuck(topic, growth);
      for (const topic of ['good', 'other', 'good', 'other']) {
        const chunk = present(bench.read(topic), `${topic} may read`);
        const isEncoded = bench.encode(topic, chunk, growth, (batch) => {
          bench.free(topic, batch, 'encodeOldest');
        });
        assert.ok(isEncoded, `${topic} may encode`);
      }
    });
  }
}

test('what waits for the oldest chunk of its topic leaves it room to be encoded', () => {
  const bench = new Bench(['stuck', 'good']);
  const oldest = present(bench.read('good'), 'an empty arena');
  while (bench.claim('good', 64 * KB, BATCH_BYTES, 'encodeYounger') !== undefined);
  bench.getStuck('stuck', 2);
  assert.equal(bench.read('good'), undefined);
  assert.equal(bench.claim('good', 64 * KB, BATCH_BYTES, 'encodeYounger'), undefined);
  assert.ok(bench.claim('good', 64 * KB, BATCH_BYTES, 'encodeOldest'));
  bench.free('good', oldest, 'read');
});

test('a share holds the longest line, as it is read and as it is encoded', () => {
  const bench = new Bench(['stuck', 'good'], MB);
  bench.getStuck('stuck', 2);
  assert.ok(bench.claim('good', MB, MB, 'read'));
  assert.ok(bench.claim('good', MB, MB, 'encodeOldest'));
});

test('what the encoders take back for their reserve comes out of no share', () => {
  const reserveBytes = 256 * KB;
  const bench = new Bench(['stuck', 'good']);
  assert.ok(bench.shares.takeReserve('stuck', reserveBytes));
  bench.shares.setAside(reserveBytes);
  bench.getStuck('stuck', 1);
  assert.ok(bench.arena.claim(reserveBytes), 'it is there in one piece');
  bench.shares.setAside(0);
  assert.ok(bench.read('good'));
  assert.ok(bench.claim('good', 256 * KB, 256 * KB, 'encodeOldest'));
  assert.equal(bench.shares.takeReserve('stuck', reserveBytes), false, 'it had its share');
});

test('a share is there in one piece, however scattered the rest is', () => {
  const bench = new Bench(['stuck', 'good'], MB);
  const given: Run[] = [];
  for (let count = 0; count < 40; count += 1) {
    bench.claim('stuck', 900 * KB, 900 * KB, 'encodeOldest');
    const batch = bench.claim('good', 900 * KB, 900 * KB, 'encodeOldest');
    if (batch !== undefined) given.push(batch);
  }
  for (const batch of given) bench.free('good', batch, 'encodeOldest');
  bench.getStuck('stuck', 1);
  assert.ok(bench.claim('good', MB, MB, 'read'));
  assert.ok(bench.claim('good', MB, MB, 'encodeOldest'));
});

test('alone, a topic may fill everything but the headroom', () => {
  const bench = new Bench(['only']);
  while (bench.read('only', PAGE_BYTES) !== undefined);
  assert.ok(bench.arena.freeBytes >= HEADROOM_BYTES);
  assert.ok(bench.arena.freeBytes < HEADROOM_BYTES + MB);
});
