import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartitionLog } from '../../src/broker/partition-log.ts';

function append(log: PartitionLog, records: number, sizeBytes: number, discard = false): void {
  const baseOffset = log.endOffset;
  log.append({
    baseOffset,
    lastOffset: baseOffset + records - 1,
    leaderEpoch: 0,
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    lastSequence: -1,
    recordCount: records,
    maxTimestampMs: baseOffset,
    crc: baseOffset,
    sizeBytes,
    transactional: false,
    bytes: discard ? undefined : new Uint8Array(sizeBytes).fill(baseOffset),
  });
}

const firstBytes = (fragments: readonly Uint8Array[]) => fragments.map((fragment) => fragment[0]);

test('reading begins with the batch that holds the offset and returns whole batches', () => {
  const log = new PartitionLog({ retainedBytesMax: 1e6, discard: false });
  for (let batch = 0; batch < 5; batch++) append(log, 10, 100);
  assert.deepEqual(firstBytes(log.read(0, 50, 1000, false)), [0, 10, 20, 30, 40]);
  assert.deepEqual(firstBytes(log.read(19, 50, 250, false)), [10, 20]);
  assert.deepEqual(firstBytes(log.read(20, 40, 1000, false)), [20, 30]);
  assert.deepEqual(firstBytes(log.read(50, 50, 1000, true)), []);
});

test('one batch is read even if it is longer than asked for, if that is wanted', () => {
  const log = new PartitionLog({ retainedBytesMax: 1e6, discard: false });
  append(log, 1, 100);
  assert.deepEqual(firstBytes(log.read(0, 1, 99, true)), [0]);
  assert.deepEqual(log.read(0, 1, 99, false), []);
});

test('past the byte cap the oldest batches go, never the newest, and counts stay', () => {
  const log = new PartitionLog({ retainedBytesMax: 1000, discard: false });
  for (let batch = 0; batch < 100; batch++) append(log, 10, 100);
  assert.equal(log.endOffset, 1000);
  assert.ok(log.startOffset >= 900 && log.startOffset < 1000, String(log.startOffset));
  assert.equal(log.recordCount, 1000);
  assert.equal(log.byteCount, 10_000);
  append(log, 10, 5000);
  assert.deepEqual([log.startOffset, log.batches.length], [1000, 1]);
});

test('truncation and deletion move the ends', () => {
  const log = new PartitionLog({ retainedBytesMax: 1e6, discard: false });
  for (let batch = 0; batch < 5; batch++) append(log, 10, 100);
  log.truncateTo(30);
  assert.deepEqual([log.endOffset, log.recordCount, log.byteCount], [30, 30, 300]);
  log.deleteBefore(15);
  assert.deepEqual([log.startOffset, log.batches.length], [15, 2]);
  assert.equal(log.isEmptied, false);
  log.deleteBefore(30);
  assert.equal(log.isEmptied, true);
});

test('a log that is truncated to below its start begins and ends there, and goes on from there', () => {
  const log = new PartitionLog({ retainedBytesMax: 1e6, discard: false });
  for (let batch = 0; batch < 5; batch++) append(log, 10, 100);
  log.deleteBefore(30);
  log.truncateTo(10);
  assert.deepEqual([log.startOffset, log.endOffset, log.batches.length], [10, 10, 0]);
  append(log, 10, 100);
  assert.deepEqual([log.startOffset, log.endOffset], [10, 20]);
  assert.deepEqual(firstBytes(log.read(10, 20, 1000, false)), [10]);
});

test('a discarding log counts, keeps no bytes and has the checksum of one that keeps them', () => {
  const kept = new PartitionLog({ retainedBytesMax: 1e9, discard: false });
  const sink = new PartitionLog({ retainedBytesMax: 1e9, discard: true });
  for (let batch = 0; batch < 20_000; batch++) {
    append(kept, 3, 1);
    append(sink, 3, 1, true);
  }
  assert.deepEqual([sink.recordCount, sink.endOffset, sink.byteCount], [60_000, 60_000, 20_000]);
  assert.equal(sink.startOffset, sink.endOffset);
  assert.equal(sink.checksum, kept.checksum);
  assert.ok(sink.batches.length < 10_000);
  assert.deepEqual(sink.read(0, 60_000, 1e9, true), []);
});
