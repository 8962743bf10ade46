import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_BYTES } from '../../../src/ring/arena.ts';
import { splitBatch } from '../../../src/send/split-batch.ts';
import { linesOf, workshop, type LineBatch, type Lines } from './sealed-batches.ts';

/** Splits as the sender does; ranges are lines. */
function splitter(shop: ReturnType<typeof workshop>) {
  let id = 100;
  const options = {
    ...{ memory: shop.memory, arena: shop.arena, compressionLevel: undefined },
    cutRanges: ({ payload }: LineBatch, counts: readonly number[]): Lines[] => {
      let from = 0;
      return counts.map((count) => payload.ranges.slice(from, (from += count)));
    },
    takeBatchId: () => (id += 1),
  };
  return (batch: LineBatch, pieceBytesMax: number): LineBatch[] =>
    splitBatch(options, batch, pieceBytesMax);
}

const isOutside = ({ payload }: LineBatch): boolean => payload.sealed.run instanceof Uint8Array;

test('pieces stand for their part of the source, and are batches like the whole', () => {
  const shop = workshop(8 * PAGE_BYTES);
  const split = splitter(shop);
  const whole = shop.batch(1, 'logs', ['a', 'b', 'c', 'd'], { partition: 3, createdMs: 7 });
  const pieces = split(whole, whole.batchBytes - 10);
  assert.ok(!pieces.some(isOutside), 'there is room');
  for (const { topic, partition, createdMs, keyless } of pieces) {
    assert.deepEqual([topic, partition, createdMs, keyless], ['logs', 3, 7, false]);
  }
  assert.deepEqual(
    pieces.map(({ id, payload, recordCount }) => [id, recordCount, payload.ranges]),
    [
      [101, 2, ['a', 'b']],
      [102, 2, ['c', 'd']],
    ],
  );
  for (const { payload } of pieces) assert.deepEqual(linesOf(shop, payload.sealed), payload.ranges);
});

test('a full arena stops no split, whatever else was split before: what fills it may wait behind this very batch', () => {
  // Each batch takes a page, and then there is none.
  const shop = workshop(2 * PAGE_BYTES);
  const split = splitter(shop);
  const first = shop.batch(1, 'logs', ['a', 'b', 'c', 'd'], { partition: 0 });
  const second = shop.batch(2, 'logs', ['e', 'f'], { partition: 0 });
  const behind = split(second, 1);
  const halves = split(first, first.batchBytes - 10);
  const quarters = split(halves[0] ?? assert.fail(), 1);
  for (const pieces of [behind, halves, quarters]) assert.ok(pieces.every(isOutside));
  const lines = [...quarters, ...halves.slice(1), ...behind].flatMap(({ payload }) =>
    linesOf(shop, payload.sealed),
  );
  assert.deepEqual(lines, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.equal(shop.arena.freeBytes, 0, 'the wholes are the caller’s to free');
});
