import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decompress } from '../../src/kafka/compression.ts';
import {
  assembleBatch,
  BATCH_HEADER_BYTES,
  readBatchHeader,
  validateBatch,
} from '../../src/kafka/record-batch.ts';
import { decodeRecords, encodeRecords } from '../../src/kafka/record.ts';
import { goldenBatches } from './golden-batches.ts';
import type { GoldenBatch } from './golden-batches.ts';

function payloadOf({ bytes }: GoldenBatch): Uint8Array {
  const { codec } = readBatchHeader(bytes);
  const payload = bytes.subarray(BATCH_HEADER_BYTES);
  return codec === 0 ? payload : decompress(codec, payload);
}

test('the golden batches cover every codec', () => {
  const codecs = new Set(goldenBatches.map(({ bytes }) => readBatchHeader(bytes).codec));
  assert.deepEqual([...codecs].sort(), [0, 1, 2, 3, 4]);
});

test('batches of the Java client decode to the records it was given', () => {
  for (const golden of goldenBatches) {
    const header = readBatchHeader(golden.bytes);
    const { name, producerId, producerEpoch, baseSequence, baseTimestamp, records } = golden;
    assert.deepEqual(
      {
        ...{ producerId: header.producerId, producerEpoch: header.producerEpoch },
        ...{ baseSequence: header.baseSequence, baseTimestamp: header.baseTimestamp },
        ...{ batchBytes: header.batchBytes, recordCount: header.recordCount },
        ...{ maxTimestamp: header.maxTimestamp, baseOffset: header.baseOffset },
      },
      {
        ...{ producerId, producerEpoch, baseSequence, baseTimestamp },
        ...{ batchBytes: golden.bytes.length, recordCount: records.length, baseOffset: 0n },
        maxTimestamp: baseTimestamp + Math.max(...records.map((one) => one.timestampDelta)),
      },
      name,
    );
    const decoded = [...decodeRecords(payloadOf(golden), header.recordCount)].map((one) => ({
      ...one,
      key: one.key && Buffer.from(one.key),
      value: one.value && Buffer.from(one.value),
      headers: one.headers.map((h) => ({ key: h.key, value: h.value && Buffer.from(h.value) })),
    }));
    assert.deepEqual(decoded, records, name);
  }
});

test('batches of the Java client have no fault in the eyes of the embedded broker', () => {
  for (const { name, bytes } of goldenBatches) {
    assert.equal(validateBatch(bytes, decompress), undefined, name);
  }
});

test('the same records give the same bytes as from the Java client', () => {
  const plain = goldenBatches.filter(({ bytes }) => readBatchHeader(bytes).codec === 0);
  assert.equal(plain.length, 3);
  for (const golden of plain) {
    const header = readBatchHeader(golden.bytes);
    const batch = assembleBatch(encodeRecords(golden.records), {
      producerId: golden.producerId,
      epoch: golden.producerEpoch,
      baseSequence: golden.baseSequence,
      recordCount: golden.records.length,
      attributes: 0,
      timestampMs: golden.baseTimestamp,
      maxTimestampMs: header.maxTimestamp,
    });
    assert.deepEqual(Buffer.from(batch), golden.bytes, golden.name);
  }
});
