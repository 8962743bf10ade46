import { randomUUID } from 'node:crypto';
import { present } from '../shared/assert.ts';
import { BrokerNode, listen } from './broker-node.ts';
import type { Listener } from './broker-node.ts';
import { ClusterState } from './cluster-state.ts';
import type { ClusterNode, Topic, TopicSettings } from './cluster-state.ts';
import { Faults } from './faults.ts';
import type { ControlRule } from './faults.ts';
import type { ApiName } from './broker-apis.ts';
import type { CommittedOffset } from './group-offsets.ts';
import type { BatchCheckLevel } from './incoming-batch.ts';
import type { Partition } from './partition.ts';
import { RecordedRequests } from './recorded-requests.ts';
import type { ArrivedRequest } from './recorded-requests.ts';
import type { TopicConfig } from './topic-config.ts';

/** How an embedded cluster is set up. Everything has a default: one node on a free port that creates topics when asked. */
export interface EmbeddedBrokerOptions {
  /** Number of nodes, ids from 1 on. Default 1. */
  readonly nodes?: number;
  /** One port for each node, 0 for any that is free. Default: all free ones. */
  readonly ports?: readonly number[];
  /** Address to listen on and to tell clients. Default 127.0.0.1. */
  readonly host?: string;
  /** Topics to begin with: number of partitions, or all settings. */
  readonly topics?: Readonly<Record<string, number | TopicSettings>>;
  /** Metadata for an unknown topic creates it. Default true. */
  readonly autoCreate?: boolean;
  /** Partitions of topics created without a number. Default 1. */
  readonly defaultPartitions?: number;
  /** Settings of all topics that do not say otherwise. */
  readonly config?: Partial<TopicConfig>;
  /** Keep headers and counts, no records: a null sink. Default false. */
  readonly discard?: boolean;
  /** Default strict, with `discard` headers. */
  readonly validate?: BatchCheckLevel;
  /** Requests remembered for tests; 0 with `discard`, else the last 10,000. */
  readonly requestsKept?: number;
  /** Longest request that is read. Default 100 MB, as Kafka's `socket.request.max.bytes`. */
  readonly requestBytesMax?: number;
  /** `producer.id.expiration.ms`. Default 24 h. Checked when a node starts and by `expireProducers`. */
  readonly producerIdExpirationMs?: number;
  /** Finalized level of the feature transaction.version: from 2 on the second version of transactions (KIP-890). Default 2. */
  readonly transactionVersion?: number;
  /** Wall clock in milliseconds, for append times and expiry. */
  readonly now?: () => number;
}

const REQUESTS_KEPT = 10_000;
const REQUEST_BYTES_MAX = 104_857_600;
/** Read from a socket at once: four times what Node does by itself, for a third of the system calls' CPU time. */
const SCRATCH_BYTES = 256 * 1024;
const DAY_MS = 86_400_000;

/**
 * Starts an in-memory Kafka cluster in this process. Nothing survives it: it is for tests, demos and benches.
 *
 * @throws {SetupError} when a port is taken
 */
export async function startEmbeddedBroker(
  options: EmbeddedBrokerOptions = {},
): Promise<EmbeddedCluster> {
  const host = options.host ?? '127.0.0.1';
  const ports = options.ports ?? Array.from({ length: options.nodes ?? 1 }, () => 0);
  const listeners: Listener[] = [];
  try {
    for (const port of ports) listeners.push(await listen(host, port));
  } catch (error) {
    for (const { server } of listeners) server.close();
    throw error;
  }
  const cluster = new EmbeddedCluster(listeners, options);
  for (const [name, topic] of Object.entries(options.topics ?? {})) {
    cluster.createTopic(name, typeof topic === 'number' ? { partitions: topic } : topic);
  }
  return cluster;
}

/** A running embedded cluster: what tests and commands see of it, and the levers of everything that can go wrong. */
export class EmbeddedCluster {
  /** For `bootstrap.servers`: all nodes. */
  readonly bootstrap: string;
  readonly clusterId: string;
  readonly #state: ClusterState;
  readonly #nodes: ReadonlyMap<number, BrokerNode>;
  readonly #faults = new Faults();
  readonly #recorded: RecordedRequests;
  readonly #now: () => number;

