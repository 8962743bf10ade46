/**
 * RecordBatch of format v2: what Kafka stores, sends and checks as one piece.
 * Source: org.apache.kafka.common.record.DefaultRecordBatch, LogValidator; KIP-98.
 *
 *      0 | baseOffset int64                                    |  set by the broker; outside the checksum
 *      8 | batchLength int32        | partitionLeaderEpoch int32 |  length counts from byte 12 on
 *     16 | magic 2 | crc uint32        | attributes int16        |  CRC-32C of everything from byte 21 on
 *     23 | lastOffsetDelta int32    | baseTimestamp int64      |
 *     35 | maxTimestamp int64                                  |
 *     43 | producerId int64         | producerEpoch int16      |  the identity: not known before the batch is first drained
 *     53 | baseSequence int32       | recordCount int32        |
 *     61 | payload: records, compressed as the attributes say
 *
 *     attributes: bits 0-2 codec | 3 log append time | 4 transactional | 5 control | 6 delete horizon | the rest 0
 */
import { assert } from '../shared/assert.ts';
import { ProtocolError } from '../shared/errors.ts';
import { combineCrc32c, crc32c, crc32cOfRange } from './crc32c.ts';
import type { KafkaErrorName } from './errors.ts';
import { checkRecords } from './record.ts';

export const batchOffsets = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export const BATCH_HEADER_BYTES = 61;
/** Base offset and length field: what the length does not count. */
export const BATCH_LENGTH_OVERHEAD = 12;
export const MAGIC = 2;
/** producerId, producerEpoch and baseSequence of a batch without identity. */
export const NO_PRODUCER_ID = -1n;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;

export const batchAttributes = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const;
const ATTRIBUTES_KNOWN = 0x7f;
/** Codecs 0 to 4: none, gzip, snappy, lz4, zstd. */
const CODEC_MAX = 4;

/** What `stamp` writes: the identity, and what the encoder found out. */
export interface BatchStamp {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
  readonly attributes: number;
  readonly timestampMs: number;
  /** Of the newest record; `timestampMs` when all records have the same. */
  readonly maxTimestampMs?: number;
  /** CRC-32C of the payload alone. */
  readonly payloadCrc: number;
  /** Header and payload. */
  readonly batchBytes: number;
  /** -1, unknown, in all that a producer sends. */
  readonly partitionLeaderEpoch?: number;
}

/**
 * Writes the 61 header bytes in front of a payload that is already there. The payload is not read: its CRC is combined with
 * that of the header, so a new attempt or a new identity costs the same for any size.
 *
 * @param batch at least the header bytes of the batch
 */
export function stamp(batch: Uint8Array, fields: BatchStamp): void {
  const { recordCount, batchBytes, timestampMs } = fields;
  assert(recordCount > 0, 'a batch holds a record');
  assert(batchBytes > BATCH_HEADER_BYTES, 'a batch has a payload');
  // A broker takes any other negative id for "not idempotent" and says nothing.
  assert(fields.producerId >= NO_PRODUCER_ID, 'a producer id is -1 or what a broker gave');
  const view = new DataView(batch.buffer, batch.byteOffset, BATCH_HEADER_BYTES);
  setInt64(view, batchOffsets.baseOffset, 0);
  view.setInt32(batchOffsets.batchLength, batchBytes - BATCH_LENGTH_OVERHEAD);
  view.setInt32(batchOffsets.partitionLeaderEpoch, fields.partitionLeaderEpoch ?? -1);
  view.setInt8(batchOffsets.magic, MAGIC);
  view.setInt16(batchOffsets.attributes, fields.attributes);
  view.setInt32(batchOffsets.lastOffsetDelta, recordCount - 1);
  setInt64(view, batchOffsets.baseTimestamp, timestampMs);
  setInt64(view, batchOffsets.maxTimestamp, fields.maxTimestampMs ?? timestampMs);
  view.setBigInt64(batchOffsets.producerId, fields.producerId);
  view.setInt16(batchOffsets.producerEpoch, fields.epoch);
  view.setInt32(batchOffsets.baseSequence, fields.baseSequence);
  view.setInt32(batchOffsets.recordCount, recordCount);
  const headerCrc = crc32cOfRange(view, batchOffsets.attributes, BATCH_HEADER_BYTES);
  const crc = combineCrc32c(headerCrc, fields.payloadCrc, batchBytes - BATCH_HEADER_BYTES);
  view.setUint32(batchOffsets.crc, crc);
}

