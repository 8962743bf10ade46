import { assert, present } from '../shared/assert.ts';
import type { BatchCheckLevel } from './incoming-batch.ts';
import { Partition } from './partition.ts';
import { NO_LEADER } from './replica-set.ts';
import { topicNameFault } from '../shared/topic-name.ts';
import { topicConfigDefaults } from './topic-config.ts';
import type { TopicConfig } from './topic-config.ts';
import { TransactionCoordinator } from './transaction-coordinator.ts';

export interface ClusterNode {
  readonly id: number;
  /** As clients are told to connect to. */
  readonly host: string;
  readonly port: number;
  up: boolean;
}

export interface Topic {
  readonly name: string;
  /** Kafka's notation of a uuid. */
  readonly topicId: string;
  readonly partitions: readonly Partition[];
}

export interface TopicSettings {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Partial<TopicConfig>;
}

export interface ClusterOptions {
  readonly clusterId: string;
  /** Metadata for an unknown topic creates it. */
  readonly autoCreate: boolean;
  readonly defaultPartitions: number;
  readonly defaultConfig: Partial<TopicConfig>;
  readonly discard: boolean;
  readonly validate: BatchCheckLevel;
  /** Finalized level of the feature transaction.version; 2 is the second version of transactions (KIP-890). */
  readonly transactionVersion: number;
  /** `producer.id.expiration.ms`. */
  readonly producerIdExpirationMs: number;
  /** A new uuid in Kafka's notation at each call. */
  readonly newUuid: () => string;
}

const REPLICATION_FACTOR_MAX = 3;
const COMPLAINTS_MAX = 1000;

/** What all nodes of an embedded cluster share: nodes, topics, leaders, producer ids. Knows no clock and no socket. */
export class ClusterState {
  readonly options: ClusterOptions;
  readonly nodes: readonly ClusterNode[];
  readonly coordinator: TransactionCoordinator;
  readonly #complaints: string[] = [];
  readonly #topics = new Map<string, Topic>();
  #nextProducerId = 1000n;

  constructor(nodes: readonly ClusterNode[], options: ClusterOptions) {
    assert(nodes.length > 0, 'a cluster has a node');
    this.nodes = nodes;
    this.options = options;
    this.coordinator = new TransactionCoordinator({
      newProducerId: () => this.newProducerId(),
      // A partition that was deleted has nothing to end.
      writeMarker: ({ topic, partition }, marker, nowMs) =>
        this.partition(topic, partition)?.appendMarker(marker, nowMs) ?? true,
    });
  }

  /** What clients did that no well-behaved one does, a sentence each, the first thousand. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  complain(sentence: string): void {
    if (this.#complaints.length < COMPLAINTS_MAX) this.#complaints.push(sentence);
  }

  get topics(): Topic[] {
    return [...this.#topics.values()];
  }

  get nodesUp(): ClusterNode[] {
    return this.nodes.filter((node) => node.up);
  }

  /** The first node that is up coordinates everything. */
  get coordinatorNode(): ClusterNode | undefined {
    return this.nodes.find((node) => node.up);
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  topicById(topicId: string): Topic | undefined {
    return this.topics.find((topic) => topic.topicId === topicId);
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#topics.get(topic)?.partitions[index];
  }

  node(id: number): ClusterNode {
    return present(
      this.nodes.find((node) => node.id === id),
      `the cluster has a node ${String(id)}`,
    );
  }

  /** Leaders go round the nodes that are up; the replicas are the nodes that follow. */
  createTopic(name: string, settings: TopicSettings = {}): Topic {
    assert(topicNameFault(name) === undefined, `${name} is a legal topic name`);
    assert(!this.#topics.has(name), `there is no topic ${name} yet`);
    const nodeIds = this.nodesUp.map((node) => node.id);
    const factor = settings.replicationFactor ?? Math.min(REPLICATION_FACTOR_MAX, nodeIds.length);
    assert(factor >= 1 && factor <= nodeIds.length, `${String(factor)} replicas fit on the nodes`);
    const config = { ...topicConfigDefaults, ...this.options.defaultConfig, ...settings.config };
    const count = settings.partitions ?? this.options.defaultPartitions;
    const { discard, validate } = this.options;
    const partitions = Array.from({ length: count }, (_, index) => {
      const replicas = Array.from({ length: factor }, (_, step) =>
        present(nodeIds[(index + step) % nodeIds.length], 'the index is in range'),
      );
      return new Partition({ nodeIds: replicas, config, discard, validate });
    });
    const topic = { name, topicId: this.options.newUuid(), partitions };
    this.#topics.set(name, topic);
    return topic;
  }

  deleteTopic(name: string): void {
    assert(this.#topics.delete(name), `there is a topic ${name}`);
  }

  newProducerId(): bigint {
    const producerId = this.#nextProducerId;
    this.#nextProducerId += 1n;
    return producerId;
  }

  /** The node has gone: its leaderships pass on where a follower can take them. */
  nodeDown(id: number): void {
    this.node(id).up = false;
    this.forEachPartition((partition) => {
      partition.nodeDown(id);
    });
  }

  /** The node is back, with what a restart leaves of its producer state. */
  nodeUp(id: number, nowMs: number): void {
    this.node(id).up = true;
    this.forEachPartition((partition) => {
      partition.nodeUp(id, nowMs, this.options.producerIdExpirationMs);
    });
    this.coordinator.finishAll(nowMs);
  }

  forEachPartition(visit: (partition: Partition, topic: Topic, index: number) => void): void {
    for (const topic of this.#topics.values()) {
      topic.partitions.forEach((partition, index) => {
        visit(partition, topic, index);
      });
    }
  }

  /** Leader as Metadata reports it: nobody while the leader's node is down. */
  leaderOf(partition: Partition): ClusterNode | undefined {
    const { leaderId } = partition.replicas;
    return leaderId === NO_LEADER ? undefined : this.node(leaderId);
  }
}
