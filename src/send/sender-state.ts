/** What the sender core remembers, and the few verbs that all of its files use. Nothing here outlives the process. */
import type { BatchQueue } from '../accumulate/batch-queue.ts';
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { RecordAccumulator } from '../accumulate/record-accumulator.ts';
import { assert } from '../shared/assert.ts';
import { backoffMs } from './backoff.ts';
import type { PartitionReplicas, SenderEffect } from './events.ts';
import type { InFlightRequest } from './in-flight-requests.ts';
import type { KeptOutcome } from './outcome-order.ts';
import { PartitionIdentity, ProducerIds } from './producer-state.ts';
import type { ConnectFailure, SenderReport, TopicProblem } from './reports.ts';
import type { SenderConfig } from './sender-config.ts';
import type { Settle } from './settle.ts';
import type { BatchFailure } from './transaction-events.ts';
import { createTransactions, type TransactionState } from './transaction-state.ts';
import { Turn, TurnOrder } from './turn-order.ts';

/** Leader and connection numbers of nobody. */
export const NO_NODE = Number.MIN_SAFE_INTEGER;
export const NO_LEADER_EPOCH = -1;

export interface SenderState {
  readonly config: SenderConfig;
  readonly random: () => number;
  phase: 'new' | 'running' | 'closing' | 'stopped' | 'closed';
  readonly accumulator: RecordAccumulator;
  readonly nodes: Map<number, NodeState>;
  readonly topics: Map<string, TopicState>;
  /** Topics with keyless batches that wait. */
  readonly keylessTopics: TurnOrder<TopicState>;
  /** Partitions with work and without a leader that is known. */
  readonly leaderless: Set<PartitionState>;
  readonly metadata: MetadataState;
  readonly producer: ProducerIds;
  /** Undefined without transactional.id. */
  readonly transactions: TransactionState | undefined;
  /** Batches of the transaction that were not written, and are not accounted for yet. */
  readonly batchFailures: BatchFailure[];
  /** Nodes where something may be sent since the last drain. */
  readonly dirtyNodes: TurnOrder<NodeState>;
  nextRequest: number;
  nextConnection: number;
  /** Batches without an outcome. */
  incomplete: number;
  /** Batches whose outcome was told because their time was up, and that are still to be settled. */
  overdue: number;
  nextOrdinal: number;
  /** Told when those before them are. */
  keptOutcomes: KeptOutcome[];
  flushes: { readonly flush: number; readonly before: number; remaining: number }[];
  /** Of the step under way. */
  effects: SenderEffect[];
  /** The earliest time anything asked for. */
  wakeMs: number;
  /** The last `wakeAt`. */
  saidWakeMs: number;
  /** Since when no broker can be reached, when that was said; undefined otherwise. */
  unreachableSinceMs: number | undefined;
  /** No batch comes any more. */
  closeWanted: boolean;
  /** Why it ended for good. */
  stopped: { readonly error: string; readonly message: string } | undefined;
}

/** One broker, and our one connection to it. */
export interface NodeState {
  readonly id: number;
  host: string;
  port: number;
  /** broker.rack, '' for none. */
  rack: string;
  status: 'disconnected' | 'connecting' | 'ready' | 'closing';
  connection: number;
  /** Oldest first. */
  readonly inFlight: InFlightRequest[];
  describeProducers: boolean;
  /** As a transaction coordinator it knows InitProducerId v3. */
  raisesEpoch: boolean;
  /** Failures to connect since the last success. */
  failures: number;
  /** The last failure, for the report. */
  failure: { readonly reason: ConnectFailure; readonly message: string } | undefined;
  retryAtMs: number;
  /** KIP-219: nothing is sent before. */
  throttledUntilMs: number;
  lastUseMs: number;
  /** Since when it is gone, when that was said. */
  lostSinceMs: number | undefined;
  /** Partitions led here that have work, the longest unserved first. */
  readonly active: TurnOrder<PartitionState>;
  /** Among the dirty ones. */
  readonly turn: Turn<NodeState>;
}

export interface TopicState {
  readonly topic: string;
  topicId: string;
  /** Of the topic of this name before it was created again: brokers that lag behind still tell of it. */
  formerTopicId: string;
  /** Answers in a row that name the former one. */
  formerCount: number;
  /** Metadata named its partitions at least once. */
  known: boolean;
  /** How many there are; 0 until known. */
  partitionCount: number;
  /** By number; with holes when a batch names a partition beyond those that are known. */
  readonly partitions: (PartitionState | undefined)[];
  /** Answers in a row that did not have it. */
  missingCount: number;
  /** The problem that was reported, and not taken back since. */
  reported: TopicProblem | undefined;
  /** Since when it has had one problem or another. */
  problemSinceMs: number;
  readonly keyless: BatchQueue;
  /** KIP-480: where the last keyless batch went, and how many bytes in a row. */
  stickyPartition: number;
  stickyBytes: number;
  lastUseMs: number;
  /** Among those with keyless batches. */
  readonly turn: Turn<TopicState>;
}

