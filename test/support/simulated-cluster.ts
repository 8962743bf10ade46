/**
 * A Kafka cluster without bytes, threads or time of its own, for the sender core. Keeps the rules that matter to a producer: leaders and
 * their epochs, producer state of the last five batches per replica (one after a restart), refusals before the duplicate check, a
 * watermark that may stay behind the end of the log, DescribeProducers that any replica answers.
 */
import { errors, type KafkaErrorName } from '../../src/kafka/errors.ts';
import type { BrokerFeatures, PartitionProduced, TopicMetadata } from '../../src/send/events.ts';
import { SimulatedCoordinator } from './simulated-coordinator.ts';
import {
  SEQUENCES,
  SimulatedPartition,
  type LogEntry,
  type Records,
} from './simulated-partition.ts';

/** One partition of a Produce request. */
export interface ProduceCall {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly records: Records;
  readonly batchBytes: number;
  /** As the request carries it. */
  readonly timestampMs: number;
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
  /** broker.rack of each node that has one. */
  racks: readonly string[] = [];
  nextProducerId = 1000n;
  /** API 61 is there: from Kafka 2.8. */
  describeProducers = true;
  readonly coordinator = new SimulatedCoordinator();
  /** Leaders are named in answers of NOT_LEADER_OR_FOLLOWER (KIP-951). */
  leaderHints = false;
  /** KIP-219: brokers read nothing more while they throttle. */
  mutesThrottled = false;
  /** producer.id.expiration.ms */
  expirationMs = Infinity;
  /** What a broker without state for a producer id says to a sequence other than 0: nothing, in most versions of Kafka. */
  unknownProducer: KafkaErrorName | undefined;
  /** What it says to a sequence before those that it remembers: old ones said DUPLICATE_SEQUENCE_NUMBER. */
  forgottenDuplicate: KafkaErrorName = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  /** A duplicate is answered with DUPLICATE_SEQUENCE_NUMBER, as by some that speak Kafka's protocol. */
  duplicateIsError = false;
  /** The epoch that a new producer id is handed out with. */
  firstEpoch = 0;
  /** Logs of topics that were deleted. */
  readonly graves: SimulatedPartition[] = [];
  /** Sees what the brokers do with batches, when they do it. */
  observer: ((node: number, call: ProduceCall, appended: Appended) => void) | undefined;
  /** Brokers get other addresses by it: all of them are moved. */
  #address = 0;
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

  /** Deleted and created again under the same name. */
  recreateTopic(topic: string): void {
    const before = this.topics.get(topic);
    if (before === undefined) throw new Error(`no ${topic}`);
    this.graves.push(...before.partitions);
    this.createTopic(topic, before.partitions.length).logAppendTime = before.logAppendTime;
  }

  /** Every broker has a new address; nothing listens at the old ones. */
  readdress(): void {
    this.#address += 1;
  }

  hostOf(node: number): string {
    return this.#address === 0 ? `b${String(node)}` : `b${String(node)}-${String(this.#address)}`;
  }

  /** The check that every broker makes from time to time. */
  expireProducers(wallMs: number): void {
    for (const { partitions } of this.topics.values()) {
      for (const partition of partitions) {
        for (const node of this.up.keys()) partition.expire(node, wallMs, this.expirationMs);
      }
    }
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
      host: this.hostOf(nodeId),
      port: 9092,
      rack: this.racks[nodeId] ?? null,
    }));
  }

  /** Some brokers tell what was true a while ago, and what newer answers were already given for. */
  stale: () => boolean = () => false;
  /** Some brokers do not know of a topic, for a while. */
  missing: (topic: string, node: number) => boolean = () => false;
  readonly #told = new Map<string, TopicMetadata[]>();

  describeTopic(topic: string, node: number): TopicMetadata {
    if (this.missing(topic, node)) {
      const { code: errorCode } = errors.UNKNOWN_TOPIC_OR_PARTITION;
      return { errorCode, topic, topicId: '', partitions: [] };
    }
    const told = this.#told.get(topic) ?? [];
    const [before] = told;
    if (before !== undefined && this.stale()) return before;
    const now = this.#describe(topic);
    this.#told.set(topic, [...told, now].slice(-2));
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

  produce(
    node: number,
    call: ProduceCall,
    nowMs: number,
    refusal: KafkaErrorName | undefined,
  ): Appended {
    const appended = this.#produce(node, call, nowMs, refusal);
    this.observer?.(node, call, appended);
    return appended;
  }

  /** Kafka's order: leadership, then refusals of content (`refusal`), then duplicates, then sequences. */
  #produce(
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
    // -1 is for batches without idempotence.
    if (call.producerId >= 0n && call.baseSequence < 0) return refuse(call, 'INVALID_RECORD');
    if (call.producerId >= 0n) {
      const checked = check(this, partition, node, call);
      if (typeof checked === 'string') return refuse(call, checked);
      if (checked !== undefined) {
        const end = checked.baseOffset + call.records.count;
        if (this.duplicateIsError) {
          return { answer: refuse(call, 'DUPLICATE_SEQUENCE_NUMBER').answer, required: end };
        }
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
      timestampMs: found.logAppendTime ? nowMs : call.timestampMs,
      transactional,
    });
    return accept(call, baseOffset, found.logAppendTime ? nowMs : -1, partition.logEnd);
  }

  #notLeader(call: ProduceCall, { leader, leaderEpoch }: SimulatedPartition): Appended {
    const { answer } = refuse(call, 'NOT_LEADER_OR_FOLLOWER');
    if (!this.leaderHints || leader < 0) return { answer, required: undefined };
    return {
      answer: { ...answer, currentLeader: { leaderId: leader, leaderEpoch } },
      required: undefined,
    };
  }

  /**
   * Left out, because no client can help it: the late request of a dead connection whose records were written by another attempt, at a broker
   * that has forgotten the producer id since.
   */
  isPastHelp(node: number, { topic, partition: index, producerId, records }: ProduceCall): boolean {
    const partition = this.topics.get(topic)?.partitions[index];
    if (partition === undefined || partition.stateOf(node).has(producerId)) return false;
    const end = records.from + records.count;
    return partition.log.some(
      ({ records: { from, count } }) => from < end && records.from < from + count,
    );
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
  { unknownProducer, forgottenDuplicate }: SimulatedCluster,
  partition: SimulatedPartition,
  node: number,
  { producerId, producerEpoch, baseSequence, records }: ProduceCall,
): LogEntry | KafkaErrorName | undefined {
  const known = partition.stateOf(node).get(producerId);
  if (known === undefined) return baseSequence === 0 ? undefined : unknownProducer;
  if (producerEpoch < known.epoch) return 'INVALID_PRODUCER_EPOCH';
  if (producerEpoch > known.epoch) {
    return baseSequence === 0 ? undefined : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  }
  const first = known.batches.find(
    (one) => one.baseSequence === baseSequence && one.records.count === records.count,
  );
  if (first !== undefined) return first;
  if ((known.lastSequence + 1) % SEQUENCES === baseSequence) return undefined;
  const oldest = known.batches[0]?.baseSequence ?? 0;
  const behind = (oldest - baseSequence + SEQUENCES) % SEQUENCES;
  const isOld = behind >= records.count && behind < SEQUENCES / 2;
  return isOld ? forgottenDuplicate : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
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
