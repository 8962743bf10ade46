import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../src/kafka/crc32c.ts';
import {
  assembleBatch,
  BATCH_HEADER_BYTES,
  batchAttributes,
  batchOffsets,
  placeBatch,
  readBatchHeader,
  recordBatches,
  stamp,
  validateBatch,
} from '../../src/kafka/record-batch.ts';
import type { BatchFault } from '../../src/kafka/record-batch.ts';
import { encodeRecord, encodeRecords } from '../../src/kafka/record.ts';
import { Bug } from '../../src/shared/assert.ts';
import { ProtocolError } from '../../src/shared/errors.ts';

const NOW_MS = 1_780_000_000_123;
const identity = { producerId: 4000n, epoch: 3, baseSequence: 17 };
const value = (text: string) => ({ key: null, value: Buffer.from(text) });
const payload = encodeRecords([value('a'), value('b'), value('c')]);

function batchOf(overrides: Partial<Parameters<typeof assembleBatch>[1]> = {}): Buffer {
  const fields = { ...identity, recordCount: 3, attributes: 0, timestampMs: NOW_MS, ...overrides };
  return Buffer.from(assembleBatch(payload, fields));
}

/** Changes bytes and mends the checksum, so that the check behind it is reached. */
function forged(change: (batch: Buffer) => void): Buffer {
  const batch = batchOf();
  change(batch);
  batch.writeUInt32BE(crc32c(batch.subarray(batchOffsets.attributes)), batchOffsets.crc);
  return batch;
}

function faultOf(batch: Uint8Array): BatchFault | undefined {
  return validateBatch(batch, () => {
    throw new ProtocolError('not of this codec');
  });
}

test('a stamped batch has the checksum of all its bytes, though its payload is never read', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 3000, size: 'max' }),
      fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
      fc.integer({ min: -1, max: 32767 }),
      fc.integer({ min: -1, max: 2147483647 }),
      fc.integer({ min: 1, max: 2147483647 }),
      fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
      (bytes, producerId, epoch, baseSequence, recordCount, timestampMs) => {
        const batch = Buffer.from(new SharedArrayBuffer(BATCH_HEADER_BYTES + bytes.length));
        batch.fill(0xee);
        batch.set(bytes, BATCH_HEADER_BYTES);
        const payloadCrc = crc32c(bytes);
        stamp(batch, {
          ...{ producerId, epoch, baseSequence, recordCount, attributes: 3, timestampMs },
          ...{ payloadCrc, batchBytes: batch.length },
        });
        assert.equal(
          batch.readUInt32BE(batchOffsets.crc),
          crc32c(batch.subarray(batchOffsets.attributes)),
        );
        assert.deepEqual(readBatchHeader(batch), {
          baseOffset: 0n,
          batchBytes: batch.length,
          partitionLeaderEpoch: -1,
          crc: batch.readUInt32BE(batchOffsets.crc),
          attributes: 3,
          codec: 3,
          lastOffsetDelta: recordCount - 1,
          baseTimestamp: timestampMs,
          maxTimestamp: timestampMs,
          producerId,
          producerEpoch: epoch,
          baseSequence,
          recordCount,
        });
        assert.deepEqual(batch.subarray(BATCH_HEADER_BYTES), Buffer.from(bytes));
      },
    ),
  );
});

test('a batch can be stamped again, for a new attempt or a new identity', () => {
  const batch = batchOf();
  const again = batchOf({ producerId: 5n, epoch: 0, baseSequence: 0 });
  stamp(batch, {
    ...{ producerId: 5n, epoch: 0, baseSequence: 0, recordCount: 3, attributes: 0 },
    ...{ timestampMs: NOW_MS, payloadCrc: crc32c(payload), batchBytes: batch.length },
  });
  assert.deepEqual(batch, again);
});

test('a producer id that no broker gives is a bug', () => {
  assert.throws(() => batchOf({ producerId: -5n }), Bug);
  assert.throws(() => batchOf({ recordCount: 0 }), Bug);
});

test('a sound batch has no fault, and placing it in the log leaves it sound', () => {
  const batch = batchOf();
  assert.equal(faultOf(batch), undefined);
  const crc = readBatchHeader(batch).crc;
  placeBatch(batch, 9_000_000_000_000_000_000n, 12);
  const header = readBatchHeader(batch);
  assert.equal(header.baseOffset, 9_000_000_000_000_000_000n);
  assert.equal(header.partitionLeaderEpoch, 12);
  assert.equal(header.crc, crc);
});

