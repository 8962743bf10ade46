import { errors } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { isolationLevels } from '../kafka/messages/01-fetch.ts';
import { listOffsets, offsetSpecs } from '../kafka/messages/02-list-offsets.ts';
import { brokerApi } from './broker-api.ts';
import type { RequestContext } from './broker-api.ts';
import { leaderFault } from './leader-fault.ts';
import type { Partition } from './partition.ts';
import { firstRecordFrom, newestRecord } from './stored-records.ts';

type Request = RequestOf<typeof listOffsets>;
type Response = ResponseInputOf<typeof listOffsets>;
type PartitionResponse = Response['topics'][number]['partitions'][number];
type PartitionRequest = Request['topics'][number]['partitions'][number];

/** Consumers see up to the high watermark; any other replica id, such as the debugger's -2, up to the end of the log. */
const CONSUMER = -1;
/** From here on the answer names the leader epoch (KIP-320). */
const LEADER_EPOCH_VERSION = 4;

/** ListOffsets: earliest, latest, newest timestamp, and the first record at or after a timestamp. Leaders only. */
export const answerListOffsets = brokerApi(listOffsets, {
  answer: (request, context) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((asked) => lookUp(name, asked, request, context)),
    })),
  }),
  refuse: (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
});

function lookUp(
  topic: string,
  { partitionIndex, currentLeaderEpoch, timestamp }: PartitionRequest,
  request: Request,
  { cluster, nodeId, apiVersion }: RequestContext,
): PartitionResponse {
  const partition = cluster.partition(topic, partitionIndex);
  if (partition === undefined) {
    return { partitionIndex, errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION.code };
  }
  const fault = leaderFault(partition, nodeId, currentLeaderEpoch, false);
  if (fault !== errors.NONE) return { partitionIndex, errorCode: fault.code };
  const found = find(partition, timestamp, endFor(partition, request));
  const plain = { partitionIndex, errorCode: 0, ...found };
  const knowsEpoch = apiVersion >= LEADER_EPOCH_VERSION && found.offset !== -1n;
  return knowsEpoch ? { ...plain, leaderEpoch: partition.replicas.leaderEpoch } : plain;
}

interface Found {
  readonly offset: bigint;
  readonly timestamp: bigint;
}

function endFor(partition: Partition, { replicaId, isolationLevel }: Request): number {
  if (replicaId !== CONSUMER) return partition.log.endOffset;
  return isolationLevel === isolationLevels.readCommitted
    ? partition.lastStableOffset
    : partition.highWatermark;
}

function find({ log }: Partition, timestamp: bigint, end: number): Found {
  switch (timestamp) {
    case offsetSpecs.latest:
      return { offset: BigInt(end), timestamp: -1n };
    case offsetSpecs.earliest:
    case offsetSpecs.earliestLocal:
      return { offset: BigInt(log.startOffset), timestamp: -1n };
    case offsetSpecs.latestTiered:
      return { offset: -1n, timestamp: -1n };
    case offsetSpecs.maxTimestamp:
      return orNothing(newestRecord(log, end));
    default:
      return orNothing(firstRecordFrom(log, end, Number(timestamp)));
  }
}

function orNothing(record: { offset: number; timestampMs: number } | undefined): Found {
  if (record === undefined) return { offset: -1n, timestamp: -1n };
  return { offset: BigInt(record.offset), timestamp: BigInt(record.timestampMs) };
}
