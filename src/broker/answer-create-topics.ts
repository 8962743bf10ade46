import { errors } from '../kafka/errors.ts';
import type { KafkaErrorName } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { createTopics } from '../kafka/messages/19-create-topics.ts';
import { brokerApi } from './broker-api.ts';
import { topicNameFault } from '../shared/topic-name.ts';
import type { ClusterState, TopicSettings } from './cluster-state.ts';
import { parseTopicConfig } from './topic-config.ts';

type TopicRequest = RequestOf<typeof createTopics>['topics'][number];
type TopicResponse = ResponseInputOf<typeof createTopics>['topics'][number];

/** Asks for the broker's own number of partitions or replicas (KIP-464). */
const DEFAULT = -1;

/** CreateTopics: with counts; explicit assignments are refused, and so is what Kafka would refuse. */
export const answerCreateTopics = brokerApi(createTopics, {
  answer: (request, { cluster }) => ({
    topics: request.topics.map((topic) => create(topic, request.validateOnly, cluster)),
  }),
  refuse: (request, errorCode) => ({
    topics: request.topics.map(({ name }) => ({ name, errorCode, errorMessage: null })),
  }),
});

function create(asked: TopicRequest, validateOnly: boolean, cluster: ClusterState): TopicResponse {
  const { name } = asked;
  const refuse = (error: KafkaErrorName, errorMessage: string): TopicResponse => ({
    name,
    errorCode: errors[error].code,
    errorMessage,
  });
  if (topicNameFault(name) !== undefined) {
    return refuse('INVALID_TOPIC_EXCEPTION', `${name}: 1 to 249 of a-z A-Z 0-9 . _ - are legal`);
  }
  if (cluster.topic(name) !== undefined) {
    return refuse('TOPIC_ALREADY_EXISTS', `there is a topic ${name}`);
  }
  if (asked.assignments.length > 0) {
    return refuse('INVALID_REPLICA_ASSIGNMENT', 'the embedded broker assigns replicas itself');
  }
  if (asked.numPartitions !== DEFAULT && asked.numPartitions < 1) {
    return refuse(
      'INVALID_PARTITIONS',
      `${String(asked.numPartitions)} partitions: write 1 or more`,
    );
  }
  const nodeCount = cluster.nodesUp.length;
  const factor = asked.replicationFactor;
  if (factor !== DEFAULT && (factor < 1 || factor > nodeCount)) {
    return refuse(
      'INVALID_REPLICATION_FACTOR',
      `${String(factor)} replicas: ${String(nodeCount)} nodes`,
    );
  }
  const parsed = parseTopicConfig(asked.configs.map((entry) => [entry.name, entry.value]));
  if ('fault' in parsed) return refuse('INVALID_CONFIG', parsed.fault);
  if (validateOnly) return { name, errorCode: 0, errorMessage: null };

  const settings: TopicSettings = {
    config: parsed.config,
    ...(asked.numPartitions === DEFAULT ? {} : { partitions: asked.numPartitions }),
    ...(factor === DEFAULT ? {} : { replicationFactor: factor }),
  };
  const { topicId, partitions } = cluster.createTopic(name, settings);
  return {
    name,
    topicId,
    errorCode: 0,
    errorMessage: null,
    numPartitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.nodeIds.length ?? DEFAULT,
    configs: [],
  };
}