test('a single wrong byte under the checksum is found, wherever it is', () => {
  const sound = batchOf();
  for (let at = batchOffsets.magic; at < sound.length; at += 1) {
    const batch = Buffer.from(sound);
    batch.writeUInt8(batch.readUInt8(at) ^ 0x20, at);
    assert.notEqual(faultOf(batch), undefined, `byte ${at}`);
  }
});

test('each fault is answered with the error that Kafka has for it', () => {
  const expect = (batch: Uint8Array, error: string, problem: RegExp): void => {
    const fault = faultOf(batch);
    assert.equal(fault?.error, error, fault?.problem);
    assert.match(fault.problem, problem);
  };
  expect(batchOf().subarray(0, 60), 'CORRUPT_MESSAGE', /60 bytes are no batch/);
  expect(batchOf().subarray(0, 70), 'CORRUPT_MESSAGE', /the header says \d+ bytes, 70 came/);
  expect(Buffer.concat([batchOf(), batchOf()]), 'CORRUPT_MESSAGE', /bytes/);
  expect(
    forged((b) => b.writeInt8(1, batchOffsets.magic)),
    'INVALID_RECORD',
    /format 1, not 2/,
  );
  expect(
    forged((b) => b.writeInt32BE(5, batchOffsets.lastOffsetDelta)),
    'INVALID_RECORD',
    /delta 5/,
  );
  expect(
    forged((b) => b.writeInt32BE(0, batchOffsets.recordCount)),
    'INVALID_RECORD',
    /0 records/,
  );
  expect(
    forged((b) => b.writeInt32BE(-1, batchOffsets.baseSequence)),
    'INVALID_RECORD',
    /sequence/,
  );
  expect(
    forged((b) => b.writeBigInt64BE(7n, batchOffsets.baseOffset)),
    'INVALID_RECORD',
    /base offset 7/,
  );
  expect(batchOf({ attributes: batchAttributes.control }), 'INVALID_RECORD', /control/);
  expect(batchOf({ attributes: 0x80 }), 'INVALID_RECORD', /attributes 128/);
  expect(batchOf({ attributes: batchAttributes.logAppendTime }), 'INVALID_TIMESTAMP', /log append/);
  expect(batchOf({ attributes: 5 }), 'UNSUPPORTED_COMPRESSION_TYPE', /codec 5/);
  expect(batchOf({ attributes: 3 }), 'INVALID_RECORD', /not of this codec/);
  expect(batchOf({ recordCount: 2 }), 'INVALID_RECORD', /bytes left over/);
  expect(batchOf({ recordCount: 4 }), 'INVALID_RECORD', /wanted/);
  const gap = Buffer.concat([encodeRecord(value('a'), 0), encodeRecord(value('b'), 2)]);
  const fields = { ...identity, recordCount: 2, attributes: 0, timestampMs: NOW_MS };
  expect(assembleBatch(gap, fields), 'INVALID_RECORD', /record 1 has offset delta 2/);
});

test('a compressed batch is checked in its records', () => {
  const batch = batchOf({ attributes: 1 });
  assert.equal(
    validateBatch(batch, (_codec, bytes) => bytes),
    undefined,
  );
  const seen: number[] = [];
  validateBatch(batch, (codec, bytes) => {
    seen.push(codec, bytes.length);
    return bytes;
  });
  assert.deepEqual(seen, [1, payload.length]);
});

test('the batches of a fetch are taken apart, a last one that is cut short left out', () => {
  const batch = batchOf();
  const whole = Buffer.concat([batch, batch, batch]);
  const sizes = (records: Uint8Array): number[] => [...recordBatches(records)].map((b) => b.length);
  assert.deepEqual(sizes(whole), [batch.length, batch.length, batch.length]);
  assert.deepEqual(sizes(whole.subarray(0, whole.length - 1)), [batch.length, batch.length]);
  assert.deepEqual(sizes(whole.subarray(0, 5)), []);
  assert.throws(() => sizes(Buffer.alloc(80)), ProtocolError);
  assert.throws(() => sizes(Buffer.alloc(80, 0xff)), ProtocolError);
});
