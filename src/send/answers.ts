/** Requests of the core as messages, and what brokers answered as events of the core. Nothing is decided here. */
import type { RequestInputOf, ResponseOf } from '../kafka/message-spec.ts';
import type { produce } from '../kafka/messages/00-produce.ts';
import type { metadata } from '../kafka/messages/03-metadata.ts';
import type { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import type { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import { ZERO_UUID } from '../kafka/wire.ts';
import { ProtocolError } from '../shared/errors.ts';
import type {
  MetadataAnswered,
  PartitionProduced,
  ProduceAnswered,
  ProduceEntry,
  ProducerIdAnswered,
  ProducersDescribed,
  SendDescribeProducers,
  SendMetadata,
  SendProduce,
} from './events.ts';

/** From here on Produce names topics by id only (KIP-516). */
const PRODUCE_BY_ID = 13;
const INT32_MAX = 0x7fff_ffff;

/** From here on Produce adds partitions to the transaction: only with transaction.version 2. */
const PRODUCE_V2 = 12;

/** Highest version of Produce for this: the later ones need the id of every topic, or another version of transactions. */
export function produceVersionMax({ entries, transaction }: SendProduce): number {
  if (transaction?.v2 === false) return PRODUCE_V2 - 1;
  return entries.every(({ topicId }) => topicId !== '') ? Infinity : PRODUCE_BY_ID - 1;
}

/** @param bytesOf the stamped bytes of an entry, put in by reference */
export function produceRequest(
  effect: SendProduce,
  bytesOf: (entry: ProduceEntry) => Uint8Array,
): RequestInputOf<typeof produce> {
  const topics = new Map<
    string,
    { name: string; topicId: string; partitionData: { index: number; records: Uint8Array }[] }
  >();
  for (const entry of effect.entries) {
    const { topic: name, partition: index } = entry.batch;
    let topic = topics.get(name);
    if (topic === undefined) {
      topic = {
        name,
        topicId: entry.topicId === '' ? ZERO_UUID : entry.topicId,
        partitionData: [],
      };
      topics.set(name, topic);
    }
    topic.partitionData.push({ index, records: bytesOf(entry) });
  }
  const { acks, timeoutMs, transaction } = effect;
  const transactionalId = transaction?.transactionalId ?? null;
  return { transactionalId, acks, timeoutMs, topicData: [...topics.values()] };
}

/** @param entries of the request: an answer by id is given its names back */
export function produceAnswered(
  request: number,
  entries: readonly ProduceEntry[],
  response: ResponseOf<typeof produce>,
): ProduceAnswered {
  const partitions: PartitionProduced[] = [];
  for (const { name, topicId, partitionResponses } of response.responses) {
    const topic = name === '' ? nameOf(topicId, entries) : name;
    // A topic that was not asked for is not ours to judge: the core misses what it asked for.
    if (topic === undefined) continue;
    for (const answer of partitionResponses) partitions.push(partitionProduced(topic, answer));
  }
  return {
    type: 'produceAnswered',
    request,
    throttleMs: response.throttleTimeMs,
    partitions,
    nodeEndpoints: response.nodeEndpoints,
  };
}

function nameOf(topicId: string, entries: readonly ProduceEntry[]): string | undefined {
  return entries.find((entry) => entry.topicId === topicId)?.batch.topic;
}

type PartitionResponse = ResponseOf<
  typeof produce
>['responses'][number]['partitionResponses'][number];

function partitionProduced(topic: string, answer: PartitionResponse): PartitionProduced {
  const { leaderId, leaderEpoch } = answer.currentLeader;
  return {
    topic,
    partition: answer.index,
    errorCode: answer.errorCode,
    baseOffset: answer.baseOffset,
    logAppendTimeMs: Number(answer.logAppendTimeMs),
    errorMessage: answer.errorMessage ?? undefined,
    recordFaults: answer.recordErrors.map(({ batchIndex, batchIndexErrorMessage }) => ({
      index: batchIndex,
      message: batchIndexErrorMessage ?? '',
    })),
    currentLeader: leaderId < 0 || leaderEpoch < 0 ? undefined : { leaderId, leaderEpoch },
  };
}

export function metadataRequest(effect: SendMetadata): RequestInputOf<typeof metadata> {
  return {
    topics: effect.topics.map((name) => ({ name })),
    allowAutoTopicCreation: effect.allowAutoTopicCreation,
  };
}

export function metadataAnswered(
  request: number,
  response: ResponseOf<typeof metadata>,
): MetadataAnswered {
  return {
    type: 'metadataAnswered',
    request,
    throttleMs: response.throttleTimeMs,
    errorCode: response.errorCode,
    clusterId: response.clusterId ?? undefined,
    brokers: response.brokers.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack })),
    topics: response.topics.flatMap(({ errorCode, name, topicId, partitions }) =>
      name === null
        ? []
        : {
            errorCode,
            topic: name,
            topicId: topicId === ZERO_UUID ? '' : topicId,
            partitions: partitions.map((partition) => ({
              errorCode: partition.errorCode,
              partition: partition.partitionIndex,
              leaderId: partition.leaderId,
              leaderEpoch: partition.leaderEpoch,
              replicas: {
                all: partition.replicaNodes,
                inSync: partition.isrNodes,
                offline: partition.offlineReplicas,
              },
            })),
          },
    ),
  };
}

/** Without a transactional id: any broker hands one out, and the timeout means nothing. */
export function initProducerIdRequest(): RequestInputOf<typeof initProducerId> {
  return { transactionalId: null, transactionTimeoutMs: INT32_MAX };
}

export function producerIdAnswered(
  request: number,
  response: ResponseOf<typeof initProducerId>,
): ProducerIdAnswered {
  const { throttleTimeMs, errorCode, producerId, producerEpoch } = response;
  return {
    type: 'producerIdAnswered',
    ...{ request, throttleMs: throttleTimeMs, errorCode, producerId, producerEpoch },
  };
}

export function describeProducersRequest(
  effect: SendDescribeProducers,
): RequestInputOf<typeof describeProducers> {
  return { topics: [{ name: effect.topic, partitionIndexes: [effect.partition] }] };
}

/** @throws {ProtocolError} when the answer is not about the partition asked for */
export function producersDescribed(
  effect: SendDescribeProducers,
  response: ResponseOf<typeof describeProducers>,
): ProducersDescribed {
  const topic = response.topics.find(({ name }) => name === effect.topic);
  const found = topic?.partitions.find(({ partitionIndex }) => partitionIndex === effect.partition);
  if (found === undefined) {
    throw new ProtocolError(`DescribeProducers without ${effect.topic}-${effect.partition}`);
  }
  return {
    type: 'producersDescribed',
    request: effect.request,
    throttleMs: response.throttleTimeMs,
    errorCode: found.errorCode,
    producers: found.activeProducers
      .filter(({ producerId }) => producerId === effect.producerId)
      .map(({ producerId, producerEpoch, lastSequence }) => ({
        ...{ producerId, producerEpoch, lastSequence },
      })),
  };
}
