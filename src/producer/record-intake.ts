/**
 * From `send` to a record in an open batch: interceptors, checks, serializers, partitioner, and the wait for topic and memory.
 * Source: org.apache.kafka.clients.producer.KafkaProducer.doSend.
 */
import { isPromise } from 'node:util/types';
import type { LibraryConfig } from '../../config/library-keys.ts';
import type { KafkaConfig } from '../../config/schema.ts';
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { PartitionInfo, TopicView } from '../send/topic-view.ts';
import type { Clock } from '../shared/clock.ts';
import { CallDelivery } from './call-delivery.ts';
import { CallTaker } from './call-taker.ts';
import type { KafkaError } from './errors.ts';
import type { Hearer } from './hearer.ts';
import { HeardDelivery } from './heard-delivery.ts';
import {
  abandonedError,
  asKafkaError,
  closedError,
  exhaustedError,
  lateError,
  slowError,
  unansweredError,
} from './intake-errors.ts';
import { ProducerInterceptors, type InterceptorFault } from './interceptors.ts';
import { KnownPartitions } from './known-partitions.ts';
import { createPartitioner, type ChoosePartition } from './partitioners.ts';
import { partitionsFor } from './partitions-for.ts';
import { keepHeaders, PreparedRecord, type RecordDoor } from './prepared-record.ts';
import type { ProducerOwnSettings } from './producer-config.ts';
import { createQuickIntake, type QuickEngine, type QuickIntake } from './quick-intake.ts';
import {
  checkRecord,
  headersOf,
  ownRecord,
  placeIn,
  topicChecker,
  type Headers,
  type ProducerRecord,
} from './record.ts';
import { RecordDelivery, type DeliveryWatch } from './record-delivery.ts';
import { checkSize } from './record-size.ts';
import { serialize, serializers, type Serialized, type Serializer } from './serializers.ts';
import { Serializing } from './serializing.ts';
import { refusalOf } from './topic-refusal.ts';
import { UnheardDelivery } from './unheard-delivery.ts';
import { WaitingLine, type Attempt, type WaitEnd } from './waiting-line.ts';

/** What the intake needs of the engine. */
export interface IntakeEngine extends QuickEngine {
  /** What is known of a topic; asks for it when that is not enough. */
  topic(name: string): TopicView | undefined;
}

/** Whether records may go on. */
export interface TransactionGate {
  /** Why no record is taken now. */
  refusal(): KafkaError | undefined;
  /** Why what was taken before does not go on. */
  obstacle(): KafkaError | undefined;
}

export interface RecordIntakeOptions<K, V> {
  readonly kafka: Pick<KafkaConfig, 'maxRequestSize' | 'bufferMemory'> & LibraryConfig;
  readonly settings: ProducerOwnSettings<K, V>;
  readonly clock: Clock;
  /** Undefined until it has started. */
  readonly engine: () => IntakeEngine | undefined;
  /** Why nothing can be sent any more. */
  readonly fatal: () => KafkaError | undefined;
  /** Why no broker can be reached, as long as none can. */
  readonly unreachable: () => string | undefined;
  /** Undefined without transactions. */
  readonly transactions: TransactionGate | undefined;
  readonly onFailed: (error: KafkaError) => void;
  readonly onInterceptorFault: (fault: InterceptorFault) => void;
}

export interface IntakeCounts {
  readonly recordsSent: number;
  readonly recordsAcked: number;
  readonly recordsFailed: number;
  readonly recordsWaiting: number;
}

