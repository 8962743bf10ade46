import { errors } from '../kafka/errors.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import { brokerApi } from './broker-api.ts';

/** Epoch in an answer that carries an error. */
const NO_EPOCH = -1;

/** InitProducerId: a fresh id at epoch 0. Transactional ids have no coordinator here and are refused. */
export const answerInitProducerId = brokerApi(initProducerId, {
  answer: (request, { cluster }) => {
    if (request.transactionalId !== null) {
      const errorCode = errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code;
      return { throttleTimeMs: 0, errorCode, producerEpoch: NO_EPOCH };
    }
    const producerId = cluster.newProducerId();
    return { throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch: 0 };
  },
  refuse: (_, errorCode) => ({ throttleTimeMs: 0, errorCode, producerEpoch: NO_EPOCH }),
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
          coordinatorEpoch: NO_EPOCH,
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
