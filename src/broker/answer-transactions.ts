import { errors } from '../kafka/errors.ts';
import type { KafkaErrorName } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { addPartitionsToTxn } from '../kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../kafka/messages/25-add-offsets-to-txn.ts';
import { endTxn } from '../kafka/messages/26-end-txn.ts';
import { txnOffsetCommit } from '../kafka/messages/28-txn-offset-commit.ts';
import { brokerApi } from './broker-api.ts';
import type { RequestContext } from './broker-api.ts';
import type { ClusterState } from './cluster-state.ts';

/** From here on the request is for brokers, with several transactions. */
const BROKERS_VERSION = 4;
/** Of most APIs, the first that knows PRODUCER_FENCED (KIP-588). */
const FENCED_VERSION = 2;
/** From here on the request belongs to the second version of transactions (KIP-890). */
const END_TXN_V2 = 5;
const OFFSET_COMMIT_V2 = 5;

/** Nodes that coordinate nothing send clients to the one that does. */
export function coordinatorFault({ cluster, nodeId }: RequestContext): 'NONE' | 'NOT_COORDINATOR' {
  return cluster.coordinatorNode?.id === nodeId ? 'NONE' : 'NOT_COORDINATOR';
}

/**
 * Older clients know one word for a producer that was fenced.
 *
 * @param fencedVersion the first version of the API that knows PRODUCER_FENCED
 */
export function codeOf(
  error: KafkaErrorName,
  { apiVersion }: RequestContext,
  fencedVersion = FENCED_VERSION,
): number {
  const isOld = error === 'PRODUCER_FENCED' && apiVersion < fencedVersion;
  return errors[isOld ? 'INVALID_PRODUCER_EPOCH' : error].code;
}

type AddRequest = RequestOf<typeof addPartitionsToTxn>;
type AddResponse = ResponseInputOf<typeof addPartitionsToTxn>;
type AddedTransaction = AddRequest['transactions'][number];
type At<Result> = (topic: string, partition: number) => Result;

/** AddPartitionsToTxn: all partitions or none. The versions for brokers can verify, too. */
export const answerAddPartitionsToTxn = brokerApi(addPartitionsToTxn, {
  answer: (request, context) =>
    addResponse(request, context, (transaction) => {
      const faultAt = addPartitions(transaction, context);
      return (topic, partition) => codeOf(faultAt(topic, partition), context);
    }),
  refuse: (request, errorCode, context) => addResponse(request, context, () => () => errorCode),
});

function addResponse(
  request: AddRequest,
  { apiVersion }: RequestContext,
  codesOf: (transaction: AddedTransaction) => At<number>,
): AddResponse {
  const resultsOf = (transaction: AddedTransaction) => {
    const codeAt = codesOf(transaction);
    return transaction.topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({
        partitionIndex,
        partitionErrorCode: codeAt(name, partitionIndex),
      })),
    }));
  };
  if (apiVersion >= BROKERS_VERSION) {
    const resultsByTransaction = request.transactions.map((transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: resultsOf(transaction),
    }));
    return { throttleTimeMs: 0, resultsByTransaction };
  }
  const transaction = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    topics: request.v3AndBelowTopics,
    verifyOnly: false,
  };
  return { throttleTimeMs: 0, resultsByTopicV3AndBelow: resultsOf(transaction) };
}

function addPartitions(transaction: AddedTransaction, context: RequestContext): At<KafkaErrorName> {
  const moved = coordinatorFault(context);
  if (moved !== 'NONE') return () => moved;
  const { cluster, nowMs } = context;
  const { coordinator } = cluster;
  if (transaction.verifyOnly) {
    return (topic, partition) => coordinator.verify(transaction, { topic, partition }, nowMs);
  }
  const all = transaction.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
  if (!all.every(({ topic, partition }) => cluster.partition(topic, partition) !== undefined)) {
    return (topic, partition) =>
      cluster.partition(topic, partition) === undefined
        ? 'UNKNOWN_TOPIC_OR_PARTITION'
        : 'OPERATION_NOT_ATTEMPTED';
  }
  const error = coordinator.addPartitions(transaction, all, nowMs);
  return () => error;
}

