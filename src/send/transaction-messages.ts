/** Requests of transactions as messages, and what the coordinators answered. Nothing is decided here. */
import { errors } from '../kafka/errors.ts';
import type { RequestInputOf, ResponseOf } from '../kafka/message-spec.ts';
import { findCoordinator } from '../kafka/messages/10-find-coordinator.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../kafka/messages/25-add-offsets-to-txn.ts';
import { endTxn } from '../kafka/messages/26-end-txn.ts';
import { txnOffsetCommit } from '../kafka/messages/28-txn-offset-commit.ts';
import { ProtocolError } from '../shared/errors.ts';
import type { BrokerChannel } from './broker-channel.ts';
import type {
  TopicPartition,
  TransactionAnswer,
  TransactionRequest,
} from './transaction-events.ts';

/** From here on one request asks for several coordinators (KIP-699): it has other fields. */
const FIND_SEVERAL = 4;
/** Later ones are for brokers (KIP-890). */
const ADD_PARTITIONS_MAX = 3;
/** Later ones are for transaction.version 2. */
const END_TXN_V1_MAX = 4;
const OFFSET_COMMIT_V1_MAX = 4;
/** From here on a coordinator can tell members that were put out of their group (KIP-447): to leave that out would be to pass over it. */
const COMMIT_OF_MEMBERS = 3;

type RequestOf<Api> = Extract<TransactionRequest, { readonly api: Api }>;
type Answered = (answer: TransactionAnswer, throttleMs: number) => void;

/** Sends the request in the highest version that it may have. `answered` is not called when the connection is lost. */
export function sendTransactionRequest(
  channel: BrokerChannel,
  request: TransactionRequest,
  answered: Answered,
): void {
  switch (request.api) {
    case 'FindCoordinator':
      return sendFindCoordinator(channel, request, answered);
    case 'InitProducerId': {
      // Id and epoch are -1 where the coordinator's version has no place for them.
      const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
      const message = { transactionalId, transactionTimeoutMs, producerId, producerEpoch };
      return channel.request(initProducerId, message, {
        answered: (response) =>
          answered(identityAnswer(request, response), response.throttleTimeMs),
      });
    }
    case 'AddPartitionsToTxn':
      return channel.request(addPartitionsToTxn, addPartitionsRequest(request), {
        versionMax: ADD_PARTITIONS_MAX,
        answered: (response) =>
          answered(partitionsAdded(request, response), response.throttleTimeMs),
      });
    case 'AddOffsetsToTxn': {
      const { transactionalId, producerId, producerEpoch, groupId } = request;
      const message = { transactionalId, producerId, producerEpoch, groupId };
      return channel.request(addOffsetsToTxn, message, {
        answered: ({ errorCode, throttleTimeMs }) =>
          answered({ api: 'AddOffsetsToTxn', errorCode }, throttleTimeMs),
      });
    }
    case 'TxnOffsetCommit':
      return sendOffsetCommit(channel, request, answered);
    case 'EndTxn': {
      const { transactionalId, producerId, producerEpoch, committed, v2 } = request;
      const message = { transactionalId, producerId, producerEpoch, committed };
      return channel.request(endTxn, message, {
        versionMax: v2 ? Infinity : END_TXN_V1_MAX,
        answered: (response) =>
          answered(identityAnswer(request, response), response.throttleTimeMs),
      });
    }
  }
}

function sendFindCoordinator(
  channel: BrokerChannel,
  { keyType, key }: RequestOf<'FindCoordinator'>,
  answered: Answered,
): void {
  const isSeveral = channel.versionOf(findCoordinator) >= FIND_SEVERAL;
  const message = isSeveral ? { keyType, coordinatorKeys: [key] } : { keyType, key };
  channel.request(findCoordinator, message, {
    answered: (response) => answered(coordinatorFound(key, response), response.throttleTimeMs),
  });
}

function coordinatorFound(
  key: string,
  response: ResponseOf<typeof findCoordinator>,
): TransactionAnswer {
  const { coordinators } = response;
  const found = coordinators.length === 0 ? response : coordinators.find((one) => one.key === key);
  if (found === undefined) throw new ProtocolError(`FindCoordinator without ${key}`);
  const { errorCode, nodeId, host, port } = found;
  return { api: 'FindCoordinator', errorCode, nodeId, host, port };
}

