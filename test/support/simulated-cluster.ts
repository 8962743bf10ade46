/**
 * A Kafka cluster without bytes, threads or time of its own, for the sender core. Keeps the rules that matter to a producer: leaders and
 * their epochs, producer state of the last five batches per replica (one after a restart), refusals before the duplicate check, a
 * watermark that may stay behind the end of the log, DescribeProducers that any replica answers.
 */
import { errors, type KafkaErrorName } from '../../src/kafka/errors.ts';
import type { BrokerFeatures, PartitionProduced, TopicMetadata } from '../../src/send/events.ts';
import { SimulatedCoordinator, type Marker } from './simulated-coordinator.ts';

const REMEMBERED_BATCHES = 5;
const SEQUENCES = 2 ** 31;

/** The records of a batch in a test: numbers in a row. */
export interface Records {
  readonly from: number;
  readonly count: number;
}

export interface LogEntry {
  readonly baseOffset: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly records: Records;
  readonly appendedMs: number;
  readonly transactional?: boolean;
}

interface ProducerEntry {
  epoch: number;
  lastSequence: number;
  batches: LogEntry[];
}

export class SimulatedPartition {
  leader: number;
  leaderEpoch = 0;
  log: LogEntry[] = [];
  logEnd = 0;
  watermark = 0;
  /** Followers are stopped: the watermark stays where it is. */
  held = false;
  /** Of transactional batches, once their transaction has ended: whether it was committed. */
  readonly committed = new Map<LogEntry, boolean>();
  /** Producer state of each replica. */
  readonly states = new Map<number, Map<bigint, ProducerEntry>>();

  constructor(leader: number, nodes: Iterable<number>) {
    this.leader = leader;
    for (const node of nodes) this.states.set(node, new Map());
  }

  stateOf(node: number): Map<bigint, ProducerEntry> {
    const state = this.states.get(node) ?? new Map<bigint, ProducerEntry>();
    this.states.set(node, state);
    return state;
  }

  append(entry: LogEntry): void {
    this.log.push(entry);
    this.logEnd += entry.records.count;
    remember(this.stateOf(this.leader), entry, REMEMBERED_BATCHES);
  }

  /** A transaction has ended: its batches are decided, and its epoch is shut out. */
  mark({ producerId, producerEpoch, committed }: Marker): void {
    for (const entry of this.log) {
      const isIts = entry.producerId === producerId && entry.transactional === true;
      if (isIts && !this.committed.has(entry)) this.committed.set(entry, committed);
    }
    const known = this.stateOf(this.leader).get(producerId);
    if (known !== undefined && producerEpoch > known.epoch) {
      for (const state of this.states.values()) {
        state.set(producerId, { epoch: producerEpoch, lastSequence: -1, batches: [] });
      }
    }
    this.logEnd += 1;
    if (!this.held) this.replicate(this.logEnd);
  }

  /** What a reader of committed transactions sees, in order. */
  get committedRecords(): Records[] {
    return this.log.flatMap((entry) =>
      entry.transactional !== true || this.committed.get(entry) === true ? entry.records : [],
    );
  }

  /** The followers have everything up to `offset`. */
  replicate(offset: number): void {
    const before = this.watermark;
    this.watermark = Math.max(before, Math.min(offset, this.logEnd));
    for (const [node, state] of this.states) {
      if (node === this.leader) continue;
      for (const entry of this.log) {
        const isNew = entry.baseOffset >= before && entry.baseOffset < this.watermark;
        if (isNew) remember(state, entry, REMEMBERED_BATCHES);
      }
    }
  }

  /** Another replica leads: it has what was replicated, and nothing else. */
  moveTo(node: number): void {
    this.leaderEpoch += 1;
    if (node === this.leader) return;
    this.truncate(this.watermark);
    this.leader = node;
  }

  truncate(offset: number): void {
    if (offset >= this.logEnd) return;
    this.log = this.log.filter(({ baseOffset }) => baseOffset < offset);
    this.logEnd = offset;
    this.watermark = Math.min(this.watermark, offset);
    for (const node of this.states.keys()) this.rebuild(node, REMEMBERED_BATCHES);
  }

