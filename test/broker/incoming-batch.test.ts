import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBatch } from '../../src/broker/incoming-batch.ts';
import type { BatchCheckLevel } from '../../src/broker/incoming-batch.ts';
import { topicConfigDefaults } from '../../src/broker/topic-config.ts';
import type { TopicConfig } from '../../src/broker/topic-config.ts';
import { codecs, createCompressor } from '../../src/kafka/compression.ts';
import type { CodecName } from '../../src/kafka/compression.ts';
import { encodeRecord, encodeRecords } from '../../src/kafka/record.ts';
import { batchOffsets } from '../../src/kafka/record-batch.ts';
import { batchOf, patched } from './test-batches.ts';

const NOW = 1_700_000_000_000;

function verdict(
  records: Uint8Array | null,
  config: Partial<TopicConfig> = {},
  level: BatchCheckLevel = 'strict',
): string {
  const check = checkBatch(records, { ...topicConfigDefaults, ...config }, NOW, level);
  return 'error' in check ? check.error : 'sound';
}

const sound = batchOf({ values: ['a', 'b', 'c'], producerId: 4n });
const value = (text: string) => ({ key: null, value: Buffer.from(text) });

test('a sound batch passes', () => {
  assert.equal(verdict(sound), 'sound');
});

test('a partition gets exactly one batch of format 2', () => {
  assert.equal(verdict(null), 'INVALID_RECORD');
  assert.equal(verdict(new Uint8Array(0)), 'INVALID_RECORD');
  assert.equal(verdict(Buffer.concat([sound, sound])), 'INVALID_RECORD');
  const format1 = patched(sound, (view) => view.setInt8(batchOffsets.magic, 1));
  assert.equal(verdict(format1), 'INVALID_RECORD');
});

test('any bit turned over is a corrupt message', () => {
  for (const at of [batchOffsets.crc, batchOffsets.attributes, 45, 61, sound.length - 1]) {
    const broken = Uint8Array.from(sound);
    broken[at] = (broken[at] ?? 0) ^ 1;
    assert.equal(verdict(broken), 'CORRUPT_MESSAGE', `byte ${at}`);
  }
  assert.equal(verdict(sound.subarray(0, sound.length - 1)), 'CORRUPT_MESSAGE');
});

const headerFaults: readonly [string, string, (view: DataView) => void][] = [
  ['a base offset', 'INVALID_RECORD', (v) => v.setBigInt64(batchOffsets.baseOffset, 5n)],
  ['a count too high', 'INVALID_RECORD', (v) => v.setInt32(batchOffsets.recordCount, 4)],
  ['no records', 'INVALID_RECORD', (v) => v.setInt32(batchOffsets.recordCount, 0)],
  ['an offset delta too low', 'INVALID_RECORD', (v) => v.setInt32(batchOffsets.lastOffsetDelta, 1)],
  ['no sequence', 'INVALID_RECORD', (v) => v.setInt32(batchOffsets.baseSequence, -1)],
  ['a control batch', 'INVALID_RECORD', (v) => v.setInt16(batchOffsets.attributes, 0x20)],
  ['codec 5', 'UNSUPPORTED_COMPRESSION_TYPE', (v) => v.setInt16(batchOffsets.attributes, 5)],
  ['another codec than it has', 'INVALID_RECORD', (v) => v.setInt16(batchOffsets.attributes, 3)],
];

for (const [what, error, patch] of headerFaults) {
  test(`a batch with ${what} is refused`, () => {
    assert.equal(verdict(patched(sound, patch)), error);
  });
}

test('a transactional batch has a producer id', () => {
  assert.equal(verdict(batchOf({ attributes: 0x10 })), 'INVALID_RECORD');
  assert.equal(verdict(batchOf({ attributes: 0x10, producerId: 4n })), 'sound');
});

test('offset deltas are dense from 0', () => {
  for (const deltas of [
    [1, 2, 3],
    [0, 2, 3],
    [0, 0, 1],
  ]) {
    const payload = Buffer.concat(deltas.map((delta) => encodeRecord(value('x'), delta)));
    assert.equal(verdict(batchOf({ count: 3, payload })), 'INVALID_RECORD', deltas.join());
  }
});

test('bytes behind the last record, or too few, are refused', () => {
  const payload = encodeRecords([value('a'), value('b')]);
  assert.equal(verdict(batchOf({ count: 2, payload })), 'sound');
  const longer = Buffer.concat([payload, Buffer.from([0])]);
  assert.equal(verdict(batchOf({ count: 2, payload: longer })), 'INVALID_RECORD');
  assert.equal(verdict(batchOf({ count: 2, payload: payload.subarray(0, -1) })), 'INVALID_RECORD');
});

for (const codec of Object.keys(codecs) as CodecName[]) {
  test(`records compressed with ${codec} are looked into`, () => {
    const compressor = createCompressor(codec);
    const bad = Buffer.concat([encodeRecord(value('a'), 0), encodeRecord(value('b'), 2)]);
    const good = encodeRecords([value('a'), value('b')]);
    const attributes = compressor.id;
    const batch = (payload: Uint8Array) =>
      batchOf({ count: 2, attributes, payload: compressor.compress(payload) });
    assert.equal(verdict(batch(good)), 'sound');
    assert.equal(verdict(batch(bad)), 'INVALID_RECORD');
  });
}

test('size and timestamps are held against the settings of the topic', () => {
  const size = sound.byteLength;
  assert.equal(verdict(sound, { 'max.message.bytes': size }), 'sound');
  assert.equal(verdict(sound, { 'max.message.bytes': size - 1 }), 'MESSAGE_TOO_LARGE');

  const hour = 3_600_000;
  assert.equal(verdict(batchOf({ timestampMs: NOW + hour })), 'sound');
  assert.equal(verdict(batchOf({ timestampMs: NOW + hour + 1 })), 'INVALID_TIMESTAMP');
  const old = batchOf({ timestampMs: NOW - 2 * hour });
  assert.equal(verdict(old), 'sound');
  assert.equal(verdict(old, { 'message.timestamp.before.max.ms': hour }), 'INVALID_TIMESTAMP');
  const appendTime = { 'message.timestamp.type': 'LogAppendTime' } as const;
  assert.equal(verdict(batchOf({ timestampMs: NOW + 2 * hour }), appendTime), 'sound');
});

test('a compacted topic wants keys', () => {
  const compact = { 'cleanup.policy': 'compact' } as const;
  assert.equal(verdict(sound, compact), 'INVALID_RECORD');
  assert.equal(verdict(batchOf({ key: 'k' }), compact), 'sound');
});

test('headers alone are looked at when that is what was asked for', () => {
  const broken = Uint8Array.from(sound);
  broken[70] = (broken[70] ?? 0) ^ 1;
  assert.equal(verdict(broken, {}, 'headers'), 'sound');
  assert.equal(verdict(broken, { 'max.message.bytes': 62 }, 'headers'), 'MESSAGE_TOO_LARGE');
});
