import { errors } from '../kafka/errors.ts';
import type { RequestOf, ResponseInputOf } from '../kafka/message-spec.ts';
import { metadata } from '../kafka/messages/03-metadata.ts';
import { ZERO_UUID } from '../kafka/wire.ts';
import { brokerApi } from './broker-api.ts';
import type { RequestContext } from './broker-api.ts';
import { topicNameFault } from '../shared/topic-name.ts';
import type { ClusterState, Topic } from './cluster-state.ts';
import type { Partition } from './partition.ts';
import { NO_LEADER } from './replica-set.ts';

type Request = RequestOf<typeof metadata>;
type Response = ResponseInputOf<typeof metadata>;
type TopicResponse = Response['topics'][number];
type AskedTopic = NonNullable<Request['topics']>[number];

/**
 * Metadata: the nodes that are up, and the topics asked for (null, or in v0 none: all). With auto-creation on, a topic that
 * does not exist is there at once, where Kafka says UNKNOWN_TOPIC_OR_PARTITION first.
 */
export const answerMetadata = brokerApi(metadata, {
  answer(request, context) {
    const { cluster, apiVersion } = context;
    const isAll = request.topics === null || (apiVersion === 0 && request.topics.length === 0);
    const topics = isAll
      ? cluster.topics.map((topic) => describe(topic, cluster))
      : (request.topics ?? []).map((asked) => findTopic(asked, request, context));
    return { ...describeCluster(cluster), topics };
  },
  refuse: (request, errorCode, { cluster }) => ({
    ...describeCluster(cluster),
    topics: (request.topics ?? []).map(({ name, topicId }) => unknown(name, topicId, errorCode)),
    errorCode,
  }),
});

function describeCluster(cluster: ClusterState) {
  const nodes = cluster.nodesUp;
  return {
    brokers: nodes.map(({ id, host, port }) => ({ nodeId: id, host, port })),
    clusterId: cluster.options.clusterId,
    controllerId: nodes[0]?.id ?? NO_LEADER,
  };
}

function findTopic(
  { name, topicId }: AskedTopic,
  request: Request,
  { cluster, apiVersion }: RequestContext,
): TopicResponse {
  if (name === null || (topicId !== ZERO_UUID && apiVersion >= 12)) {
    const topic = cluster.topicById(topicId);
    return topic ? describe(topic, cluster) : unknown(name, topicId, errors.UNKNOWN_TOPIC_ID.code);
  }
  if (topicNameFault(name) !== undefined) {
    return unknown(name, ZERO_UUID, errors.INVALID_TOPIC_EXCEPTION.code);
  }
  const known = cluster.topic(name);
  if (known !== undefined) return describe(known, cluster);
  if (cluster.options.autoCreate && request.allowAutoTopicCreation) {
    return describe(cluster.createTopic(name), cluster);
  }
  return unknown(name, ZERO_UUID, errors.UNKNOWN_TOPIC_OR_PARTITION.code);
}

function unknown(name: string | null, topicId: string, errorCode: number): TopicResponse {
  return { errorCode, name, topicId, partitions: [] };
}

function describe({ name, topicId, partitions }: Topic, cluster: ClusterState): TopicResponse {
  return {
    errorCode: 0,
    name,
    topicId,
    partitions: partitions.map((partition, index) => describePartition(partition, index, cluster)),
  };
}

function describePartition(partition: Partition, partitionIndex: number, cluster: ClusterState) {
  const { leaderId, leaderEpoch, nodeIds, inSync } = partition.replicas;
  const error = leaderId === NO_LEADER ? errors.LEADER_NOT_AVAILABLE : errors.NONE;
  return {
    errorCode: error.code,
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes: nodeIds,
    isrNodes: inSync,
    offlineReplicas: nodeIds.filter((id) => !cluster.node(id).up),
  };
}