/** A batch in memory of its own from a finished (compressed) payload. Copies: for splitting and tests. */
export function assembleBatch(
  payload: Uint8Array,
  fields: Omit<BatchStamp, 'payloadCrc' | 'batchBytes'>,
): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + payload.byteLength);
  batch.set(payload, BATCH_HEADER_BYTES);
  stamp(batch, { ...fields, payloadCrc: crc32c(payload), batchBytes: batch.byteLength });
  return batch;
}

/** Gives a stored batch its place in the log: the two fields that the checksum leaves out. */
export function placeBatch(batch: Uint8Array, baseOffset: bigint, leaderEpoch: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, BATCH_HEADER_BYTES);
  view.setBigInt64(batchOffsets.baseOffset, baseOffset);
  view.setInt32(batchOffsets.partitionLeaderEpoch, leaderEpoch);
}

export interface BatchHeader {
  readonly baseOffset: bigint;
  /** Header and payload. */
  readonly batchBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly attributes: number;
  /** Codec id of the attributes. */
  readonly codec: number;
  readonly lastOffsetDelta: number;
  /** Milliseconds, exact up to 2^53. */
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * The header of the batch that `bytes` begin with. Says nothing about checksum and payload.
 *
 * @throws {ProtocolError} when there are fewer than 61 bytes, or the format is not v2
 */
export function readBatchHeader(bytes: Uint8Array): BatchHeader {
  if (bytes.byteLength < BATCH_HEADER_BYTES) {
    throw new ProtocolError(`a batch header has 61 bytes, ${String(bytes.byteLength)} are there`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, BATCH_HEADER_BYTES);
  const magic = view.getInt8(batchOffsets.magic);
  if (magic !== MAGIC) throw new ProtocolError(`record batch of format ${String(magic)}, not 2`);
  const attributes = view.getInt16(batchOffsets.attributes);
  return {
    baseOffset: view.getBigInt64(batchOffsets.baseOffset),
    batchBytes: view.getInt32(batchOffsets.batchLength) + BATCH_LENGTH_OVERHEAD,
    partitionLeaderEpoch: view.getInt32(batchOffsets.partitionLeaderEpoch),
    crc: view.getUint32(batchOffsets.crc),
    attributes,
    codec: attributes & batchAttributes.codecMask,
    lastOffsetDelta: view.getInt32(batchOffsets.lastOffsetDelta),
    baseTimestamp: Number(view.getBigInt64(batchOffsets.baseTimestamp)),
    maxTimestamp: Number(view.getBigInt64(batchOffsets.maxTimestamp)),
    producerId: view.getBigInt64(batchOffsets.producerId),
    producerEpoch: view.getInt16(batchOffsets.producerEpoch),
    baseSequence: view.getInt32(batchOffsets.baseSequence),
    recordCount: view.getInt32(batchOffsets.recordCount),
  };
}

/**
 * Views of the batches in a `records` field. A last one that is cut short, as Fetch may answer, is left out.
 *
 * @throws {ProtocolError} when a length is impossible
 */
export function* recordBatches(records: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let from = 0;
  while (records.byteLength - from >= BATCH_LENGTH_OVERHEAD) {
    const bytes = view.getInt32(from + batchOffsets.batchLength) + BATCH_LENGTH_OVERHEAD;
    if (bytes < BATCH_HEADER_BYTES) {
      throw new ProtocolError(`a batch of ${String(bytes)} bytes at byte ${String(from)}`);
    }
    if (bytes > records.byteLength - from) return;
    yield records.subarray(from, from + bytes);
    from += bytes;
  }
}

/** Why a broker refuses a batch, and the error it answers with. */
export interface BatchFault {
  readonly error: KafkaErrorName;
  readonly problem: string;
}

/**
 * Checks everything a broker can check in a batch that a producer sent, and more than Kafka does: a fault here is a bug there.
 *
 * @param batch exactly one batch
 * @param decompress throws ProtocolError for bytes that are not of the codec
 * @returns the first fault, undefined for a sound batch
 */
export function validateBatch(
  batch: Uint8Array,
  decompress: (codec: number, payload: Uint8Array) => Uint8Array,
): BatchFault | undefined {
  const fault = faultOfFrame(batch);
  if (fault !== undefined) return fault;
  const header = readBatchHeader(batch);
  const headerFault = faultOfHeader(header);
  if (headerFault !== undefined) return headerFault;
  try {
    const payload = batch.subarray(BATCH_HEADER_BYTES);
    const isPlain = header.codec === 0;
    checkRecords(isPlain ? payload : decompress(header.codec, payload), header.recordCount);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { error: 'INVALID_RECORD', problem: error.message };
  }
}

function faultOfFrame(batch: Uint8Array): BatchFault | undefined {
  const corrupt = (problem: string): BatchFault => ({ error: 'CORRUPT_MESSAGE', problem });
  if (batch.byteLength < BATCH_HEADER_BYTES) {
    return corrupt(`${String(batch.byteLength)} bytes are no batch`);
  }
  const view = new DataView(batch.buffer, batch.byteOffset, BATCH_HEADER_BYTES);
  const magic = view.getInt8(batchOffsets.magic);
  if (magic !== MAGIC) {
    return { error: 'INVALID_RECORD', problem: `format ${String(magic)}, not 2` };
  }
  const bytes = view.getInt32(batchOffsets.batchLength) + BATCH_LENGTH_OVERHEAD;
  if (bytes !== batch.byteLength) {
    return corrupt(`the header says ${String(bytes)} bytes, ${String(batch.byteLength)} came`);
  }
  const stored = view.getUint32(batchOffsets.crc);
  const computed = crc32c(batch.subarray(batchOffsets.attributes));
  if (stored !== computed) {
    return corrupt(`the header says CRC ${stored.toString(16)}, it is ${computed.toString(16)}`);
  }
  return undefined;
}

function faultOfHeader(header: BatchHeader): BatchFault | undefined {
  const invalid = (problem: string): BatchFault => ({ error: 'INVALID_RECORD', problem });
  const { attributes, recordCount, lastOffsetDelta, codec } = header;
  if (attributes & ~ATTRIBUTES_KNOWN) return invalid(`attributes ${String(attributes)}`);
  if (attributes & batchAttributes.control) return invalid('a producer sends no control batch');
  if (attributes & batchAttributes.deleteHorizon) return invalid('a producer sets no horizon');
  if (attributes & batchAttributes.logAppendTime) {
    return { error: 'INVALID_TIMESTAMP', problem: 'a producer does not set log append time' };
  }
  if (codec > CODEC_MAX) {
    return { error: 'UNSUPPORTED_COMPRESSION_TYPE', problem: `codec ${String(codec)}` };
  }
  if (header.baseOffset !== 0n) return invalid(`base offset ${String(header.baseOffset)}, not 0`);
  if (recordCount <= 0) return invalid(`${String(recordCount)} records`);
  if (lastOffsetDelta !== recordCount - 1) {
    return invalid(`${String(recordCount)} records, last offset delta ${String(lastOffsetDelta)}`);
  }
  if (header.producerId >= 0n && (header.baseSequence < 0 || header.producerEpoch < 0)) {
    return invalid('a producer id without sequence or epoch');
  }
  return undefined;
}

/** Without a bigint: times are numbers everywhere else. */
function setInt64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value), 'a time in milliseconds is a safe integer');
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}
