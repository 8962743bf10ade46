/** The brokers of the simulated world: what each request is answered, and when. */
import { errors, type KafkaErrorName } from '../../src/kafka/errors.ts';
import type { SenderEffect, SenderEvent } from '../../src/send/events.ts';
import { refusal } from './simulated-coordinator.ts';
import {
  refuse,
  type Appended,
  type ProduceCall,
  type SimulatedCluster,
} from './simulated-cluster.ts';
import type { Records } from './simulated-partition.ts';

export type RequestEffect = Extract<SenderEffect, { readonly request: number }>;

/** What goes wrong with a request. `zombie`: the client loses the connection, the broker works off what it has. */
export type RequestFault = 'cutBefore' | 'cutAfter' | 'zombie' | 'silent' | AnswerFault;

/** What is wrong with an answer. */
export interface AnswerFault {
  readonly throttleMs?: number;
  readonly delayMs?: number;
  readonly error?: KafkaErrorName;
  /** The answer to Produce leaves out its last partition. */
  readonly omits?: boolean;
}

export interface Faults {
  request?: (effect: RequestEffect) => RequestFault | undefined;
  /** Of content, before the duplicate check. */
  refusal?: (call: ProduceCall, node: number) => KafkaErrorName | undefined;
  /** Answered although it was appended. */
  afterAppend?: (call: ProduceCall) => KafkaErrorName | undefined;
  connect?: (node: number) => boolean;
  /** How long the bytes of the request take beyond the usual. */
  uploadMs?: (effect: RequestEffect) => number;
  /** Half of the frame is written, then the connection ends. */
  torn?: (effect: RequestEffect) => boolean;
}

/** A request as it was when it was sent: the core may give its batches another identity afterwards. */
export interface Framed {
  readonly effect: RequestEffect;
  readonly calls: readonly ProduceCall[];
}

/** @param wallMs the time of now, for what is stamped again */
export function frame(effect: RequestEffect, wallMs: number): Framed {
  if (effect.type !== 'sendProduce') return { effect, calls: [] };
  const calls = effect.entries.map(({ batch, topicId, freshTimestamp }) => {
    const { topic, partition, producerId, producerEpoch, baseSequence, batchBytes } = batch;
    const records = batch.payload as Records;
    const timestampMs = freshTimestamp ? wallMs : (records.timestampMs ?? batch.createdMs);
    const transactionalId = batch.transactional ? effect.transaction?.transactionalId : undefined;
    return {
      ...{ topic, topicId, partition, producerId, records, batchBytes, timestampMs },
      // int16 and int32 on the wire.
      producerEpoch: (producerEpoch << 16) >> 16,
      baseSequence: baseSequence | 0,
      transactionalId,
    };
  });
  return { effect, calls };
}

/** What the brokers need of the world they are in. */
interface World {
  readonly nowMs: number;
  readonly cluster: SimulatedCluster;
  readonly faults: Faults;
  readonly random: () => number;
  after(ms: number, run: () => void): void;
}

const REPLICATION_MS = 2;

export class SimulatedBrokers {
  readonly #world: World;
  #waiting: (() => boolean)[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Something changed that a Produce request may wait for. */
  changed(): void {
    const tried = this.#waiting.splice(0);
    for (const tryAnswer of tried) if (!tryAnswer()) this.#waiting.push(tryAnswer);
  }

  /** What the broker does with a request; `reply` comes when it would answer. */
  handle(
    node: number,
    { effect, calls }: Framed,
    options: AnswerFault,
    reply: (answer: SenderEvent | undefined) => void,
  ): void {
    const { request } = effect;
    const throttleMs = options.throttleMs ?? 0;
    const base = { request, throttleMs };
    const { cluster } = this.#world;
    switch (effect.type) {
      case 'sendProduce':
        this.#produce(node, effect, calls, options, reply);
        return;
      case 'sendMetadata': {
        const topics = effect.topics.map((topic) => cluster.describeTopic(topic, node));
        const errorCode = errors[options.error ?? 'NONE'].code;
        const { clusterId } = cluster;
        reply({
          type: 'metadataAnswered',
          ...base,
          errorCode,
          clusterId,
          brokers: cluster.brokers(),
          topics,
        });
        return;
      }
      case 'sendInitProducerId': {
        const errorCode = errors[options.error ?? 'NONE'].code;
        const producerId = cluster.nextProducerId++;
        const { firstEpoch: producerEpoch } = cluster;
        reply({ type: 'producerIdAnswered', ...base, errorCode, producerId, producerEpoch });
        return;
      }
      case 'sendDescribeProducers': {
        const partition = cluster.topics.get(effect.topic)?.partitions[effect.partition];
        const errorCode = errors[options.error ?? 'NONE'].code;
        // No leader check, as in Kafka: a follower tells what it has.
        const producers = [...(partition?.stateOf(node) ?? [])].map(([producerId, known]) => ({
          producerId,
          producerEpoch: known.epoch,
          lastSequence: known.lastSequence,
        }));
        reply({ type: 'producersDescribed', ...base, errorCode, producers });
        return;
      }
      case 'sendTransactionRequest': {
        const { content } = effect;
        const answer =
          options.error === undefined
            ? cluster.coordinator.answer(node, content)
            : refusal(content, options.error);
        // Markers move the watermark.
        this.changed();
        reply({ type: 'transactionAnswered', ...base, answer });
        return;
      }
      case 'sendListOffsets':
      case 'readHeaders':
        this.#readLog(node, effect, { ...base, error: options.error }, reply);
    }
  }