/** AddOffsetsToTxn: the group becomes part of the transaction. */
export const answerAddOffsetsToTxn = brokerApi(addOffsetsToTxn, {
  answer: (request, context) => {
    const moved = coordinatorFault(context);
    const { coordinator } = context.cluster;
    const error =
      moved === 'NONE' ? coordinator.addGroup(request, request.groupId, context.nowMs) : moved;
    return { throttleTimeMs: 0, errorCode: codeOf(error, context) };
  },
  refuse: (_, errorCode) => ({ throttleTimeMs: 0, errorCode }),
});

/** EndTxn: markers go to all partitions, and offsets of groups count or are forgotten. */
export const answerEndTxn = brokerApi(endTxn, {
  answer: (request, context) => {
    const moved = coordinatorFault(context);
    if (moved !== 'NONE') return { throttleTimeMs: 0, errorCode: codeOf(moved, context) };
    const { cluster, apiVersion, nowMs } = context;
    const v2 = apiVersion >= END_TXN_V2;
    const result = cluster.coordinator.endTransaction(request, request.committed, v2, nowMs);
    const errorCode = codeOf(result.error, context);
    if (result.error !== 'NONE' || !v2) return { throttleTimeMs: 0, errorCode };
    const { producerId, producerEpoch } = result;
    return { throttleTimeMs: 0, errorCode, producerId, producerEpoch };
  },
  refuse: (_, errorCode) => ({ throttleTimeMs: 0, errorCode }),
});

/**
 * TxnOffsetCommit: offsets that count when the transaction commits. There are no group members here, so that one who says he is one is unknown.
 */
export const answerTxnOffsetCommit = brokerApi(txnOffsetCommit, {
  answer: (request, context) => {
    const fault = offsetCommitFault(request, context);
    const isThere: At<boolean> = (topic, partition) =>
      context.cluster.partition(topic, partition) !== undefined;
    if (fault === 'NONE') keepOffsets(request, context.cluster, isThere);
    return offsetCommitResponse(request, (topic, partition) =>
      isThere(topic, partition) || fault !== 'NONE'
        ? codeOf(fault, context)
        : errors.UNKNOWN_TOPIC_OR_PARTITION.code,
    );
  },
  refuse: (request, errorCode) => offsetCommitResponse(request, () => errorCode),
});

type OffsetsRequest = RequestOf<typeof txnOffsetCommit>;

function offsetCommitFault(request: OffsetsRequest, context: RequestContext): KafkaErrorName {
  const moved = coordinatorFault(context);
  if (moved !== 'NONE') return moved;
  if (request.memberId !== '' || request.generationId >= 0) return 'UNKNOWN_MEMBER_ID';
  const { cluster, apiVersion, nowMs } = context;
  const { coordinator } = cluster;
  if (apiVersion >= OFFSET_COMMIT_V2) return coordinator.addGroup(request, request.groupId, nowMs);
  return coordinator.verifyGroup(request, request.groupId, nowMs);
}

function keepOffsets(
  { producerId, groupId, topics }: OffsetsRequest,
  { coordinator }: ClusterState,
  isThere: At<boolean>,
): void {
  const offsets = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((one) => ({
      topic,
      partition: one.partitionIndex,
      offset: one.committedOffset,
      leaderEpoch: one.committedLeaderEpoch,
      metadata: one.committedMetadata,
    })),
  );
  const kept = offsets.filter(({ topic, partition }) => isThere(topic, partition));
  coordinator.offsets.addPending(producerId, groupId, kept);
}

function offsetCommitResponse(
  { topics }: OffsetsRequest,
  codeAt: At<number>,
): ResponseInputOf<typeof txnOffsetCommit> {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: codeAt(name, partitionIndex),
      })),
    })),
  };
}