  /** The broker was restarted: of each producer it remembers the last batch. */
  rebuild(node: number, batches: number): void {
    const state = new Map<bigint, ProducerEntry>();
    const known = this.stateOf(node);
    for (const entry of this.log) {
      if (entry.baseOffset < this.watermark || node === this.leader) {
        if (known.has(entry.producerId)) remember(state, entry, batches);
      }
    }
    this.states.set(node, state);
  }

  forgetProducers(): void {
    for (const node of this.states.keys()) this.states.set(node, new Map());
  }
}

function remember(state: Map<bigint, ProducerEntry>, entry: LogEntry, keep: number): void {
  const lastSequence = (entry.baseSequence + entry.records.count - 1) % SEQUENCES;
  const known = state.get(entry.producerId);
  const before = known?.epoch === entry.producerEpoch ? known.batches : [];
  const batches = [...before, entry].slice(-keep);
  state.set(entry.producerId, { epoch: entry.producerEpoch, lastSequence, batches });
}

/** One partition of a Produce request. */
export interface ProduceCall {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly records: Records;
  readonly transactionalId?: string | undefined;
}

export interface Appended {
  readonly answer: PartitionProduced;
  /** The watermark it waits for; undefined when it need not. */
  readonly required: number | undefined;
}

interface SimulatedTopic {
  topicId: string;
  readonly partitions: SimulatedPartition[];
  /** What Metadata says instead, if anything. */
  error: KafkaErrorName | undefined;
  logAppendTime: boolean;
}

export class SimulatedCluster {
  clusterId = 'simulated';
  readonly up = new Map<number, boolean>();
  readonly topics = new Map<string, SimulatedTopic>();
  nextProducerId = 1000n;
  /** API 61 is there: from Kafka 2.8. */
  describeProducers = true;
  readonly coordinator = new SimulatedCoordinator();
  /** Leaders are named in answers of NOT_LEADER_OR_FOLLOWER (KIP-951). */
  leaderHints = false;
  #nextTopic = 1;

  constructor(nodes: number) {
    for (let node = 0; node < nodes; node++) this.up.set(node, true);
    this.coordinator.onMarker = (marker) => {
      this.topics.get(marker.topic)?.partitions[marker.partition]?.mark(marker);
    };
  }

  createTopic(topic: string, partitions: number): SimulatedTopic {
    const nodes = [...this.up.keys()];
    const created: SimulatedTopic = {
      topicId: `id-${String(this.#nextTopic++)}`,
      partitions: Array.from({ length: partitions }, (_, i) => {
        return new SimulatedPartition(nodes[i % nodes.length] ?? 0, nodes);
      }),
      error: undefined,
      logAppendTime: false,
    };
    this.topics.set(topic, created);
    return created;
  }

  partition(topic: string, partition: number): SimulatedPartition {
    const found = this.topics.get(topic)?.partitions[partition];
    if (found === undefined) throw new Error(`no ${topic}-${String(partition)}`);
    return found;
  }

  /** What every broker says it can do. */
  get features(): BrokerFeatures {
    const { transactionVersion, raisesEpoch } = this.coordinator;
    const transactions = { transactionVersion, featuresEpoch: 1n, raisesEpoch };
    return { describeProducers: this.describeProducers, transactions };
  }

  brokers() {
    return [...this.up.keys()].map((nodeId) => ({
      nodeId,
      host: `b${String(nodeId)}`,
      port: 9092,
    }));
  }

  /** Some brokers tell what was true the last time. */
  stale: () => boolean = () => false;
  readonly #told = new Map<string, TopicMetadata>();

  describeTopic(topic: string): TopicMetadata {
    const before = this.#told.get(topic);
    if (before !== undefined && this.stale()) return before;
    const now = this.#describe(topic);
    this.#told.set(topic, now);
    return now;
  }