  #readLog(
    node: number,
    effect: Extract<RequestEffect, { readonly currentLeaderEpoch: number }>,
    { error, ...base }: { request: number; throttleMs: number; error: KafkaErrorName | undefined },
    reply: (answer: SenderEvent) => void,
  ): void {
    const { topic, partition: index, currentLeaderEpoch } = effect;
    const name = error ?? this.#world.cluster.leaderError(node, topic, index, currentLeaderEpoch);
    const errorCode = errors[name].code;
    const partition = this.#world.cluster.topics.get(topic)?.partitions[index];
    if (effect.type === 'sendListOffsets') {
      const end = effect.replicaId === -2 ? partition?.logEnd : partition?.watermark;
      reply({
        type: 'offsetListed',
        ...base,
        errorCode,
        offset: BigInt(errorCode === 0 ? (end ?? -1) : -1),
      });
      return;
    }
    const from = Number(effect.fromOffset);
    // A few batches at a time, so that reading on is tested.
    const readable = (partition?.log ?? [])
      .filter(({ baseOffset }) => baseOffset >= from && baseOffset < (partition?.watermark ?? 0))
      .slice(0, 3);
    const last = readable.at(-1);
    const nextOffset = last === undefined ? from : last.baseOffset + last.records.count;
    const headers = readable.map((entry) => ({
      baseOffset: BigInt(entry.baseOffset),
      lastOffsetDelta: entry.records.count - 1,
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      baseSequence: entry.baseSequence,
    }));
    reply({
      type: 'headersRead',
      ...base,
      errorCode,
      logStartOffset: 0n,
      nextOffset: BigInt(nextOffset),
      headers,
    });
  }

  #produce(
    node: number,
    effect: Extract<RequestEffect, { readonly type: 'sendProduce' }>,
    calls: readonly ProduceCall[],
    { throttleMs = 0, error, omits = false }: AnswerFault,
    reply: (answer: SenderEvent | undefined) => void,
  ): void {
    const appended: Appended[] = calls.map((call) => {
      if (error !== undefined) return refuse(call, error);
      return this.#world.cluster.produce(
        node,
        call,
        this.#world.nowMs,
        this.#world.faults.refusal?.(call, node),
      );
    });
    for (const [i, call] of calls.entries()) {
      if (appended[i]?.required !== undefined) this.#replicateSoon(call);
    }
    const deadlineMs = this.#world.nowMs + effect.timeoutMs;
    const tryAnswer = (): boolean => {
      const partitions = appended.map((one, i) =>
        this.#acked(node, calls[i], one, deadlineMs, effect.acks),
      );
      if (partitions.some((one) => one === undefined)) return false;
      const answers = partitions.filter((one) => one !== undefined);
      const { request } = effect;
      if (omits) answers.pop();
      if (effect.acks === 0) reply(undefined);
      else
        reply({
          type: 'produceAnswered',
          request,
          throttleMs,
          partitions: answers,
          nodeEndpoints: this.#world.cluster.leaderHints ? this.#world.cluster.brokers() : [],
        });
      return true;
    };
    if (tryAnswer()) return;
    this.#waiting.push(tryAnswer);
    this.#world.after(effect.timeoutMs, () => this.changed());
  }

  #replicateSoon({ topic, partition: index }: ProduceCall): void {
    const partition = this.#world.cluster.partition(topic, index);
    const end = partition.logEnd;
    this.#world.after(REPLICATION_MS * (0.5 + this.#world.random()), () => {
      if (partition.held) return;
      partition.replicate(end);
      this.changed();
    });
  }

  #acked(
    node: number,
    call: ProduceCall | undefined,
    one: Appended,
    deadlineMs: number,
    acks: number,
  ) {
    if (call === undefined) return one.answer;
    const after = this.#world.faults.afterAppend?.(call);
    if (one.required === undefined) return one.answer;
    if (after !== undefined) return refuse(call, after).answer;
    if (acks !== -1) return one.answer;
    const partition = this.#world.cluster.topics.get(call.topic)?.partitions[call.partition];
    if (partition?.leader !== node) return refuse(call, 'NOT_LEADER_OR_FOLLOWER').answer;
    if (partition.watermark >= one.required) return one.answer;
    return this.#world.nowMs >= deadlineMs ? refuse(call, 'REQUEST_TIMED_OUT').answer : undefined;
  }
}
