import { errors } from '../kafka/errors.ts';
import type { KafkaErrorName } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { produce } from '../kafka/messages/00-produce.ts';
import { brokerApi, partitionKey } from './broker-api.ts';
import type { RequestContext } from './broker-api.ts';
import type { Topic } from './cluster-state.ts';
import type { Partition, TransactionCheck } from './partition.ts';
import { waitUntil } from './purgatory.ts';
import type { TransactionPartition } from './transaction-coordinator.ts';

type Request = RequestOf<typeof produce>;
type Response = ResponseInputOf<typeof produce>;
type PartitionResponse = Response['responses'][number]['partitionResponses'][number];

/** An append whose answer may have to wait for the high watermark. */
interface PendingAppend {
  readonly partition: Partition;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
}

/** The answer of one partition, as far as it is known before the replicas have it. */
interface PartitionAnswer {
  readonly index: number;
  readonly response: PartitionResponse;
  readonly pending: PendingAppend | undefined;
}

/** No well-behaved producer sends a batch that is refused for one of these, whatever happened to the cluster. */
const faultsOfClients: ReadonlySet<KafkaErrorName> = new Set([
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'UNSUPPORTED_COMPRESSION_TYPE',
]);

/** Where a leader hint goes with the answer (KIP-951). */
const LEADER_HINT_VERSION = 10;
/** From here on topics are asked for by id. */
const TOPIC_ID_VERSION = 13;
/** From here on a producer speaks the second version of transactions (KIP-890). */
const TRANSACTION_V2_VERSION = 12;

/**
 * Produce: appends each batch as the leader does. acks=all waits until the high watermark has passed all of them, also for
 * duplicates, or until `timeoutMs`; acks=0 gets no answer.
 */
export const answerProduce = brokerApi(produce, {
  async answer(request, context) {
    const invalidAcks = request.acks < -1 || request.acks > 1;
    if (invalidAcks) return respond(request, errors.INVALID_REQUIRED_ACKS.code);
    const answers = request.topicData.map((asked) => {
      const topic = topicOf(asked, context);
      const partitions = asked.partitionData.map(({ index, records }) =>
        appendTo(topic, asked.name, index, records, request, context),
      );
      return { name: asked.name, topicId: asked.topicId, partitions };
    });
    if (request.acks === 0) return undefined;
    if (request.acks === -1) {
      const pending = answers.flatMap(({ partitions }) =>
        partitions.flatMap((partition) => partition.pending ?? []),
      );
      await waitUntil(
        pending.map(({ partition }) => partition),
        () => pending.every(isSettled),
        request.timeoutMs,
      );
    }
    const response = {
      responses: answers.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitionResponses: partitions.map((partition) =>
          request.acks === -1 ? afterTheWait(partition) : partition.response,
        ),
      })),
    };
    return context.apiVersion >= LEADER_HINT_VERSION
      ? withLeaderHints(response, context)
      : response;
  },
  refuse: (request, errorCode) => (request.acks === 0 ? undefined : respond(request, errorCode)),
});

function topicOf(
  asked: Request['topicData'][number],
  { cluster, apiVersion }: RequestContext,
): Topic | undefined {
  return apiVersion >= TOPIC_ID_VERSION
    ? cluster.topicById(asked.topicId)
    : cluster.topic(asked.name);
}