  #describe(topic: string): TopicMetadata {
    const found = this.topics.get(topic);
    const error = found === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : found.error;
    if (found === undefined || error !== undefined) {
      const { code: errorCode } = errors[error ?? 'NONE'];
      return { errorCode, topic, topicId: '', partitions: [] };
    }
    const partitions = found.partitions.map(({ leader, leaderEpoch }, partition) => {
      const led = this.up.get(leader) === true;
      const { code: errorCode } = led ? errors.NONE : errors.LEADER_NOT_AVAILABLE;
      return { errorCode, partition, leaderId: led ? leader : -1, leaderEpoch };
    });
    return { errorCode: 0, topic, topicId: found.topicId, partitions };
  }

  /** Kafka's order: leadership, then refusals of content (`refusal`), then duplicates, then sequences. */
  produce(
    node: number,
    call: ProduceCall,
    nowMs: number,
    refusal: KafkaErrorName | undefined,
  ): Appended {
    const found = this.topics.get(call.topic);
    const partition = found?.partitions[call.partition];
    if (found === undefined || partition === undefined)
      return refuse(call, 'UNKNOWN_TOPIC_OR_PARTITION');
    if (call.topicId !== '' && call.topicId !== found.topicId)
      return refuse(call, 'UNKNOWN_TOPIC_ID');
    if (partition.leader !== node) return this.#notLeader(call, partition);
    if (refusal !== undefined) return refuse(call, refusal);
    if (call.producerId >= 0n) {
      const checked = check(partition, node, call);
      if (typeof checked === 'string') return refuse(call, checked);
      if (checked !== undefined) {
        const end = checked.baseOffset + call.records.count;
        return accept(call, checked.baseOffset, checked.appendedMs, end);
      }
    }
    const { producerId, producerEpoch, baseSequence, records, transactionalId } = call;
    const transactional = transactionalId !== undefined;
    if (transactional) {
      const identity = { transactionalId, producerId, producerEpoch };
      const error = this.coordinator.admit(identity, call);
      if (error !== 'NONE') return refuse(call, error);
    }
    const baseOffset = partition.logEnd;
    partition.append({
      baseOffset,
      producerId,
      producerEpoch,
      baseSequence,
      records,
      appendedMs: nowMs,
      transactional,
    });
    return accept(call, baseOffset, found.logAppendTime ? nowMs : -1, partition.logEnd);
  }

  #notLeader(call: ProduceCall, { leader, leaderEpoch }: SimulatedPartition): Appended {
    const { answer } = refuse(call, 'NOT_LEADER_OR_FOLLOWER');
    if (!this.leaderHints) return { answer, required: undefined };
    return {
      answer: { ...answer, currentLeader: { leaderId: leader, leaderEpoch } },
      required: undefined,
    };
  }

  /** The error of a question for the leader that carries the epoch it is thought to have. */
  leaderError(node: number, topic: string, partition: number, epoch: number): KafkaErrorName {
    const found = this.topics.get(topic)?.partitions[partition];
    if (found === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION';
    if (found.leader !== node) return 'NOT_LEADER_OR_FOLLOWER';
    if (epoch < found.leaderEpoch) return 'FENCED_LEADER_EPOCH';
    return epoch > found.leaderEpoch ? 'UNKNOWN_LEADER_EPOCH' : 'NONE';
  }
}

/** What the producer state says of a batch: its first append, an error, or nothing against it. */
function check(
  partition: SimulatedPartition,
  node: number,
  { producerId, producerEpoch, baseSequence, records }: ProduceCall,
): LogEntry | KafkaErrorName | undefined {
  const known = partition.stateOf(node).get(producerId);
  if (known === undefined) return undefined;
  if (producerEpoch < known.epoch) return 'INVALID_PRODUCER_EPOCH';
  if (producerEpoch > known.epoch) {
    return baseSequence === 0 ? undefined : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  }
  const first = known.batches.find(
    (one) => one.baseSequence === baseSequence && one.records.count === records.count,
  );
  if (first !== undefined) return first;
  const follows = (known.lastSequence + 1) % SEQUENCES === baseSequence;
  return follows ? undefined : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
}

function accept(call: ProduceCall, offset: number, logAppendTimeMs: number, end: number): Appended {
  const { topic, partition } = call;
  const said = { errorMessage: undefined, recordFaults: [], currentLeader: undefined };
  const baseOffset = BigInt(offset);
  return {
    answer: { topic, partition, errorCode: 0, baseOffset, logAppendTimeMs, ...said },
    required: end,
  };
}

/** An answer that says no. */
export function refuse(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  error: KafkaErrorName,
): Appended {
  const answer: PartitionProduced = {
    topic,
    partition,
    errorCode: errors[error].code,
    baseOffset: -1n,
    logAppendTimeMs: -1,
    errorMessage: undefined,
    recordFaults: [],
    currentLeader: undefined,
  };
  return { answer, required: undefined };
}
