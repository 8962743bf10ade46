/**
 * One record of format v2, in the payload of a RecordBatch.
 * Source: org.apache.kafka.common.record.DefaultRecord, KIP-98, KIP-82 (headers).
 *
 *     | length varint | attributes int8 | timestampDelta varlong | offsetDelta varint
 *     | key length varint | key | value length varint | value | header count varint
 *     | header key length varint | header key | header value length varint | header value | …
 *
 * A length of -1 is null; a header key is never null. On the way of the data the kernel writes records, and for the producer
 * `RecordWriter`; this file writes them only for the markers of the embedded broker and for tests.
 */
import { assert } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import { recordBytes, RecordWriter, type RecordHeaders } from './record-writer.ts';
import { Reader } from './wire.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface DecodedRecord {
  /** Milliseconds since the base timestamp of the batch. Exact up to 2^53. */
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  /** Views of the payload. */
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record to write; its offset delta is its place in the batch. */
export type RecordInput = Pick<DecodedRecord, 'key' | 'value'> &
  Partial<Pick<DecodedRecord, 'timestampDelta' | 'headers'>>;

/**
 * The records of an uncompressed payload, one at a time.
 *
 * @param count record count of the batch header
 * @throws {ProtocolError} when the payload does not hold exactly `count` well-formed records
 */
export function* decodeRecords(payload: Uint8Array, count: number): Generator<DecodedRecord> {
  const reader = new Reader(payload);
  for (let index = 0; index < count; index += 1) {
    const outerEnd = reader.enter(recordLength(reader));
    reader.int8();
    const timestampDelta = Number(reader.varlong());
    const offsetDelta = reader.varint();
    const key = readNullable(reader);
    const value = readNullable(reader);
    const headers: RecordHeader[] = [];
    for (let left = headerCount(reader); left > 0; left -= 1) {
      headers.push({ key: reader.text(headerKeyLength(reader)), value: readNullable(reader) });
    }
    reader.leave(outerEnd);
    yield { timestampDelta, offsetDelta, key, value, headers };
  }
  reader.finish();
}

/**
 * Walks the records of an uncompressed payload without making anything of them.
 *
 * @throws {ProtocolError} when it does not hold exactly `count` well-formed records with the offset deltas 0, 1, 2…
 */
export function checkRecords(payload: Uint8Array, count: number): void {
  const reader = new Reader(payload);
  for (let index = 0; index < count; index += 1) {
    const outerEnd = reader.enter(recordLength(reader));
    reader.int8();
    reader.skipVarlong();
    const offsetDelta = reader.varint();
    if (offsetDelta !== index) {
      throw new ProtocolError(`record ${String(index)} has offset delta ${String(offsetDelta)}`);
    }
    skipNullable(reader);
    skipNullable(reader);
    for (let left = headerCount(reader); left > 0; left -= 1) {
      reader.skip(headerKeyLength(reader));
      skipNullable(reader);
    }
    reader.leave(outerEnd);
  }
  reader.finish();
}

/** One record with its length. */
export function encodeRecord(record: RecordInput, offsetDelta: number): Uint8Array {
  const { key, value, timestampDelta = 0, headers = [] } = record;
  const pairs: RecordHeaders = headers.map((header) => [header.key, header.value]);
  const bytes = Buffer.allocUnsafe(recordBytes(offsetDelta, timestampDelta, key, value, pairs));
  new RecordWriter(bytes).write(0, offsetDelta, timestampDelta, key, value, pairs);
  return bytes;
}

/** The payload of a batch: the records, one after the other, with the offset deltas 0, 1, 2… */
export function encodeRecords(records: readonly RecordInput[]): Uint8Array {
  assert(records.length > 0, 'a batch holds a record');
  return Buffer.concat(records.map((record, index) => encodeRecord(record, index)));
}

/** Attributes, deltas, key, value and header count take a byte each. */
const RECORD_BODY_BYTES_MIN = 6;

function recordLength(reader: Reader): number {
  const length = reader.varint();
  if (length < RECORD_BODY_BYTES_MIN) {
    throw new ProtocolError(`record length ${String(length)} at byte ${String(reader.position)}`);
  }
  return length;
}

function headerCount(reader: Reader): number {
  const count = reader.varint();
  if (count < 0) throw new ProtocolError(`${String(count)} headers`);
  return count;
}

function headerKeyLength(reader: Reader): number {
  const length = reader.varint();
  if (length < 0) throw new ProtocolError(`header key length ${String(length)}`);
  return length;
}

function nullableLength(reader: Reader): number {
  const length = reader.varint();
  if (length < -1) throw new ProtocolError(`length ${String(length)} of a key or value`);
  return length;
}

function readNullable(reader: Reader): Uint8Array | null {
  const length = nullableLength(reader);
  return length === -1 ? null : reader.view(length);
}

function skipNullable(reader: Reader): void {
  const length = nullableLength(reader);
  if (length > 0) reader.skip(length);
}