  /** For `startEmbeddedBroker`. */
  constructor(listeners: readonly Listener[], options: EmbeddedBrokerOptions) {
    const discard = options.discard ?? false;
    this.clusterId = newUuid();
    this.#now = options.now ?? (() => Date.now());
    this.#recorded = new RecordedRequests(options.requestsKept ?? (discard ? 0 : REQUESTS_KEPT));
    const nodes = listeners.map(({ host, port }, index) => ({
      id: index + 1,
      host,
      port,
      up: true,
    }));
    this.bootstrap = nodes.map(({ host, port }) => `${host}:${String(port)}`).join(',');
    const state = new ClusterState(nodes, {
      clusterId: this.clusterId,
      autoCreate: options.autoCreate ?? true,
      defaultPartitions: options.defaultPartitions ?? 1,
      defaultConfig: options.config ?? {},
      discard,
      validate: options.validate ?? (discard ? 'headers' : 'strict'),
      transactionVersion: options.transactionVersion ?? 2,
      producerIdExpirationMs: options.producerIdExpirationMs ?? DAY_MS,
      newUuid,
    });
    this.#state = state;
    const counter = { count: 0 };
    const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    this.#nodes = new Map(
      listeners.map((listener, index) => {
        const services = {
          nodeId: index + 1,
          cluster: state,
          faults: this.#faults,
          recorded: this.#recorded,
          frameBytesMax: options.requestBytesMax ?? REQUEST_BYTES_MAX,
          scratch,
          now: this.#now,
        };
        return [index + 1, new BrokerNode(listener, services, counter)];
      }),
    );
  }

  get nodes(): readonly ClusterNode[] {
    return this.#state.nodes;
  }

  get topics(): readonly Topic[] {
    return this.#state.topics;
  }

  /** Corrupt batches, unknown APIs, broken frames: what no well-behaved client sends, a sentence each, the first thousand. */
  get complaints(): readonly string[] {
    return this.#state.complaints;
  }

  createTopic(name: string, settings: TopicSettings = {}): Topic {
    return this.#state.createTopic(name, settings);
  }

  /** The topic, its records and what was known of its producers are gone; a new one of that name has another id. */
  deleteTopic(name: string): void {
    this.#state.deleteTopic(name);
  }

  /** Changes settings of a topic from the next batch on. */
  configure(topic: string, config: Partial<TopicConfig>): void {
    for (const partition of present(this.#state.topic(topic), `topic ${topic} exists`).partitions) {
      partition.configure(config);
    }
  }

  /** Log, replicas and levers of one partition: hold the watermark, move the leader, freeze a replica, delete records. */
  partition(topic: string, index: number): Partition {
    return present(
      this.#state.partition(topic, index),
      `partition ${topic}-${String(index)} exists`,
    );
  }

  /** Puts a rule in force for an API: what is to go wrong. The function returned takes it away again. */
  control(api: ApiName, rule: ControlRule): () => void {
    return this.#faults.add(api, rule);
  }

  /** Closes the connections of the next `count` requests of that API after `bytes` bytes of the request, from 8 on. */
  cutRequests(api: ApiName, bytes: number, count = 1): void {
    this.#faults.cutRequests(api, bytes, count);
  }

  /** Takes away all rules. */
  clearControls(): void {
    this.#faults.clear();
  }

  /** Requests that have arrived, oldest first, record batches cut to their headers. */
  requests(api?: ApiName): readonly ArrivedRequest[] {
    return this.#recorded.of(api);
  }

  /** Kills the node: port and connections close, leaderships pass to followers that have all that was acknowledged. */
  async stopNode(id: number): Promise<void> {
    this.#state.nodeDown(id);
    await this.#node(id).stop();
  }

  /** Starts a stopped node on its port: of each producer it remembers the last batch, as after any restart of Kafka. */
  async startNode(id: number): Promise<void> {
    this.#state.nodeUp(id, this.#now());
    await this.#node(id).start();
  }

  async restartNode(id: number): Promise<void> {
    await this.stopNode(id);
    await this.startNode(id);
  }

  /** As SIGSTOP to the node's process. It leads what it led; `partition().freezeReplica` stops its replication. */
  pauseNode(id: number): void {
    this.#node(id).pause();
  }

  /** As SIGCONT. */
  resumeNode(id: number): void {
    this.#node(id).resume();
  }

  /** Runs the check for expired producer ids, as Kafka does every ten minutes; the clock is the timestamps of the records. */
  expireProducers(nowMs: number = this.#now()): void {
    const { producerIdExpirationMs } = this.#state.options;
    this.#state.forEachPartition((partition) => {
      partition.expireProducers(nowMs, producerIdExpirationMs);
    });
  }

  /** Aborts transactions that are open for longer than their transaction.timeout.ms, as Kafka does every ten seconds. */
  expireTransactions(nowMs: number = this.#now()): void {
    this.#state.coordinator.expire(nowMs);
  }

  /** What a consumer group has committed, in transactions. */
  committedOffsets(groupId: string): readonly CommittedOffset[] {
    return this.#state.coordinator.offsets.of(groupId);
  }

  /** Closes all ports and connections. */
  async close(): Promise<void> {
    const up = this.#state.nodes.filter((node) => node.up);
    await Promise.all(up.map((node) => this.#node(node.id).stop()));
  }

  #node(id: number): BrokerNode {
    return present(this.#nodes.get(id), `the cluster has a node ${String(id)}`);
  }
}

function newUuid(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
}
