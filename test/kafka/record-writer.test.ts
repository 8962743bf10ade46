import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_HEADER_BYTES, readBatchHeader } from '../../src/kafka/record-batch.ts';
import { decodeRecords } from '../../src/kafka/record.ts';
import {
  partLength,
  partsBytesMax,
  RECORD_OVERHEAD_BYTES,
  recordBytes,
  RecordWriter,
  type RecordHeaders,
  type RecordPart,
} from '../../src/kafka/record-writer.ts';
import { goldenBatches } from './golden-batches.ts';

const AT = 100;
const POISON = 0xa5;

interface Written {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: RecordPart;
  readonly value: RecordPart;
  readonly headers: RecordHeaders;
}

/** Lengths around the borders where a varint takes a byte more. */
const lengths = fc.oneof(
  fc.nat({ max: 300 }),
  fc.constantFrom(20, 21, 22, 63, 64, 65, 8190, 8191, 8192),
);
const bytes = lengths.map((length) => Buffer.alloc(length, 7));
const ascii = lengths.map((length) => 'a'.repeat(length));
const wide = fc
  .tuple(lengths, fc.constantFrom('\u00fc', '\u20ac', '\ud83d\ude00', '\ud800'), fc.nat({ max: 3 }))
  .map(([length, character, tail]) => character.repeat(length) + 'b'.repeat(tail));
const text = fc.oneof(ascii, wide, fc.string({ unit: 'binary' }));
const part: fc.Arbitrary<RecordPart> = fc.oneof(fc.constant(null), bytes, text);
const record: fc.Arbitrary<Written> = fc.record({
  offsetDelta: fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(63, 64, 8191, 8192, 2 ** 31 - 1)),
  timestampDelta: fc.oneof(
    fc.integer({ min: -100, max: 100 }),
    fc.maxSafeInteger(),
    fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 31 - 1, -(2 ** 31) - 1),
  ),
  key: part,
  value: part,
  headers: fc.array(fc.tuple(text, part), { maxLength: 3 }),
});

function plain(content: RecordPart): Buffer | null {
  return content === null ? null : Buffer.from(content as Uint8Array);
}

test('a record reads back as it was written, takes exactly the bytes that were foretold, and touches no other', () => {
  fc.assert(
    fc.property(record, (one) => {
      const { offsetDelta, timestampDelta, key, value, headers } = one;
      const exact = recordBytes(offsetDelta, timestampDelta, key, value, headers);
      assert.ok(exact <= RECORD_OVERHEAD_BYTES + partsBytesMax(key, value, headers));
      const memory = Buffer.from(new SharedArrayBuffer(AT + exact + AT)).fill(POISON);
      const writer = new RecordWriter(memory);
      assert.equal(writer.write(AT, offsetDelta, timestampDelta, key, value, headers), exact);

      assert.ok(memory.subarray(0, AT).every((byte) => byte === POISON));
      assert.ok(memory.subarray(AT + exact).every((byte) => byte === POISON));
      assert.equal(writer.keySize, partLength(key));
      assert.equal(writer.valueSize, partLength(value));
      const [back] = decodeRecords(memory.subarray(AT, AT + exact), 1);
      assert.ok(back !== undefined);
      assert.deepEqual(
        {
          ...back,
          key: back.key && Buffer.from(back.key),
          value: back.value && Buffer.from(back.value),
          headers: back.headers.map((h) => ({ ...h, value: h.value && Buffer.from(h.value) })),
        },
        {
          ...{ offsetDelta, timestampDelta, key: plain(key), value: plain(value) },
          headers: headers.map(([name, content]) => ({
            key: Buffer.from(name).toString(),
            value: plain(content),
          })),
        },
      );
    }),
    { numRuns: 500 },
  );
});

test('records written one behind the other are the payload that the Java client makes', () => {
  const plainBatches = goldenBatches.filter(({ bytes: raw }) => readBatchHeader(raw).codec === 0);
  assert.equal(plainBatches.length, 3);
  for (const golden of plainBatches) {
    const payload = golden.bytes.subarray(BATCH_HEADER_BYTES);
    for (const asText of [false, true]) {
      const memory = Buffer.alloc(payload.length);
      const writer = new RecordWriter(memory);
      const partOf = (content: Uint8Array | null): RecordPart =>
        asText && content !== null ? Buffer.from(content).toString() : content;
      let at = 0;
      for (const { offsetDelta, timestampDelta, key, value, headers } of golden.records) {
        const pairs = headers.map((one) => [one.key, partOf(one.value)] as const);
        at += writer.write(at, offsetDelta, timestampDelta, partOf(key), partOf(value), pairs);
      }
      assert.equal(at, payload.length);
      assert.deepEqual(memory, Buffer.from(payload), golden.name);
    }
  }
});

test('a writer leaves the sizes of the last key and value, -1 for null', () => {
  const writer = new RecordWriter(Buffer.alloc(100));
  writer.write(0, 0, 0, 'k\u00fc', Buffer.alloc(5), [['header', 'x']]);
  assert.deepEqual([writer.keySize, writer.valueSize], [3, 5]);
  writer.write(0, 0, 0, null, '', []);
  assert.deepEqual([writer.keySize, writer.valueSize], [-1, 0]);
});
