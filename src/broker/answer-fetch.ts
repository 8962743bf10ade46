import { errors } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { fetch, isolationLevels } from '../kafka/messages/01-fetch.ts';
import { brokerApi } from './broker-api.ts';
import type { RequestContext } from './broker-api.ts';
import { leaderFault } from './leader-fault.ts';
import type { Partition } from './partition.ts';
import { waitUntil } from './purgatory.ts';

type Request = RequestOf<typeof fetch>;
type Response = ResponseInputOf<typeof fetch>;
type PartitionRequest = Request['topics'][number]['partitions'][number];
type PartitionResponse = Response['responses'][number]['partitions'][number];

/** From here on topics are asked for by id. */
const TOPIC_ID_VERSION = 13;
/** From here on consumers may read from followers (KIP-392). */
const FOLLOWER_VERSION = 11;
/** A replica id that reads up to the end of the log, as Kafka's debugging tools do. */
const DEBUGGER = -2;

interface Reading {
  readonly asked: PartitionRequest;
  readonly partition: Partition | undefined;
  readonly errorCode: number;
}

/**
 * Fetch without sessions: session id 0 in the answer tells clients to ask for everything each time. Waits for `minBytes`
 * up to `maxWaitMs`, woken by appends. Consumers read up to the high watermark, from any replica in v11+.
 */
export const answerFetch = brokerApi(fetch, {
  async answer(request, context) {
    const readings = request.topics.map((topic) => ({
      topic,
      partitions: topic.partitions.map((asked) => reading(topic, asked, context)),
    }));
    const all = readings.flatMap(({ partitions }) => partitions);
    await waitUntil(
      all.flatMap(({ partition }) => partition ?? []),
      () => isReady(all, request),
      request.maxWaitMs,
    );
    const room = { bytes: request.maxBytes, isEmpty: true };
    const responses = readings.map(({ topic: { topic, topicId }, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map((one) => read(one, request, room)),
    }));
    return { responses };
  },
  refuse: (request, errorCode) => ({
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => failed(partition, errorCode)),
    })),
  }),
});

function reading(
  { topic: name, topicId }: Request['topics'][number],
  asked: PartitionRequest,
  { cluster, nodeId, apiVersion }: RequestContext,
): Reading {
  const byId = apiVersion >= TOPIC_ID_VERSION;
  const topic = byId ? cluster.topicById(topicId) : cluster.topic(name);
  const partition = topic?.partitions[asked.partition];
  if (partition === undefined) {
    const isIdUnknown = byId && topic === undefined;
    const error = isIdUnknown ? errors.UNKNOWN_TOPIC_ID : errors.UNKNOWN_TOPIC_OR_PARTITION;
    return { asked, partition, errorCode: error.code };
  }
  const followersServe = apiVersion >= FOLLOWER_VERSION;
  const fault = leaderFault(partition, nodeId, asked.currentLeaderEpoch, followersServe);
  return { asked, partition, errorCode: fault.code };
}

/** Any fault is answered at once, as it is by Kafka. */
function isReady(readings: readonly Reading[], request: Request): boolean {
  let bytes = 0;
  for (const { asked, partition, errorCode } of readings) {
    if (partition === undefined || errorCode !== 0) return true;
    const offset = Number(asked.fetchOffset);
    const end = visibleEnd(partition, request);
    if (isOutOfRange(partition, offset, request)) return true;
    const fragments = partition.log.read(offset, end, asked.partitionMaxBytes, true);
    bytes += byteCount(fragments);
  }
  return bytes >= request.minBytes;
}

function read(
  { asked, partition, errorCode }: Reading,
  request: Request,
  room: { bytes: number; isEmpty: boolean },
): PartitionResponse {
  if (partition === undefined || errorCode !== 0) return failed(asked.partition, errorCode);
  const offset = Number(asked.fetchOffset);
  const end = visibleEnd(partition, request);
  if (isOutOfRange(partition, offset, request)) {
    return failed(asked.partition, errors.OFFSET_OUT_OF_RANGE.code);
  }
  const bytesMax = Math.min(asked.partitionMaxBytes, room.bytes);
  const records = partition.log.read(offset, end, bytesMax, room.isEmpty);
  room.bytes = Math.max(0, room.bytes - byteCount(records));
  room.isEmpty &&= records.length === 0;
  return {
    partitionIndex: asked.partition,
    errorCode: 0,
    highWatermark: BigInt(partition.highWatermark),
    lastStableOffset: BigInt(partition.lastStableOffset),
    logStartOffset: BigInt(partition.log.startOffset),
    abortedTransactions: abortedTransactions(partition, offset, end, request),
    records,
  };
}

/** What a reader of committed transactions has to skip; null for all others. */
function abortedTransactions(
  partition: Partition,
  offset: number,
  end: number,
  request: Request,
): { producerId: bigint; firstOffset: bigint }[] | null {
  if (request.isolationLevel !== isolationLevels.readCommitted) return null;
  return partition.abortedBetween(offset, end).map(({ producerId, firstOffset }) => ({
    producerId,
    firstOffset: BigInt(firstOffset),
  }));
}

function isOutOfRange(partition: Partition, offset: number, request: Request): boolean {
  return offset < partition.log.startOffset || offset > reachableEnd(partition, request);
}

/** Up to here an offset may be asked for, whether or not there is anything to see yet. */
function reachableEnd({ log, highWatermark }: Partition, request: Request): number {
  return request.replicaId === DEBUGGER ? log.endOffset : highWatermark;
}

function visibleEnd(partition: Partition, request: Request): number {
  if (request.isolationLevel === isolationLevels.readCommitted) return partition.lastStableOffset;
  return reachableEnd(partition, request);
}

function byteCount(fragments: readonly Uint8Array[]): number {
  return fragments.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function failed(partitionIndex: number, errorCode: number): PartitionResponse {
  return {
    partitionIndex,
    errorCode,
    highWatermark: -1n,
    abortedTransactions: null,
    records: new Uint8Array(0),
  };
}
