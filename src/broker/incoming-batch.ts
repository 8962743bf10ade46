import { decompress } from '../kafka/compression.ts';
import { crc32c } from '../kafka/crc32c.ts';
import type { KafkaErrorName } from '../kafka/errors.ts';
import {
  BATCH_HEADER_BYTES,
  NO_PRODUCER_ID,
  batchAttributes,
  batchOffsets,
  placeBatch,
  readBatchHeader,
  validateBatch,
} from '../kafka/record-batch.ts';
import type { BatchHeader } from '../kafka/record-batch.ts';
import { ProtocolError } from '../shared/errors.ts';
import { lastSequenceOf } from './broker-producer-state.ts';
import type { ProducerStamp } from './broker-producer-state.ts';
import type { LogBatch } from './partition-log.ts';
import { surveyRecords } from './stored-records.ts';
import type { TopicConfig } from './topic-config.ts';

/** `strict`: checksum, every record and every field. `headers`: only that a header is there, for a cheap null sink. */
export type BatchCheckLevel = 'strict' | 'headers';

/** A batch that may be appended if its sequence fits. */
export interface IncomingBatch extends ProducerStamp {
  /** As it arrived, in the memory of the request. */
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
  readonly transactional: boolean;
  /** Of the records themselves, whatever the header says: as in Kafka, which writes it into the header. */
  readonly maxTimestampMs: number;
}

export type BatchCheck =
  { readonly batch: IncomingBatch } | { readonly error: KafkaErrorName; readonly reason: string };

/**
 * Everything for which a broker refuses a batch before it looks for duplicates: so a batch that is in the log already can
 * be refused all the same.
 *
 * @param records of one partition of a Produce request
 * @param nowMs time of the append, for the limits on timestamps
 */
export function checkBatch(
  records: Uint8Array | null,
  config: TopicConfig,
  nowMs: number,
  level: BatchCheckLevel,
): BatchCheck {
  if (records === null || records.byteLength < BATCH_HEADER_BYTES) {
    return { error: 'INVALID_RECORD', reason: 'a partition has exactly one batch, none came' };
  }
  const header = headerOf(records);
  if (header === undefined)
    return { error: 'INVALID_RECORD', reason: 'the batch is not of format 2' };
  if (header.batchBytes < records.byteLength) {
    const reason = `a partition has exactly one batch, ${String(records.byteLength - header.batchBytes)} bytes follow it`;
    return { error: 'INVALID_RECORD', reason };
  }
  if (records.byteLength > config['max.message.bytes']) {
    const reason = `${String(records.byteLength)} bytes, max.message.bytes is ${String(config['max.message.bytes'])}`;
    return { error: 'MESSAGE_TOO_LARGE', reason };
  }
  if (isTransactional(header) && header.producerId < 0n) {
    return { error: 'INVALID_RECORD', reason: 'a transactional batch has a producer id' };
  }
  if (level === 'headers') return accepted(records, header, header.maxTimestamp);
  return checkRecordsOf(records, header, config, nowMs);
}

function isTransactional({ attributes }: BatchHeader): boolean {
  return (attributes & batchAttributes.transactional) !== 0;
}

function headerOf(records: Uint8Array): BatchHeader | undefined {
  try {
    return readBatchHeader(records);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function checkRecordsOf(
  records: Uint8Array,
  header: BatchHeader,
  config: TopicConfig,
  nowMs: number,
): BatchCheck {
  let payload = records.subarray(BATCH_HEADER_BYTES);
  const fault = validateBatch(records, (codec, compressed) => {
    payload = decompress(codec, compressed);
    return payload;
  });
  if (fault !== undefined) return { error: fault.error, reason: fault.problem };

  const survey = surveyRecords(payload, header.recordCount);
  if (config['cleanup.policy'] === 'compact' && survey.keylessCount > 0) {
    const reason = `${String(survey.keylessCount)} records without a key, the topic is compacted`;
    return { error: 'INVALID_RECORD', reason };
  }
  const oldestMs = header.baseTimestamp + survey.timestampDeltaMin;
  const newestMs = header.baseTimestamp + survey.timestampDeltaMax;
  const isChecked = config['message.timestamp.type'] === 'CreateTime';
  if (isChecked && nowMs - oldestMs > config['message.timestamp.before.max.ms']) {
    return { error: 'INVALID_TIMESTAMP', reason: `a record of ${String(oldestMs)} is too old` };
  }
  if (isChecked && newestMs - nowMs > config['message.timestamp.after.max.ms']) {
    return { error: 'INVALID_TIMESTAMP', reason: `a record of ${String(newestMs)} is too new` };
  }
  return accepted(records, header, newestMs);
}

function accepted(bytes: Uint8Array, header: BatchHeader, maxTimestampMs: number): BatchCheck {
  // Any negative id means "not idempotent" to Kafka, not only -1.
  const producerId = header.producerId < 0n ? NO_PRODUCER_ID : header.producerId;
  const { producerEpoch, baseSequence, recordCount } = header;
  const lastSequence = lastSequenceOf(baseSequence, recordCount);
  const batch = {
    transactional: isTransactional(header),
    bytes,
    header,
    maxTimestampMs,
    producerId,
    producerEpoch,
    baseSequence,
    lastSequence,
  };
  return { batch };
}

/** Where and how a batch goes into the log. */
export interface BatchPlace {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  /** -1: the topic keeps the times of the records. */
  readonly logAppendTimeMs: number;
  readonly discard: boolean;
}

/** The batch as the log stores it: with its offset, leader epoch and timestamp, in memory of its own. */
export function storedBatch(incoming: IncomingBatch, place: BatchPlace): LogBatch {
  const { bytes, header, producerId, producerEpoch, baseSequence, lastSequence } = incoming;
  const { baseOffset, leaderEpoch, logAppendTimeMs, discard } = place;
  const isAppendTime = logAppendTimeMs !== -1;
  const maxTimestampMs = isAppendTime ? logAppendTimeMs : incoming.maxTimestampMs;
  let stored: Uint8Array | undefined;
  if (!discard) {
    stored = Uint8Array.from(bytes);
    placeBatch(stored, BigInt(baseOffset), leaderEpoch);
    if (isAppendTime || maxTimestampMs !== header.maxTimestamp) {
      writeTimestamp(stored, maxTimestampMs, isAppendTime);
    }
  }
  return {
    baseOffset,
    lastOffset: baseOffset + header.recordCount - 1,
    leaderEpoch,
    producerId,
    producerEpoch,
    baseSequence,
    lastSequence,
    recordCount: header.recordCount,
    maxTimestampMs,
    crc: header.crc,
    sizeBytes: bytes.byteLength,
    transactional: incoming.transactional,
    bytes: stored,
  };
}

/** Timestamp and its type are inside the checksum, which therefore is made anew. */
function writeTimestamp(stored: Uint8Array, maxTimestampMs: number, isAppendTime: boolean): void {
  const view = new DataView(stored.buffer, stored.byteOffset, BATCH_HEADER_BYTES);
  view.setBigInt64(batchOffsets.maxTimestamp, BigInt(maxTimestampMs));
  if (isAppendTime) {
    const attributes = view.getInt16(batchOffsets.attributes);
    view.setInt16(batchOffsets.attributes, attributes | batchAttributes.logAppendTime);
  }
  view.setUint32(batchOffsets.crc, crc32c(stored.subarray(batchOffsets.attributes)));
}
