import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { BatchSplits } from '../../../src/send/batch-splits.ts';
import type { SenderEvent } from '../../../src/send/events.ts';
import { PAGE_BYTES } from '../../../src/ring/arena.ts';
import { workshop, type LineBatch, type Lines } from './sealed-batches.ts';

function splitsOf(shop: ReturnType<typeof workshop>) {
  const pieces = new Map<LineBatch, readonly LineBatch[]>();
  let id = 100;
  const splits = new BatchSplits<Lines>({
    ...{ memory: shop.memory, arena: shop.arena, compressionLevel: undefined },
    cutRanges: ({ payload }, counts) => {
      let from = 0;
      return counts.map((count) => payload.ranges.slice(from, (from += count)));
    },
    takeBatchId: () => (id += 1),
    emit: (event: SenderEvent) => {
      if (event.type === 'batchSplit')
        pieces.set(event.batch as LineBatch, event.pieces as LineBatch[]);
    },
  });
  return { splits, pieces };
}

test('a piece outside the arena that is too large itself is cut at once, whoever waits for it to be gone', async () => {
  // Each batch takes a page, and then there is none.
  const shop = workshop(2 * PAGE_BYTES);
  const first = shop.batch(1, 'logs', ['a', 'b', 'c', 'd']);
  const second = shop.batch(2, 'other', ['e', 'f']);
  const { splits, pieces } = splitsOf(shop);
  splits.split(first, first.batchBytes - 10);
  const [piece] = pieces.get(first) ?? [];
  assert.ok(piece?.payload.sealed.run instanceof Uint8Array, 'there is no room in the arena');
  assert.equal(piece.recordCount, 2);
  // Its pieces wait for those of the first to be gone.
  splits.split(second, 1);
  await turn();
  assert.equal(pieces.get(second), undefined);
  splits.split(piece, 1);
  await turn();
  const halves = pieces.get(piece);
  assert.deepEqual(
    halves?.map(({ payload }) => payload.ranges),
    [['a'], ['b']],
  );
  for (const gone of [piece, ...(pieces.get(first)?.slice(1) ?? []), ...halves]) {
    assert.equal(pieces.get(second), undefined, 'those of one batch at a time');
    splits.forget(gone);
    await turn();
  }
  assert.equal(pieces.get(second)?.length, 2);
});
