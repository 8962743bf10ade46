import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import { RecordAccumulator } from '../../src/accumulate/record-accumulator.ts';

function batch(id: number, partition: number | undefined, replayable = false): ProducerBatch {
  return new ProducerBatch({
    id,
    topic: 'logs',
    ...(partition === undefined ? {} : { partition }),
    recordCount: 1,
    batchBytes: 100,
    rawBytes: 100,
    createdMs: id * 1000,
    replayable,
    payload: undefined,
  });
}

test('keyless batches and those of each partition wait in queues of their own', () => {
  const accumulator = new RecordAccumulator(Infinity);
  accumulator.append(batch(1, undefined));
  accumulator.append(batch(2, 3));
  accumulator.append(batch(3, undefined));
  assert.equal(accumulator.queue('logs', -1).length, 2);
  assert.equal(accumulator.queue('logs', 3).peek()?.id, 2);
  assert.equal(accumulator.nextExpiryMs, Infinity);
  assert.equal(accumulator.takeAll().length, 3);
});

test('batches expire by their age, in any queue, but not when their source can replay', () => {
  const accumulator = new RecordAccumulator(10_000);
  for (const one of [batch(1, undefined), batch(2, 0), batch(3, 0, true), batch(4, 0)]) {
    accumulator.append(one);
  }
  assert.equal(accumulator.nextExpiryMs, 11_000);
  const expired = accumulator.takeExpired(12_500, []).map(({ id }) => id);
  assert.deepEqual(expired, [1, 2]);
  assert.equal(accumulator.nextExpiryMs, 14_000);
  assert.deepEqual(
    [...accumulator.queue('logs', 0)].map(({ id }) => id),
    [3, 4],
  );
});

test('batches that expire one after the other are looked for at most every 50 ms', () => {
  const accumulator = new RecordAccumulator(10_000);
  for (const id of [1, 1.001, 1.049, 1.05]) accumulator.append(batch(id, 0));
  assert.equal(accumulator.takeExpired(11_000, []).length, 1);
  assert.equal(accumulator.nextExpiryMs, 11_050);
  assert.equal(accumulator.takeExpired(11_050, []).length, 3);
});

test('when everything is taken out, nothing waits for its time', () => {
  const accumulator = new RecordAccumulator(10_000);
  accumulator.append(batch(1, 0));
  assert.equal(accumulator.nextExpiryMs, 11_000);
  accumulator.takeAll();
  assert.equal(accumulator.nextExpiryMs, Infinity);
  accumulator.append(batch(2, 0));
  assert.equal(accumulator.nextExpiryMs, 12_000);
});

test('batches that wait elsewhere are watched and left where they are', () => {
  const accumulator = new RecordAccumulator(10_000);
  const elsewhere = batch(5, 0);
  assert.deepEqual(accumulator.takeExpired(12_000, [elsewhere]), []);
  assert.equal(accumulator.nextExpiryMs, 15_000);
});

test('the longest delivery.timeout.ms is a time like any other', () => {
  const accumulator = new RecordAccumulator(2 ** 31 - 1);
  const batchAtEnd = batch(2 ** 31, 0);
  accumulator.append(batchAtEnd);
  const expiresAtMs = 2 ** 31 * 1000 + 2 ** 31 - 1;
  assert.equal(accumulator.nextExpiryMs, expiresAtMs);
  assert.deepEqual(accumulator.takeExpired(expiresAtMs - 1, []), []);
  assert.deepEqual(accumulator.takeExpired(expiresAtMs, []), [batchAtEnd]);
});