export interface PartitionState {
  readonly topic: TopicState;
  readonly partition: number;
  leaderId: number;
  leaderEpoch: number;
  replicas: PartitionReplicas;
  readonly queue: BatchQueue;
  /** Sent and unanswered, in the order of sending. */
  readonly inFlight: ProducerBatch[];
  /** With a sequence, to be sent again, in the order of sequences. */
  retries: ProducerBatch[];
  readonly identity: PartitionIdentity;
  /** The leader, epoch and connection that a batch of this identity succeeded at: until then one in flight. */
  gateLeaderId: number;
  gateLeaderEpoch: number;
  gateConnection: number;
  /** Where the last batch went. */
  sentLeaderId: number;
  sentLeaderEpoch: number;
  sentConnection: number;
  sentMs: number;
  /** Refusals since the last success, those of one round counted once. */
  refusals: number;
  retryAtMs: number;
  /**
   * Below this offset there is nothing of ours that is not settled: the end of the log before our first batch, then behind each batch that
   * was acknowledged while none before it was open.
   */
  floor: bigint | undefined;
  floorRequest: number;
  lastAckedOffset: bigint;
  lastAckedLeaderEpoch: number;
  /** A batch was refused for good: the next ones need a new epoch. */
  bumpPending: boolean;
  /** Its pieces are awaited from the shell. */
  splitting: ProducerBatch | undefined;
  /** Why it has to be settled once nothing is in flight. */
  settleCause: string | undefined;
  settle: Settle | undefined;
  /** The error it was parked for and that was said. */
  parked: string | undefined;
  /** Among the active ones of its leader. */
  readonly turn: Turn<PartitionState>;
}

export interface MetadataState {
  clusterId: string | undefined;
  /** Somebody needs newer metadata than there is. */
  wanted: boolean;
  request: number;
  /** Refreshes asked for, and the newest that was answered: `fresh` means asked for after one's question arose. */
  sentCount: number;
  answeredCount: number;
  lastAnswerMs: number;
  notBeforeMs: number;
  /** Refreshes in a row that were asked for and did not help. */
  fruitless: number;
  /** The bootstrap servers alone are to be asked: REBOOTSTRAP_REQUIRED, or the known brokers gave nothing for too long. */
  rebootstrap: boolean;
  /** When whom to ask was last decided or confirmed by an answer; `Infinity` while none is needed. */
  askingSinceMs: number;
}

/**
 * @param config checked already
 * @param random yields numbers in [0, 1): a simulator gives a seeded one
 */
export function createSender(config: SenderConfig, random: () => number): SenderState {
  const state: SenderState = {
    config,
    random,
    phase: 'new',
    accumulator: new RecordAccumulator(config.deliveryTimeoutMs),
    nodes: new Map(),
    topics: new Map(),
    keylessTopics: new TurnOrder(),
    leaderless: new Set(),
    metadata: {
      clusterId: undefined,
      wanted: true,
      request: 0,
      sentCount: 0,
      answeredCount: 0,
      lastAnswerMs: -Infinity,
      notBeforeMs: -Infinity,
      fruitless: 0,
      rebootstrap: false,
      askingSinceMs: Infinity,
    },
    producer: new ProducerIds(),
    transactions: transactionsOf(config, random),
    batchFailures: [],
    dirtyNodes: new TurnOrder(),
    nextRequest: 1,
    nextConnection: 1,
    incomplete: 0,
    overdue: 0,
    nextOrdinal: 0,
    keptOutcomes: [],
    flushes: [],
    effects: [],
    wakeMs: Infinity,
    saidWakeMs: Infinity,
    unreachableSinceMs: undefined,
    closeWanted: false,
    stopped: undefined,
  };
  state.producer.wanted = config.enableIdempotence && config.transactions === undefined;
  config.bootstrapServers.forEach((server, i) => {
    state.nodes.set(-1 - i, createNode(-1 - i, server.host, server.port));
  });
  return state;
}

function transactionsOf(config: SenderConfig, random: () => number): TransactionState | undefined {
  const { transactions, acks, enableIdempotence, retryBackoffMs, retryBackoffMaxMs } = config;
  if (transactions === undefined) return undefined;
  assert(enableIdempotence && acks === -1, 'transactions are idempotent, and acknowledged by all');
  return createTransactions({ ...transactions, retryBackoffMs, retryBackoffMaxMs }, random);
}