export class RecordIntake<K, V> {
  readonly #options: RecordIntakeOptions<K, V>;
  readonly #keySerializer: Serializer<K>;
  readonly #valueSerializer: Serializer<V>;
  readonly #choose: ChoosePartition<K, V>;
  readonly #interceptors: ProducerInterceptors<K, V>;
  /** Undefined where the application has a say in each record. */
  readonly #quick: QuickIntake<K, V> | undefined;
  readonly #door: RecordDoor<K, V>;
  readonly #watch: DeliveryWatch;
  readonly #unheard: UnheardDelivery;
  readonly #heard: HeardDelivery;
  readonly #maxBlockRecords: number;
  readonly #serializing: Serializing;
  readonly #calls: CallTaker;
  readonly #line: WaitingLine;
  /** Who asks for partitions: no record. */
  readonly #questions: WaitingLine;
  readonly #checkTopic = topicChecker();
  #isClosed = false;
  #isAbandoned = false;
  #sent = 0;
  #acked = 0;
  #failed = 0;

  constructor(options: RecordIntakeOptions<K, V>) {
    this.#options = options;
    const { settings, kafka, clock, engine, fatal, transactions } = options;
    // Where none is given, K and V are text or bytes.
    const textOrBytes = serializers.textOrBytes as Serializer<unknown>;
    this.#keySerializer = settings['key.serializer'] ?? textOrBytes;
    this.#valueSerializer = settings['value.serializer'] ?? textOrBytes;
    this.#choose = createPartitioner({
      partitioner: settings['partitioner.class'],
      ignoreKeys: kafka.partitionerIgnoreKeys,
    });
    this.#interceptors = new ProducerInterceptors(
      settings['interceptor.classes'] ?? [],
      options.onInterceptorFault,
    );
    const isOwn = settings['partitioner.class'] !== undefined || !this.#interceptors.isEmpty;
    this.#quick = isOwn
      ? undefined
      : createQuickIntake({
          ...{ keySerializer: this.#keySerializer, valueSerializer: this.#valueSerializer },
          ...{ choose: this.#choose, limits: kafka, engine },
          obstacle: () => transactions?.obstacle() ?? fatal(),
        });
    this.#maxBlockRecords = kafka.maxBlockRecords;
    this.#serializing = new Serializing({
      waitMsMax: kafka.maxBlockMs,
      after: clock.after,
      late: (topic) => slowError(topic, kafka.maxBlockMs),
    });
    const waits = { waitMsMax: kafka.maxBlockMs, nowMs: clock.nowMs, after: clock.after };
    this.#line = new WaitingLine(waits);
    this.#questions = new WaitingLine(waits);
    this.#calls = new CallTaker({
      isFull: () => this.#waitingCount() >= this.#maxBlockRecords,
      passed: () => this.#waitersPassed(),
    });
    // Once, and not for each record.
    this.#door = {
      attempt: (prepared) => this.#attempt(prepared),
      expire: ({ topic, partition, delivery }, reason) => {
        delivery.fail(this.#late(topic, partition, reason), partition);
      },
    };
    this.#watch = {
      wantsMetadata: !this.#interceptors.isEmpty,
      counted: (records) => {
        this.#acked += records;
      },
      acked: (metadata, headers) => {
        this.#interceptors.onAcknowledgement(metadata, null, headers);
      },
      failed: (metadata, error, headers) => {
        this.#failed += 1;
        this.#interceptors.onAcknowledgement(metadata, error, headers);
        options.onFailed(error);
      },
    };
    this.#unheard = new UnheardDelivery(this.#watch);
    this.#heard = new HeardDelivery(this.#watch);
  }

  get counts(): IntakeCounts {
    return {
      recordsSent: this.#sent,
      recordsAcked: this.#acked,
      recordsFailed: this.#failed,
      recordsWaiting: this.#waitingCount(),
    };
  }

  /** Never throws. @param hearer told once, at the record's end; null: nobody waits for it */
  take(given: ProducerRecord<K, V>, hearer: Hearer | null): void {
    this.#take(given, hearer, this.#refusal(), this.#options.clock.wallMs());
  }

  #refusal(): KafkaError | undefined {
    return this.#isClosed ? closedError() : this.#options.transactions?.refusal();
  }

  /** @param nowMs the time of a record that names none */
  #take(
    given: ProducerRecord<K, V>,
    hearer: Hearer | null,
    refusal: KafkaError | undefined,
    nowMs: number,
  ): void {
    this.#sent += 1;
    const quick = refusal === undefined ? this.#quickNow() : undefined;
    if (quick !== undefined && hearer === null) {
      if (quick.take(given, nowMs, this.#unheard, 0)) return;
    } else if (quick !== undefined && hearer !== null) {
      const slot = this.#heard.begin(hearer);
      if (quick.take(given, nowMs, this.#heard, slot)) return;
      this.#heard.cancel(slot);
    }
    let record = given;
    let headers: Headers = [];
    let timestampMs = nowMs;
    try {
      if (!this.#interceptors.isEmpty) record = this.#interceptors.onSend(given);
      if (refusal !== undefined) throw refusal;
      checkRecord(record);
      timestampMs = record.timestamp ?? nowMs;
      this.#checkTopic(record.topic);
      if (this.#isAbandoned) throw abandonedError(record.topic);
      headers = headersOf(record);
      const { topic } = record;
      const key = serialize(this.#keySerializer, record.key, 'key', topic, headers);
      const value = serialize(this.#valueSerializer, record.value, 'value', topic, headers);
      const delivery = new RecordDelivery(topic, headers, timestampMs, this.#watch, hearer);
      if (isPromise(key) || isPromise(value) || this.#serializing.length > 0)
        this.#takeLater(record, key, value, delivery);
      else this.#enter(record, key, value, delivery);
    } catch (error) {
      const { topic, partition } = placeIn(record);
      const refused = new RecordDelivery(topic, headers, timestampMs, this.#watch, hearer);
      refused.fail(asKafkaError(error), partition);
    }
  }

  /**
   * Takes all, in their order. Their time, where they have none of their own, is that of the call. What is taken later, because too many
   * wait, is taken whatever has been called meanwhile.
   *
   * @returns when all have their end; rejected when `records` throws, or is no list
   */
  takeAll(records: Iterable<ProducerRecord<K, V>>): Promise<CallDelivery> {
    return new Promise((resolve, reject) => {
      const nowMs = this.#options.clock.wallMs();
      const foretold = Array.isArray(records) ? records.length : 0;
      const call = new CallDelivery(this.#watch, foretold, () => {
        resolve(call);
      });
      const refusal = this.#refusal();
      const takeOne = (record: ProducerRecord<K, V>): void => {
        const slot = call.begin();
        const quick = refusal === undefined ? this.#quickNow() : undefined;
        if (quick?.take(record, nowMs, call, slot) === true) this.#sent += 1;
        else this.#take(record, call.callback(slot), refusal, nowMs);
      };
      this.#calls.take(records, call, takeOne).catch(reject);
    });
  }

  /** The quick way, if nothing is before it. */
  #quickNow(): QuickIntake<K, V> | undefined {
    return this.#isAbandoned || this.#waitingCount() > 0 ? undefined : this.#quick;
  }

  /** No getter: V8 asks its runtime for a private one each time. */
  #waitingCount(): number {
    return this.#line.length + this.#serializing.length;
  }

  /** Its serializer takes its time, or one before it does. */
  #takeLater(
    given: ProducerRecord<K, V>,
    key: Serialized | Promise<Serialized>,
    value: Serialized | Promise<Serialized>,
    delivery: RecordDelivery,
  ): void {
    const record = ownRecord(given);
    keepHeaders(delivery.headers);
    const fail = (error: KafkaError): void => {
      delivery.fail(error, record.partition);
    };
    if (this.#waitingCount() >= this.#maxBlockRecords) {
      void Promise.allSettled([key, value]);
      fail(exhaustedError(record.topic, this.#maxBlockRecords));
      return;
    }
    const enter = (made: Serialized, madeValue: Serialized): void => {
      this.#enter(record, made, madeValue, delivery);
    };
    this.#serializing.take({ topic: record.topic, key, value }, enter, fail);
  }

  /** Topics or memory may have changed, or everything has come to an end. */
  changed(): void {
    this.#line.topicsChanged();
    this.#questions.topicsChanged();
  }

  /** Resolves when what was taken until now is in batches, or has failed. */
  async passed(): Promise<void> {
    await this.#calls.passed();
    await this.#waitersPassed();
  }

  async #waitersPassed(): Promise<void> {
    await this.#serializing.passed();
    await this.#line.passed();
  }

  /** Resolves when nothing waits for a topic or memory, and no more than half of what may wait for serializers. */
  async drained(): Promise<void> {
    while (this.#serializing.length > this.#maxBlockRecords / 2) await this.#serializing.passed();
    await this.#line.drained();
  }

  /** What is still to come is refused. */
  close(): void {
    this.#isClosed = true;
  }

  /** What waits fails now. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#serializing.abandon(abandonedError);
    this.changed();
  }

  async closeInterceptors(): Promise<void> {
    await this.#interceptors.close();
  }

  /** @throws {KafkaError} */
  async partitionsFor(topic: string): Promise<PartitionInfo[]> {
    if (this.#isClosed) throw closedError();
    return await partitionsFor(this.#questions, {
      topic,
      end: () => this.#end(topic, unansweredError),
      known: () => this.#options.engine()?.topic(topic),
      late: (reason) => this.#late(topic, undefined, reason),
    });
  }

  #enter(
    record: ProducerRecord<K, V>,
    key: Serialized,
    value: Serialized,
    delivery: RecordDelivery,
  ): void {
    const { topic, headers } = delivery;
    let bytesMax: number;
    try {
      bytesMax = checkSize(topic, key, value, headers, this.#options.kafka);
    } catch (error) {
      delivery.fail(asKafkaError(error), record.partition);
      return;
    }
    const prepared = new PreparedRecord(this.#door, record, key, value, bytesMax, delivery);
    this.#line.enter(prepared, this.#maxBlockRecords);
  }

  #attempt(prepared: PreparedRecord<K, V>): Attempt {
    const { record, topic, key, value, delivery } = prepared;
    const end = this.#end(topic) ?? this.#options.transactions?.obstacle();
    const engine = this.#options.engine();
    if (end !== undefined) {
      delivery.fail(end, record.partition);
      return 'done';
    }
    const known = engine?.topic(topic);
    const refusal = refusalOf(topic, known, prepared);
    if (refusal !== undefined) {
      delivery.fail(refusal, record.partition);
      return 'done';
    }
    if (engine === undefined || known === undefined || known.partitionCount === 0) return 'noTopic';
    let partition = prepared.partition ?? UNASSIGNED_PARTITION;
    try {
      if (prepared.lane === undefined) {
        partition = this.#choose(record, key, value, new KnownPartitions(known));
      }
    } catch (error) {
      delivery.fail(asKafkaError(error), record.partition);
      return 'done';
    }
    prepared.partition = partition === UNASSIGNED_PARTITION ? undefined : partition;
    // Partitions can be added: one that is not there is waited for.
    if (partition >= known.partitionCount) return 'noPartition';
    const behind = this.#line.whyBehind(prepared);
    return behind ?? (engine.append(prepared, delivery, 0) ? 'done' : 'noRoom');
  }

  #end(topic: string, abandoned = abandonedError): KafkaError | undefined {
    return this.#options.fatal() ?? (this.#isAbandoned ? abandoned(topic) : undefined);
  }

  #late(topic: string, partition: number | undefined, reason: WaitEnd): KafkaError {
    if (reason === 'lineFull') return exhaustedError(topic, this.#maxBlockRecords);
    const { engine, unreachable, kafka } = this.#options;
    const { problem, partitionCount } = engine()?.topic(topic) ?? {};
    const about = { unreachable: unreachable(), maxBlockMs: kafka.maxBlockMs };
    return lateError(topic, partition, reason, { problem, partitionCount, ...about });
  }
}
