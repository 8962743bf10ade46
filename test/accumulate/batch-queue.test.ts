import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchQueue } from '../../src/accumulate/batch-queue.ts';
import { ProducerBatch } from '../../src/accumulate/producer-batch.ts';

function batch(id: number): ProducerBatch {
  const sizes = { recordCount: 1, batchBytes: 100, rawBytes: 100 };
  return new ProducerBatch({ id, topic: 'logs', ...sizes, createdMs: id, payload: undefined });
}

function ids(batches: Iterable<ProducerBatch>): number[] {
  return [...batches].map(({ id }) => id);
}

test('first in, first out, over thousands of them, and the bytes are counted', () => {
  const queue = new BatchQueue();
  const out: number[] = [];
  for (let i = 0; i < 5000; i++) {
    queue.push(batch(i));
    if (i % 3 !== 0) out.push(queue.shift()?.id ?? -1);
  }
  assert.equal(queue.bytes, queue.length * 100);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) out.push(next.id);
  assert.deepEqual(
    out,
    out.map((_, i) => i),
  );
  assert.deepEqual([queue.length, queue.bytes, queue.peek()], [0, 0, undefined]);
});

test('what is put back comes before all others, in its order', () => {
  const queue = new BatchQueue();
  for (let i = 3; i < 6; i++) queue.push(batch(i));
  queue.shift();
  queue.putBack([batch(1), batch(2)]);
  assert.deepEqual(ids(queue), [1, 2, 4, 5]);
  assert.equal(queue.bytes, 400);
});

test('what is taken out of the middle leaves the rest in order', () => {
  const queue = new BatchQueue();
  for (let i = 0; i < 10; i++) queue.push(batch(i));
  queue.shift();
  assert.deepEqual(ids(queue.take(({ id }) => id % 2 === 0)), [2, 4, 6, 8]);
  assert.deepEqual(ids(queue), [1, 3, 5, 7, 9]);
  assert.equal(queue.bytes, 500);
});