function identityAnswer(
  { api }: RequestOf<'InitProducerId' | 'EndTxn'>,
  {
    errorCode,
    producerId,
    producerEpoch,
  }: ResponseOf<typeof initProducerId> | ResponseOf<typeof endTxn>,
): TransactionAnswer {
  return { api, errorCode, producerId, producerEpoch };
}

function addPartitionsRequest(
  request: RequestOf<'AddPartitionsToTxn'>,
): RequestInputOf<typeof addPartitionsToTxn> {
  return {
    v3AndBelowTransactionalId: request.transactionalId,
    v3AndBelowProducerId: request.producerId,
    v3AndBelowProducerEpoch: request.producerEpoch,
    v3AndBelowTopics: byTopic(request.partitions).map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition }) => partition),
    })),
  };
}

function partitionsAdded(
  { api, partitions }: RequestOf<'AddPartitionsToTxn'>,
  { resultsByTopicV3AndBelow }: ResponseOf<typeof addPartitionsToTxn>,
): TransactionAnswer {
  const said = resultsByTopicV3AndBelow.flatMap(({ name: topic, resultsByPartition }) =>
    resultsByPartition.map(({ partitionIndex: partition, partitionErrorCode: errorCode }) => ({
      ...{ topic, partition, errorCode },
    })),
  );
  return { api, partitions: withMissing(partitions, said) };
}

function sendOffsetCommit(
  channel: BrokerChannel,
  request: RequestOf<'TxnOffsetCommit'>,
  answered: Answered,
): void {
  const versionMax = request.v2 ? Infinity : OFFSET_COMMIT_V1_MAX;
  const { generationId, memberId, groupInstanceId } = request.group;
  const isMember = generationId !== -1 || memberId !== '' || groupInstanceId !== null;
  if (isMember && channel.versionOf(txnOffsetCommit, versionMax) < COMMIT_OF_MEMBERS) {
    const { code: errorCode } = errors.UNSUPPORTED_VERSION;
    const partitions = request.offsets.map(({ topic, partition }) => {
      return { topic, partition, errorCode };
    });
    answered({ api: 'TxnOffsetCommit', partitions }, 0);
    return;
  }
  channel.request(txnOffsetCommit, offsetCommitRequest(request), {
    versionMax,
    answered: (response) => answered(offsetsCommitted(request, response), response.throttleTimeMs),
  });
}

function offsetCommitRequest(
  request: RequestOf<'TxnOffsetCommit'>,
): RequestInputOf<typeof txnOffsetCommit> {
  const { transactionalId, producerId, producerEpoch, group, offsets } = request;
  return {
    ...{ transactionalId, producerId, producerEpoch },
    ...group,
    topics: byTopic(offsets).map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        committedMetadata: metadata,
      })),
    })),
  };
}

function offsetsCommitted(
  { api, offsets }: RequestOf<'TxnOffsetCommit'>,
  { topics }: ResponseOf<typeof txnOffsetCommit>,
): TransactionAnswer {
  const said = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode }) => ({
      ...{ topic, partition, errorCode },
    })),
  );
  return { api, partitions: withMissing(offsets, said) };
}

/** What the answer leaves out is not believed to be done. */
function withMissing(
  asked: readonly TopicPartition[],
  said: readonly (TopicPartition & { readonly errorCode: number })[],
) {
  const { code: errorCode } = errors.UNKNOWN_SERVER_ERROR;
  return asked.map(({ topic, partition }) => {
    const found = said.find((one) => one.topic === topic && one.partition === partition);
    return found ?? { topic, partition, errorCode };
  });
}

function byTopic<Item extends TopicPartition>(items: readonly Item[]): [string, Item[]][] {
  const topics = new Map<string, Item[]>();
  for (const item of items) {
    const known = topics.get(item.topic);
    if (known === undefined) topics.set(item.topic, [item]);
    else known.push(item);
  }
  return [...topics];
}
