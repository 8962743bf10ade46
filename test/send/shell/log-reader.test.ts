import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleBatch, placeBatch } from '../../../src/kafka/record-batch.ts';
import { encodeRecords } from '../../../src/kafka/record.ts';
import { headersOf } from '../../../src/send/log-reader.ts';
import { ProtocolError } from '../../../src/shared/errors.ts';

function batch(
  baseOffset: bigint,
  recordCount: number,
  producerId: bigint,
  sequence: number,
): Buffer {
  const records = Array.from({ length: recordCount }, (_, index) => ({
    key: null,
    value: Buffer.from(`record ${index}`),
  }));
  const bytes = assembleBatch(encodeRecords(records), {
    ...{ producerId, epoch: 3, baseSequence: sequence, recordCount },
    ...{ attributes: 0, timestampMs: 1_700_000_000_000 },
  });
  placeBatch(bytes, baseOffset, 7);
  return Buffer.from(bytes);
}

const log = [batch(100n, 3, 9n, 0), batch(103n, 2, 8n, 50), batch(105n, 4, 9n, 3)];

test('whose batches lie in the log is read from their headers', () => {
  const { nextOffset, headers } = headersOf(Buffer.concat(log), 100n);
  assert.equal(nextOffset, 109n);
  assert.deepEqual(headers[2], {
    ...{ baseOffset: 105n, lastOffsetDelta: 3, producerId: 9n, producerEpoch: 3 },
    ...{ baseSequence: 3, recordCount: 4 },
  });
  assert.deepEqual(
    headers.map(({ baseOffset }) => baseOffset),
    [100n, 103n, 105n],
  );
});

test('a batch that is cut off counts as soon as its header is whole', () => {
  const records = Buffer.concat(log);
  const lastFrom = records.length - (log[2]?.length ?? 0);
  for (let cut = lastFrom; cut < records.length; cut += 1) {
    const { nextOffset } = headersOf(records.subarray(0, cut), 100n);
    assert.equal(nextOffset, cut < lastFrom + 61 ? 105n : 109n, `cut at ${cut}`);
  }
});

test('reading begins inside the first batch when the offset lies there', () => {
  const { nextOffset, headers } = headersOf(Buffer.concat(log), 104n);
  assert.equal(nextOffset, 109n);
  assert.deepEqual(
    headers.map(({ baseOffset }) => baseOffset),
    [103n, 105n],
  );
});

test('nothing there leaves the offset where it is', () => {
  assert.deepEqual(headersOf(new Uint8Array(0), 42n), { nextOffset: 42n, headers: [] });
});

test('entries of the formats before Kafka 0.11 are passed over', () => {
  const old = Buffer.alloc(34);
  old.writeBigInt64BE(99n, 0);
  old.writeInt32BE(22, 8);
  old.writeInt8(1, 16);
  const { nextOffset, headers } = headersOf(Buffer.concat([old, ...log]), 99n);
  assert.equal(nextOffset, 109n);
  assert.equal(headers.length, 3);
  assert.equal(headersOf(old, 99n).nextOffset, 100n);
});

test('a compacted batch without records keeps its range', () => {
  const empty = batch(100n, 5, 9n, 10);
  empty.writeInt32BE(0, 57);
  const [header] = headersOf(empty, 100n).headers;
  assert.deepEqual([header?.recordCount, header?.lastOffsetDelta], [0, 4]);
});

test('impossible lengths are refused', () => {
  for (const length of [-13, 0, 4, 48]) {
    const broken = Buffer.from(log[0] ?? []);
    broken.writeInt32BE(length, 8);
    assert.throws(() => headersOf(broken, 100n), ProtocolError, `length ${length}`);
  }
});
