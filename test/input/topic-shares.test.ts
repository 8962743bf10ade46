import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EncodeOrder, type ChunkToEncode } from '../../src/encode/encode-order.ts';
import { OutputClaims } from '../../src/encode/output-claims.ts';
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
  readonly memory = allocateSharedMemory(26 * MB);
  readonly arena = new Arena(this.memory, { address: PAGE_BYTES, bytes: 25 * MB });
  readonly shares = new TopicShares(this.arena, HEADROOM_BYTES);

  constructor(topics: readonly string[], frameBytesMax = 256 * KB) {
    for (const topic of topics) this.shares.open(topic, frameBytesMax);
  }

  claim(topic: string, bytesMin: number, bytesWanted: number, use: MemoryUse): Run | undefined {
    const claim = (bytes: number): Run | undefined => {
      if (!this.shares.allows(topic, bytes, use)) return undefined;
      const run = present(this.arena.claim(bytes), 'what is allowed is there');
      this.shares.take(topic, run.bytes, use);
      return run;
    };
    return claim(bytesWanted) ?? claimLess(bytesWanted, bytesMin, claim);
  }

  read(topic: string, bytesMin = 64 * KB): Run | undefined {
    return this.claim(topic, bytesMin, CHUNK_BYTES, 'read');
  }

  free(topic: string, run: Run): void {
    this.arena.free(run);
    this.shares.give(topic, run.bytes);
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
    this.free(topic, chunk);
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
          bench.free(topic, batch);
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
  bench.free('good', oldest);
});

test('a share holds the longest line, as it is read and as it is encoded', () => {
  const bench = new Bench(['stuck', 'good'], MB);
  bench.getStuck('stuck', 2);
  assert.ok(bench.claim('good', MB, MB, 'read'));
  assert.ok(bench.claim('good', MB, MB, 'encodeOldest'));
});

test('what the encoders take back for their reserve comes out of no share', () => {
  const reserveBytes = 256 * KB;
  const pieceBytes = 60 * KB;
  const bench = new Bench(['stuck', 'good']);
  const outputs = new OutputClaims(bench.memory, bench.arena, reserveBytes, bench.shares);
  const fill = (topic: string): Run | undefined =>
    bench.claim(topic, pieceBytes, pieceBytes, 'encodeOldest');
  const fillAll = (topic: string): Run[] => {
    const pieces: Run[] = [];
    for (let piece = fill(topic); piece !== undefined; piece = fill(topic)) pieces.push(piece);
    return pieces;
  };
  const share = Array.from({ length: 12 }, () => present(fill('good'), 'it has a share'));
  // Nothing but holes shorter than a batch: the oldest chunk gets the reserve.
  for (const [index, piece] of fillAll('stuck').entries()) {
    if (index % 2 === 0) bench.free('stuck', piece);
  }
  const input = present(fill('stuck'), 'there are holes');
  const frames = {
    trailerAddress: 0,
    trailerBytes: 1,
    flags: 0,
    recordBytesMax: KB,
    timestampMs: 0,
  };
  const chunk = { number: 0, input, bytes: input.bytes, ...frames };
  const oldest = new EncodeOrder<ChunkToEncode>(() => undefined).add(chunk, 'stuck');
  assert.equal(outputs.claim(oldest)?.isReserve, true);
  fillAll('stuck');
  for (const piece of share) {
    bench.free('good', piece);
    outputs.refill();
  }
  for (let rest = share.length * pieceBytes; rest > 0;) {
    const piece = bench.claim('good', KB, Math.min(rest, pieceBytes), 'encodeOldest');
    rest -= present(piece, `${rest} bytes of the share are still there`).bytes;
  }
});

test('alone, a topic may fill everything but the headroom', () => {
  const bench = new Bench(['only']);
  while (bench.read('only', PAGE_BYTES) !== undefined);
  assert.ok(bench.arena.freeBytes >= HEADROOM_BYTES);
  assert.ok(bench.arena.freeBytes < HEADROOM_BYTES + MB);
});
