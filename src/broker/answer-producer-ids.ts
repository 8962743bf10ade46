import { errors } from '../kafka/errors.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import { NO_PRODUCER_EPOCH } from '../kafka/record-batch.ts';
import { codeOf, coordinatorFault } from './answer-transactions.ts';
import { brokerApi } from './broker-api.ts';

/** The first version that knows PRODUCER_FENCED (KIP-588). */
const FENCED_VERSION = 4;
const NO_COORDINATOR_EPOCH = -1;

/** InitProducerId: a fresh id at epoch 0 at any node; with a transactional id what its coordinator says. */
export const answerInitProducerId = brokerApi(initProducerId, {
  answer: (request, context) => {
    const { cluster, nowMs } = context;
    const { transactionalId, transactionTimeoutMs } = request;
    if (transactionalId === null) {
      const producerId = cluster.newProducerId();
      return { throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch: 0 };
    }
    const producer = { ...request, transactionalId };
    const moved = coordinatorFault(context);
    const result =
      moved === 'NONE'
        ? cluster.coordinator.initProducerId(producer, transactionTimeoutMs, nowMs)
        : { error: moved };
    const errorCode = codeOf(result.error, context, FENCED_VERSION);
    if (result.error !== 'NONE') {
      return { throttleTimeMs: 0, errorCode, producerEpoch: NO_PRODUCER_EPOCH };
    }
    const { producerId, producerEpoch } = result;
    return { throttleTimeMs: 0, errorCode, producerId, producerEpoch };
  },
  refuse: (_, errorCode) => ({ throttleTimeMs: 0, errorCode, producerEpoch: NO_PRODUCER_EPOCH }),
});

/**
 * DescribeProducers: what the asked node's replica remembers. Followers and deposed leaders answer too, without an error and
 * with what they knew: Kafka does not ask who leads, so the embedded broker must not.
 */
export const answerDescribeProducers = brokerApi(describeProducers, {
  answer: (request, { cluster, nodeId }) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const partition = cluster.partition(name, partitionIndex);
        const known = partition?.describeProducers(nodeId);
        if (known === undefined) {
          const { code } = partition
            ? errors.NOT_LEADER_OR_FOLLOWER
            : errors.UNKNOWN_TOPIC_OR_PARTITION;
          return { partitionIndex, errorCode: code, activeProducers: [] };
        }
        const activeProducers = known.map((producer) => ({
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          lastSequence: producer.lastSequence,
          lastTimestamp: BigInt(producer.lastTimestampMs),
          coordinatorEpoch: NO_COORDINATOR_EPOCH,
          currentTxnStartOffset: BigInt(partition?.openSince(producer.producerId) ?? -1),
        }));
        return { partitionIndex, errorCode: 0, activeProducers };
      }),
    })),
  }),
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode,
        activeProducers: [],
      })),
    })),
  }),
});
