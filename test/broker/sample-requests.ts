import type { EmbeddedCluster } from '../../src/broker/embedded-broker.ts';
import type { ApiName } from '../../src/broker/broker-apis.ts';
import { offsetSpecs } from '../../src/kafka/messages/02-list-offsets.ts';
import { batchOf } from './test-batches.ts';

/** A request of each API about `logs`-0 that works, in the given version of that API. */
export function sampleRequests(
  cluster: EmbeddedCluster,
  version: number,
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
    DescribeProducers: { topics: [{ name: 'logs', partitionIndexes: [0] }] },
  };
}
