/**
 * Reads what a partition's log holds, for settling: where it ends, and whose batches lie in a range of offsets. Of the batches only the
 * headers are read; payloads are skipped, so nothing is decompressed.
 */
import type { RequestInputOf, ResponseOf } from '../kafka/message-spec.ts';
import { isolationLevels, type fetch } from '../kafka/messages/01-fetch.ts';
import { offsetSpecs } from '../kafka/messages/02-list-offsets.ts';
import type { listOffsets } from '../kafka/messages/02-list-offsets.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_OVERHEAD,
  batchOffsets,
  readBatchHeader,
} from '../kafka/record-batch.ts';
import { ProtocolError } from '../shared/errors.ts';
import type { BatchHeader } from './events.ts';

/** What one answer may hold; a first batch that is longer comes whole all the same (KIP-74). */
export const FETCH_BYTES_MAX = 4_194_304;
/** From here on Fetch names topics by id only. */
const FETCH_BY_ID = 13;
const AS_CONSUMER = -1;

export interface LogPosition {
  readonly topic: string;
  /** '' when it is not known: an older version of Fetch is used then. */
  readonly topicId: string;
  readonly partition: number;
  /** -1 asks without: then a deposed leader may answer. */
  readonly currentLeaderEpoch: number;
}

/** A header as read from the log. `recordCount` may be 0 after compaction. */
export interface LoggedHeader extends BatchHeader {
  readonly recordCount: number;
}

export interface ReadRange {
  readonly errorCode: number;
  readonly logStartOffset: bigint;
  readonly highWatermark: bigint;
  /** Where to read on; the offset asked for when nothing was there. */
  readonly nextOffset: bigint;
  readonly headers: readonly LoggedHeader[];
}

/** @param replicaId -1 for the high watermark; -2 for the end of the leader's log (as a debugging consumer) */
export function latestOffsetRequest(
  at: Omit<LogPosition, 'topicId'>,
  replicaId: -1 | -2,
): RequestInputOf<typeof listOffsets> {
  const partition = {
    partitionIndex: at.partition,
    currentLeaderEpoch: at.currentLeaderEpoch,
    timestamp: offsetSpecs.latest,
  };
  return {
    replicaId,
    isolationLevel: isolationLevels.readUncommitted,
    topics: [{ name: at.topic, partitions: [partition] }],
  };
}

/** @throws {ProtocolError} when the answer is not about the partition asked for */
export function latestOffset(
  response: ResponseOf<typeof listOffsets>,
  at: Omit<LogPosition, 'topicId'>,
): { errorCode: number; offset: bigint } {
  const topic = response.topics.find(({ name }) => name === at.topic);
  const found = topic?.partitions.find(({ partitionIndex }) => partitionIndex === at.partition);
  if (found === undefined)
    throw new ProtocolError(`ListOffsets without ${at.topic}-${at.partition}`);
  return { errorCode: found.errorCode, offset: found.offset };
}

/** Highest version of Fetch for this topic: the later ones need its id. */
export function fetchVersionMax(at: LogPosition): number {
  return at.topicId === '' ? FETCH_BY_ID - 1 : Infinity;
}

/** One Fetch as a consumer, without a session, answered at once whatever there is. */
export function headersRequest(at: LogPosition, fromOffset: bigint): RequestInputOf<typeof fetch> {
  const partition = {
    partition: at.partition,
    currentLeaderEpoch: at.currentLeaderEpoch,
    fetchOffset: fromOffset,
    partitionMaxBytes: FETCH_BYTES_MAX,
  };
  const name = { topic: at.topic, ...(at.topicId === '' ? {} : { topicId: at.topicId }) };
  return {
    replicaId: AS_CONSUMER,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: FETCH_BYTES_MAX,
    isolationLevel: isolationLevels.readUncommitted,
    topics: [{ ...name, partitions: [partition] }],
    forgottenTopicsData: [],
  };
}

/** @throws {ProtocolError} when the answer is not about the partition asked for, or a batch in it makes no sense */
export function readHeaders(
  response: ResponseOf<typeof fetch>,
  at: LogPosition,
  fromOffset: bigint,
): ReadRange {
  const nothing = { nextOffset: fromOffset, headers: [] };
  if (response.errorCode !== 0) {
    return { errorCode: response.errorCode, logStartOffset: -1n, highWatermark: -1n, ...nothing };
  }
  const topic = response.responses.find(
    (found) => found.topic === at.topic || (at.topicId !== '' && found.topicId === at.topicId),
  );
  const found = topic?.partitions.find(({ partitionIndex }) => partitionIndex === at.partition);
  if (found === undefined) throw new ProtocolError(`Fetch without ${at.topic}-${at.partition}`);
  const { errorCode, logStartOffset, highWatermark, records } = found;
  const read = errorCode === 0 && records !== null ? headersOf(records, fromOffset) : nothing;
  return { errorCode, logStartOffset, highWatermark, ...read };
}

const FIRST_MAGIC_WITH_HEADERS = 2;

/**
 * Headers of the batches in a `records` field that reach to `fromOffset` or beyond. The broker answers with whole batches, so that the first
 * may begin before it, and may cut the last one short: it counts as soon as its header is whole. Entries of formats 0 and 1 (logs older than
 * Kafka 0.11) have no producer and are passed over.
 *
 * @throws {ProtocolError} for lengths that are impossible, and for offsets that do not ascend
 */
export function headersOf(
  records: Uint8Array,
  fromOffset: bigint,
): { nextOffset: bigint; headers: LoggedHeader[] } {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const headers: LoggedHeader[] = [];
  let nextOffset = fromOffset;
  for (let at = 0; records.byteLength - at > batchOffsets.magic;) {
    const bytes = view.getInt32(at + batchOffsets.batchLength) + BATCH_LENGTH_OVERHEAD;
    const isOld = view.getInt8(at + batchOffsets.magic) < FIRST_MAGIC_WITH_HEADERS;
    if (bytes <= batchOffsets.magic || (!isOld && bytes < BATCH_HEADER_BYTES)) {
      throw new ProtocolError(`a batch of ${bytes} bytes at byte ${at} of a Fetch answer`);
    }
    if (isOld) {
      nextOffset = later(view.getBigInt64(at) + 1n, nextOffset);
    } else {
      if (records.byteLength - at < BATCH_HEADER_BYTES) break;
      const header = readBatchHeader(records.subarray(at));
      const behind = header.baseOffset + BigInt(header.lastOffsetDelta) + 1n;
      if (header.lastOffsetDelta < 0)
        throw new ProtocolError('a batch with a negative offset delta');
      if (behind > nextOffset) headers.push(loggedHeader(header));
      nextOffset = later(behind, nextOffset);
    }
    at += bytes;
  }
  return { nextOffset, headers };
}

function loggedHeader(header: ReturnType<typeof readBatchHeader>): LoggedHeader {
  const { baseOffset, lastOffsetDelta, producerId, producerEpoch, baseSequence, recordCount } =
    header;
  return { baseOffset, lastOffsetDelta, producerId, producerEpoch, baseSequence, recordCount };
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
