/**
 * Whether a serialized record may be sent at all.
 * Source: org.apache.kafka.common.record.AbstractRecords.estimateSizeInBytesUpperBound, KafkaProducer.ensureValidRecordSize.
 */
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import {
  partsBytes,
  partsBytesMax,
  RECORD_OVERHEAD_BYTES,
  type RecordHeaders,
  type RecordPart,
} from '../kafka/record-writer.ts';
import { RecordTooLargeError } from './errors.ts';

/** What one record may take, alone in an uncompressed batch. */
export interface RecordLimits {
  /** `max.request.size`. */
  readonly maxRequestSize: number;
  /** `buffer.memory`. */
  readonly bufferMemory: number;
}

/** The most that a batch with this record alone takes before compression: exactly the figure of the Java client. */
export function sizeUpperBound(key: RecordPart, value: RecordPart, headers: RecordHeaders): number {
  return BATCH_HEADER_BYTES + RECORD_OVERHEAD_BYTES + partsBytes(key, value, headers);
}

/** Records for which `recordBytesMax` says no more than this may be sent, whatever is in them. */
export function bytesMaxOfAny({ maxRequestSize, bufferMemory }: RecordLimits): number {
  return Math.min(maxRequestSize, bufferMemory) - BATCH_HEADER_BYTES;
}

/** Always enough for `RecordWriter.write`; cheap, and up to three times too much for text. */
export function recordBytesMax(key: RecordPart, value: RecordPart, headers: RecordHeaders): number {
  return RECORD_OVERHEAD_BYTES + partsBytesMax(key, value, headers);
}

/**
 * Refuses the records that the Java client refuses. Text is gone through only when it could matter.
 *
 * @returns how many bytes are always enough for `RecordWriter.write`
 * @throws {RecordTooLargeError}
 */
export function checkSize(
  topic: string,
  key: RecordPart,
  value: RecordPart,
  headers: RecordHeaders,
  limits: RecordLimits,
): number {
  const bytesMax = recordBytesMax(key, value, headers);
  const limit = bytesMaxOfAny(limits);
  if (bytesMax <= limit) return bytesMax;
  const bytes = sizeUpperBound(key, value, headers);
  if (bytes - BATCH_HEADER_BYTES <= limit) return bytes - BATCH_HEADER_BYTES;
  const { maxRequestSize, bufferMemory } = limits;
  const [setting, allowed] =
    bytes > maxRequestSize ? ['max.request.size', maxRequestSize] : ['buffer.memory', bufferMemory];
  throw new RecordTooLargeError(
    `a record for ${topic} takes up to ${bytes} bytes with its batch, ${setting} allows ${allowed}: raise it, or send less in one record`,
    { topic, fate: 'notSent' },
  );
}
