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
import type { TransactionProducer } from './transaction-coordinator.ts';

/** From here on the request is for brokers, with several transactions. */
const BROKERS_VERSION = 4;
/** Before KIP-588 the old name of the error. */
const FENCED_VERSION = 2;
/** From here on the request belongs to the second version of transactions (KIP-890). */
const END_TXN_V2 = 5;
const OFFSET_COMMIT_V2 = 5;

/** The first node that is up coordinates everything; the others send clients there. */
export function coordinatorFault({ cluster, nodeId }: RequestContext): KafkaErrorName {
  return cluster.nodesUp[0]?.id === nodeId ? 'NONE' : 'NOT_COORDINATOR';
}

/** Older clients know one word for a producer that was fenced. */
function codeOf(error: KafkaErrorName, { apiVersion }: RequestContext): number {
  const isOld = error === 'PRODUCER_FENCED' && apiVersion < FENCED_VERSION;
  return errors[isOld ? 'INVALID_PRODUCER_EPOCH' : error].code;
}

type AddRequest = RequestOf<typeof addPartitionsToTxn>;
type AddResponse = ResponseInputOf<typeof addPartitionsToTxn>;
type Topics = AddRequest['v3AndBelowTopics'];
type PartitionFault = (topic: string, partition: number) => KafkaErrorName;

/** AddPartitionsToTxn: all partitions or none. The versions for brokers can verify, too. */
export const answerAddPartitionsToTxn = brokerApi(addPartitionsToTxn, {
  answer: (request, context) => {
    const moved = coordinatorFault(context);
    return respondToAdd(request, context, (producer, topics, verifyOnly) => {
      if (moved !== 'NONE') return () => moved;
      return addPartitions(producer, topics, verifyOnly, context);
    });
  },
  refuse: (request, errorCode, context) => {
    const results = (topics: Topics) => topicResults(topics, () => errorCode);
    return addResponse(request, context, ({ topics }) => results(topics));
  },
});

interface AddedTransaction extends TransactionProducer {
  readonly topics: Topics;
  readonly verifyOnly: boolean;
}

function respondToAdd(
  request: AddRequest,
  context: RequestContext,
  add: (producer: TransactionProducer, topics: Topics, verifyOnly: boolean) => PartitionFault,
): AddResponse {
  return addResponse(request, context, (transaction) => {
    const { topics, verifyOnly } = transaction;
    const fault = add(transaction, topics, verifyOnly);
    return topicResults(topics, (topic, partition) => codeOf(fault(topic, partition), context));
  });
}

function addResponse(
  request: AddRequest,
  { apiVersion }: RequestContext,
  results: (transaction: AddedTransaction) => ReturnType<typeof topicResults>,
): AddResponse {
  if (apiVersion >= BROKERS_VERSION) {
    const resultsByTransaction = request.transactions.map((transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: results(transaction),
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
  return { throttleTimeMs: 0, resultsByTopicV3AndBelow: results(transaction) };
}

function topicResults(topics: Topics, codeAt: (topic: string, partition: number) => number) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeAt(name, partitionIndex),
    })),
  }));
}

function addPartitions(
  producer: TransactionProducer,
  topics: Topics,
  verifyOnly: boolean,
  { cluster, nowMs }: RequestContext,
): PartitionFault {
  const { coordinator } = cluster;
  if (verifyOnly) {
    return (topic, partition) => coordinator.verify(producer, { topic, partition }, nowMs);
  }
  const all = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
  if (!all.every(({ topic, partition }) => cluster.partition(topic, partition) !== undefined)) {
    return (topic, partition) =>
      cluster.partition(topic, partition) === undefined
        ? 'UNKNOWN_TOPIC_OR_PARTITION'
        : 'OPERATION_NOT_ATTEMPTED';
  }
  const error = coordinator.addPartitions(producer, all, nowMs);
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
    const isThere = (topic: string, partition: number): boolean =>
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
  isThere: (topic: string, partition: number) => boolean,
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
  codeAt: (topic: string, partition: number) => number,
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
