import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import type { ApiName } from '../../src/broker/broker-apis.ts';
import type { TransactionProducer } from '../../src/broker/transaction-coordinator.ts';
import { offsetSpecs } from '../../src/kafka/messages/02-list-offsets.ts';
import { initProducerId } from '../../src/kafka/messages/22-init-producer-id.ts';
import { addPartitionsToTxn } from '../../src/kafka/messages/24-add-partitions-to-txn.ts';
import { addOffsetsToTxn } from '../../src/kafka/messages/25-add-offsets-to-txn.ts';
import type { RawClient } from './raw-client.ts';
import { batchOf } from './test-batches.ts';

/** A producer with `logs`-0 and the group `readers` in its open transaction. */
export async function beginTransaction(client: RawClient): Promise<TransactionProducer> {
  const transactionalId = 'sample';
  const asked = { transactionalId, transactionTimeoutMs: 60_000 };
  const { producerId, producerEpoch } = await client.ask(initProducerId, 4, asked);
  await client.ask(addPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: 'logs', partitions: [0] }],
  });
  const producer = { transactionalId, producerId, producerEpoch };
  await client.ask(addOffsetsToTxn, 3, { ...producer, groupId: 'readers' });
  return producer;
}

/** A request of each API about `logs`-0 that works, in the given version of that API. */
export function sampleRequests(
  cluster: EmbeddedCluster,
  version: number,
  producer: TransactionProducer,
): Record<ApiName, Record<string, unknown>> {
  const topicId = cluster.topics.find(({ name }) => name === 'logs')?.topicId;
  const byId = (from: number, nameField: string) =>
    version >= from ? { topicId } : { [nameField]: 'logs' };
  return {
    Produce: {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ ...byId(13, 'name'), partitionData: [{ index: 0, records: batchOf() }] }],
    },
    Fetch: {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [
        {
          ...byId(13, 'topic'),
          partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1000 }],
        },
      ],
    },
    ListOffsets: {
      replicaId: -1,
      isolationLevel: 0,
      topics: [
        { name: 'logs', partitions: [{ partitionIndex: 0, timestamp: offsetSpecs.latest }] },
      ],
    },
    Metadata: { topics: [{ name: 'logs' }], includeTopicAuthorizedOperations: false },
    FindCoordinator: version >= 4 ? { coordinatorKeys: ['group'] } : { key: 'group' },
    ApiVersions: version >= 3 ? { clientSoftwareName: 'raw', clientSoftwareVersion: '1' } : {},
    CreateTopics: {
      topics: [
        {
          name: `new-${version}`,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [],
        },
      ],
    },
    InitProducerId: { transactionalId: null, transactionTimeoutMs: 1000 },
    AddPartitionsToTxn: addRequest(version, producer),
    AddOffsetsToTxn: { ...producer, groupId: 'readers' },
    EndTxn: { ...producer, committed: false },
    TxnOffsetCommit: {
      ...{ ...producer, groupId: 'readers' },
      topics: [{ name: 'logs', partitions: [offsetOf(0)] }],
    },
    DescribeProducers: { topics: [{ name: 'logs', partitionIndexes: [0] }] },
  };
}

function offsetOf(partitionIndex: number) {
  return { partitionIndex, committedOffset: 7n, committedMetadata: null };
}

function addRequest(version: number, producer: TransactionProducer): Record<string, unknown> {
  const topics = [{ name: 'logs', partitions: [0] }];
  if (version >= 4) return { transactions: [{ ...producer, topics }] };
  return {
    v3AndBelowTransactionalId: producer.transactionalId,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: topics,
  };
}
