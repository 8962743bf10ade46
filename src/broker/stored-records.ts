import { decompress } from '../kafka/compression.ts';
import { BATCH_HEADER_BYTES, batchAttributes, readBatchHeader } from '../kafka/record-batch.ts';
import { decodeRecords } from '../kafka/record.ts';
import type { DecodedRecord } from '../kafka/record.ts';
import { Reader } from '../kafka/wire.ts';
import type { LogBatch, PartitionLog } from './partition-log.ts';

/** What a broker wants to know of the records of a batch beyond their being well-formed. */
export interface RecordSurvey {
  /** Milliseconds since the base timestamp of the batch. */
  readonly timestampDeltaMin: number;
  readonly timestampDeltaMax: number;
  readonly keylessCount: number;
}

/** Walks the records of an uncompressed payload that was found well-formed. */
export function surveyRecords(payload: Uint8Array, count: number): RecordSurvey {
  const reader = new Reader(payload);
  let timestampDeltaMin = Infinity;
  let timestampDeltaMax = -Infinity;
  let keylessCount = 0;
  for (let index = 0; index < count; index += 1) {
    const length = reader.varint();
    const from = reader.position;
    reader.int8();
    const delta = Number(reader.varlong());
    timestampDeltaMin = Math.min(timestampDeltaMin, delta);
    timestampDeltaMax = Math.max(timestampDeltaMax, delta);
    reader.varint();
    keylessCount += reader.varint() === -1 ? 1 : 0;
    reader.skip(length - (reader.position - from));
  }
  return { timestampDeltaMin, timestampDeltaMax, keylessCount };
}

/** A record with its place in the log. */
export interface StoredRecord extends DecodedRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

/** The records of a batch of the log, in order, none of a control batch; keys and values are views. */
export function* recordsOf({ bytes, marker }: LogBatch): Generator<StoredRecord> {
  if (bytes === undefined || marker !== undefined) return;
  const header = readBatchHeader(bytes);
  const compressed = bytes.subarray(BATCH_HEADER_BYTES);
  const payload = header.codec === 0 ? compressed : decompress(header.codec, compressed);
  const isAppendTime = (header.attributes & batchAttributes.logAppendTime) !== 0;
  for (const record of decodeRecords(payload, header.recordCount)) {
    const offset = Number(header.baseOffset) + record.offsetDelta;
    const created = header.baseTimestamp + record.timestampDelta;
    yield { ...record, offset, timestampMs: isAppendTime ? header.maxTimestamp : created };
  }
}

/** The first record below `end` that is of `timestampMs` or newer: what ListOffsets by time answers. */
export function firstRecordFrom(
  log: PartitionLog,
  end: number,
  timestampMs: number,
): StoredRecord | undefined {
  for (const batch of log.batches) {
    if (batch.lastOffset >= end) return undefined;
    if (batch.maxTimestampMs < timestampMs) continue;
    for (const record of recordsOf(batch)) {
      if (record.timestampMs >= timestampMs) return record;
    }
  }
  return undefined;
}

/** The newest record below `end`, the first of several: what ListOffsets answers to maxTimestamp. */
export function newestRecord(log: PartitionLog, end: number): StoredRecord | undefined {
  let newest: LogBatch | undefined;
  for (const batch of log.batches) {
    if (batch.lastOffset >= end) break;
    if (newest === undefined || batch.maxTimestampMs > newest.maxTimestampMs) newest = batch;
  }
  if (newest === undefined) return undefined;
  for (const record of recordsOf(newest)) {
    if (record.timestampMs === newest.maxTimestampMs) return record;
  }
  return undefined;
}
