import type { TopicProblem } from './reports.ts';
import type { SenderState, TopicState } from './sender-state.ts';

/** A broker as the others name it. Source: org.apache.kafka.common.Node. */
export interface KafkaNode {
  readonly id: number;
  /** '' for one that is not known now, as it is down. */
  readonly host: string;
  /** -1 for such a one. */
  readonly port: number;
  /** broker.rack, null for none. */
  readonly rack: string | null;
}

/** A partition as the brokers say. Source: org.apache.kafka.common.PartitionInfo. */
export interface PartitionInfo {
  readonly topic: string;
  readonly partition: number;
  /** Null as long as there is none. */
  readonly leader: KafkaNode | null;
  readonly replicas: readonly KafkaNode[];
  readonly inSyncReplicas: readonly KafkaNode[];
  readonly offlineReplicas: readonly KafkaNode[];
}

/** A topic as the brokers say. */
export interface TopicView {
  /** 0 when there is a problem. */
  readonly partitionCount: number;
  /** Partitions with a leader, in ascending order. */
  available(): readonly number[];
  /** All of them, by number. */
  partitions(): PartitionInfo[];
  /** Why it cannot be used now. */
  readonly problem: TopicProblem | undefined;
  /** Answers in a row that told of the problem: it may be over since the last. */
  readonly problemAnswers: number;
}

type Cluster = Pick<SenderState, 'topics' | 'nodes'>;

/** What is known of topics. Asked at each record: so it makes nothing before it is asked for more. */
export class TopicViews {
  readonly #cluster: Cluster;
  /** Looked at last: mostly the next record is for the same. */
  #last: UsableTopic | undefined;

  /** @param cluster a topic that is in it stays there */
  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** One that can be used now. */
  known(name: string): TopicView | undefined {
    const last = this.#last;
    if (last !== undefined && last.topic.topic === name && last.topic.known) return last;
    const topic = this.#cluster.topics.get(name);
    if (topic?.known !== true) return undefined;
    this.#last = new UsableTopic(topic, this.#cluster.nodes);
    return this.#last;
  }

  /** One that cannot, and why; undefined as long as no broker has said anything of use. */
  missing(name: string): TopicView | undefined {
    const topic = this.#cluster.topics.get(name);
    const problem = topic?.reported;
    if (topic === undefined || problem === undefined) return undefined;
    const { missingCount: problemAnswers } = topic;
    const none = { partitionCount: 0, available: () => [], partitions: () => [] };
    return { ...none, problem, problemAnswers };
  }
}

class UsableTopic implements TopicView {
  readonly topic: TopicState;
  readonly #nodes: Cluster['nodes'];
  readonly problem = undefined;
  readonly problemAnswers = 0;

  constructor(topic: TopicState, nodes: Cluster['nodes']) {
    this.topic = topic;
    this.#nodes = nodes;
  }

  get partitionCount(): number {
    return this.topic.partitionCount;
  }

  available(): readonly number[] {
    const { partitionCount, partitions } = this.topic;
    const all = Array.from({ length: partitionCount }, (_, partition) => partition);
    return all.filter((partition) => (partitions[partition]?.leaderId ?? -1) >= 0);
  }

  partitions(): PartitionInfo[] {
    const { topic, partitionCount, partitions } = this.topic;
    const named = (ids: readonly number[] = []): KafkaNode[] => ids.map((id) => this.#node(id));
    return Array.from({ length: partitionCount }, (_, partition) => {
      const { leaderId = -1, replicas } = partitions[partition] ?? {};
      return {
        ...{ topic, partition, leader: leaderId < 0 ? null : this.#node(leaderId) },
        replicas: named(replicas?.all),
        inSyncReplicas: named(replicas?.inSync),
        offlineReplicas: named(replicas?.offline),
      };
    });
  }

  #node(id: number): KafkaNode {
    const { host = '', port = -1, rack = '' } = this.#nodes.get(id) ?? {};
    return { id, host, port, rack: rack === '' ? null : rack };
  }
}
