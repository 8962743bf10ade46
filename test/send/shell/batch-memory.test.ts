import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBatchHeader, validateBatch } from '../../../src/kafka/record-batch.ts';
import { BatchMemory } from '../../../src/send/batch-memory.ts';
import { Bug } from '../../../src/shared/assert.ts';
import { workshop } from './sealed-batches.ts';

test('bytes are free only after the release and the write callback, in either order', () => {
  for (const order of ['written first', 'released first']) {
    const shop = workshop();
    const memory = new BatchMemory(shop.memory, shop.arena);
    const all = shop.arena.freeBytes;
    const batch = shop.batch(1, 'logs', ['a', 'b'], { partition: 0 });
    const used = shop.arena.freeBytes;
    memory.frame(batch, 1);
    if (order === 'written first') memory.written(batch);
    else memory.release(batch);
    assert.equal(shop.arena.freeBytes, used, order);
    if (order === 'written first') memory.release(batch);
    else memory.written(batch);
    assert.equal(shop.arena.freeBytes, all, order);
  }
});

test('a batch that was never sent is free at its release', () => {
  const shop = workshop();
  const memory = new BatchMemory(shop.memory, shop.arena);
  const all = shop.arena.freeBytes;
  memory.release(shop.batch(1, 'logs', ['a']));
  assert.equal(shop.arena.freeBytes, all);
});

test('a batch is stamped with the identity it has when it is framed', () => {
  const shop = workshop();
  const memory = new BatchMemory(shop.memory, shop.arena);
  const batch = shop.batch(1, 'logs', ['a', 'b'], { partition: 0 });
  batch.producerId = 77n;
  batch.producerEpoch = 2;
  batch.baseSequence = 2_147_483_647;
  const bytes = memory.frame(batch, 1_700_000_000_123);
  assert.equal(
    validateBatch(bytes, () => assert.fail('it is not compressed')),
    undefined,
  );
  const header = readBatchHeader(bytes);
  assert.deepEqual(
    [header.producerId, header.producerEpoch, header.baseSequence, header.maxTimestamp],
    [77n, 2, 2_147_483_647, 1_700_000_000_123],
  );
});

test('a batch is not stamped anew while a socket still reads it', () => {
  const shop = workshop();
  const memory = new BatchMemory(shop.memory, shop.arena);
  const batch = shop.batch(1, 'logs', ['a'], { partition: 0 });
  memory.frame(batch, 1);
  assert.throws(() => memory.frame(batch, 2), Bug);
  memory.written(batch);
  memory.frame(batch, 2);
});

test('a batch whose run was freed by somebody else is never sent', () => {
  const shop = workshop();
  const memory = new BatchMemory(shop.memory, shop.arena);
  const batch = shop.batch(1, 'logs', ['a'], { partition: 0 });
  const { run } = batch.payload.sealed;
  assert.ok(!(run instanceof Uint8Array));
  shop.arena.free(run);
  assert.throws(() => memory.frame(batch, 1), Bug);
});