function appendTo(
  topic: Topic | undefined,
  askedName: string,
  index: number,
  records: Uint8Array | null,
  { acks, transactionalId }: Request,
  context: RequestContext,
): PartitionAnswer {
  const { cluster, nodeId, apiVersion, nowMs, partitionErrors } = context;
  const partition = topic?.partitions[index];
  const name = topic?.name ?? askedName;
  const wanted = partitionErrors.get(partitionKey(name, index));
  if (wanted !== undefined) return refused(index, wanted, null);
  if (topic === undefined || partition === undefined) {
    const byId = topic === undefined && apiVersion >= TOPIC_ID_VERSION;
    const error = byId ? errors.UNKNOWN_TOPIC_ID : errors.UNKNOWN_TOPIC_OR_PARTITION;
    return refused(index, error.code, null);
  }
  const at = { topic: name, partition: index };
  const check =
    transactionalId === null ? undefined : transactionCheck(transactionalId, at, context);
  const result = partition.append(nodeId, records, acks, nowMs, check);
  if (result.kind === 'refused') {
    if (faultsOfClients.has(result.error)) {
      cluster.complain(`Produce ${name}-${String(index)}: ${result.error}: ${result.reason}`);
    }
    return refused(index, errors[result.error].code, result.reason);
  }
  const response = {
    index,
    errorCode: 0,
    baseOffset: BigInt(result.baseOffset),
    logAppendTimeMs: BigInt(result.logAppendTimeMs),
    logStartOffset: BigInt(partition.log.startOffset),
  };
  const { leaderEpoch } = partition.replicas;
  return { index, response, pending: { partition, lastOffset: result.lastOffset, leaderEpoch } };
}

/** In the second version the batch makes its partition a part of the transaction; in the first it has to be one. */
function transactionCheck(
  transactionalId: string,
  at: TransactionPartition,
  { cluster: { coordinator }, apiVersion, nowMs }: RequestContext,
): TransactionCheck {
  const isV2 = apiVersion >= TRANSACTION_V2_VERSION;
  return {
    fromZero: isV2,
    admit(producerId, producerEpoch) {
      const producer = { transactionalId, producerId, producerEpoch };
      const error = isV2
        ? coordinator.addPartitions(producer, [at], nowMs)
        : coordinator.verify(producer, at, nowMs);
      return error === 'PRODUCER_FENCED' ? 'INVALID_PRODUCER_EPOCH' : error;
    },
  };
}

function refused(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  const response = { index, errorCode, baseOffset: -1n, errorMessage };
  return { index, response, pending: undefined };
}

function isSettled({ partition, lastOffset, leaderEpoch }: PendingAppend): boolean {
  return partition.replicas.leaderEpoch !== leaderEpoch || partition.isCommitted(lastOffset);
}

function afterTheWait({ index, response, pending }: PartitionAnswer): PartitionResponse {
  if (pending === undefined) return response;
  if (pending.partition.replicas.leaderEpoch !== pending.leaderEpoch) {
    return refused(index, errors.NOT_LEADER_OR_FOLLOWER.code, null).response;
  }
  if (pending.partition.isCommitted(pending.lastOffset)) return response;
  return refused(index, errors.REQUEST_TIMED_OUT.code, null).response;
}

function withLeaderHints(response: Response, context: RequestContext): Response {
  const { cluster, apiVersion } = context;
  const nodes = new Map<number, { nodeId: number; host: string; port: number }>();
  const responses = response.responses.map((answered) => {
    const topic =
      apiVersion >= TOPIC_ID_VERSION
        ? cluster.topicById(answered.topicId ?? '')
        : cluster.topic(answered.name ?? '');
    const partitionResponses = answered.partitionResponses.map((one) => {
      const partition = topic?.partitions[one.index];
      const isStale = one.errorCode === errors.NOT_LEADER_OR_FOLLOWER.code;
      if (!isStale || partition === undefined) return one;
      const leader = cluster.leaderOf(partition);
      if (leader === undefined) return one;
      nodes.set(leader.id, { nodeId: leader.id, host: leader.host, port: leader.port });
      const { leaderEpoch } = partition.replicas;
      return { ...one, currentLeader: { leaderId: leader.id, leaderEpoch } };
    });
    return { ...answered, partitionResponses };
  });
  return { responses, nodeEndpoints: [...nodes.values()] };
}

function respond(request: Request, errorCode: number): Response {
  return {
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1n })),
    })),
  };
}