export function createNode(id: number, host: string, port: number): NodeState {
  return {
    id,
    host,
    port,
    rack: '',
    status: 'disconnected',
    connection: 0,
    inFlight: [],
    describeProducers: false,
    raisesEpoch: false,
    failures: 0,
    failure: undefined,
    retryAtMs: -Infinity,
    throttledUntilMs: -Infinity,
    lastUseMs: -Infinity,
    lostSinceMs: undefined,
    active: new TurnOrder(),
    turn: new Turn(),
  };
}

export function topicOf(state: SenderState, topic: string): TopicState {
  const known = state.topics.get(topic);
  if (known !== undefined) return known;
  const created: TopicState = {
    topic,
    topicId: '',
    formerTopicId: '',
    formerCount: 0,
    known: false,
    partitionCount: 0,
    partitions: [],
    missingCount: 0,
    reported: undefined,
    problemSinceMs: Infinity,
    keyless: state.accumulator.queue(topic, -1),
    stickyPartition: -1,
    stickyBytes: 0,
    lastUseMs: -Infinity,
    turn: new Turn(),
  };
  state.topics.set(topic, created);
  return created;
}

const NO_REPLICAS: PartitionReplicas = { all: [], inSync: [], offline: [] };

export function partitionOf(
  state: SenderState,
  topic: TopicState,
  partition: number,
): PartitionState {
  const known = topic.partitions[partition];
  if (known !== undefined) return known;
  const created: PartitionState = {
    topic,
    partition,
    leaderId: NO_NODE,
    leaderEpoch: NO_LEADER_EPOCH,
    replicas: NO_REPLICAS,
    queue: state.accumulator.queue(topic.topic, partition),
    inFlight: [],
    retries: [],
    identity: new PartitionIdentity(),
    gateLeaderId: NO_NODE,
    gateLeaderEpoch: NO_LEADER_EPOCH,
    gateConnection: 0,
    sentLeaderId: NO_NODE,
    sentLeaderEpoch: NO_LEADER_EPOCH,
    sentConnection: 0,
    sentMs: -Infinity,
    refusals: 0,
    retryAtMs: -Infinity,
    floor: undefined,
    floorRequest: 0,
    lastAckedOffset: -1n,
    lastAckedLeaderEpoch: NO_LEADER_EPOCH,
    bumpPending: false,
    splitting: undefined,
    settleCause: undefined,
    settle: undefined,
    parked: undefined,
    turn: new Turn(),
  };
  topic.partitions[partition] = created;
  return created;
}

/** Partitions that have a state. */
export function* partitionsOf(state: SenderState): Generator<PartitionState> {
  for (const topic of state.topics.values()) {
    for (const partition of topic.partitions) {
      if (partition !== undefined) yield partition;
    }
  }
}

export function emit(state: SenderState, effect: SenderEffect): void {
  state.effects.push(effect);
}

export function report(state: SenderState, said: SenderReport): void {
  state.effects.push({ type: 'report', report: said });
}

/** Asks for a tick at `atMs` or before. */
export function wakeBy(state: SenderState, atMs: number): void {
  if (atMs < state.wakeMs) state.wakeMs = atMs;
}

export function hasWork(partition: PartitionState): boolean {
  return partition.queue.length > 0 || partition.retries.length > 0;
}

/** Has the partition looked at by the next drain: where it is led, or as one without a leader. */
export function activate(state: SenderState, partition: PartitionState): void {
  const node = state.nodes.get(partition.leaderId);
  if (node === undefined) {
    state.leaderless.add(partition);
    state.metadata.wanted = true;
    return;
  }
  node.active.add(partition);
  state.dirtyNodes.add(node);
}

/** Nothing is sent to the partition for a while: longer each time until something succeeds (KIP-580). */
export function backOff(state: SenderState, partition: PartitionState, nowMs: number): void {
  if (partition.retryAtMs > nowMs) return;
  const { retryBackoffMs, retryBackoffMaxMs } = state.config;
  partition.retryAtMs =
    nowMs + backoffMs(retryBackoffMs, retryBackoffMaxMs, partition.refusals, state.random);
  partition.refusals += 1;
  wakeBy(state, partition.retryAtMs);
}

/** Puts a sent batch among those to be sent again, by its sequence. */
export function insertRetry(partition: PartitionState, batch: ProducerBatch): void {
  const { retries } = partition;
  let at = retries.length;
  while (at > 0 && (retries[at - 1]?.counter ?? -1) > batch.counter) at -= 1;
  retries.splice(at, 0, batch);
}

/** One before it was refused, is not answered yet, or is being cut: the batch can only follow that one. */
export function isBehindOthers(
  { inFlight, retries, splitting }: PartitionState,
  batch: ProducerBatch,
): boolean {
  const isBefore = (other: ProducerBatch): boolean => other.counter < batch.counter;
  return splitting !== undefined || inFlight.some(isBefore) || retries.some(isBefore);
}
