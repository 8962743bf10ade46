/**
 * From `send` to a record in an open batch: interceptors, checks, serializers, partitioner, and the wait for topic and memory.
 * Source: org.apache.kafka.clients.producer.KafkaProducer.doSend.
 */
import { isPromise } from 'node:util/types';
import type { LibraryConfig } from '../../config/library-keys.ts';
import type { KafkaConfig } from '../../config/schema.ts';
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { TopicView } from '../send/network-client.ts';
import { later } from '../shared/later.ts';
import type { Delivery } from './delivery.ts';
import { BufferExhaustedError, IllegalStateError, KafkaError, TimeoutError } from './errors.ts';
import { InOrder } from './in-order.ts';
import { ProducerInterceptors, type InterceptorFault } from './interceptors.ts';
import type { PlacedRecord } from './open-batches.ts';
import { createPartitioner, type ChoosePartition } from './partitioners.ts';
import type { ProducerOwnSettings } from './producer-config.ts';
import {
  checkRecord,
  checkTopic,
  headersOf,
  kindOf,
  type Headers,
  type ProducerRecord,
} from './record.ts';
import { RecordDelivery, type DeliveryCallback } from './record-delivery.ts';
import { checkSize } from './record-size.ts';
import { serialize, serializers, type Serialized, type Serializer } from './serializers.ts';
import { refusalOf, type PermissionWait } from './topic-refusal.ts';
import { WaitingLine, type Attempt } from './waiting-line.ts';

/** What the intake needs of the engine. */
export interface IntakeEngine {
  /** What is known of a topic; asks for it when that is not enough. */
  topic(name: string): TopicView | undefined;
  append(record: PlacedRecord, delivery: Delivery): boolean;
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
  /** Undefined until it has started. */
  readonly engine: () => IntakeEngine | undefined;
  /** Why nothing can be sent any more. */
  readonly fatal: () => KafkaError | undefined;
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

/** A record with its bytes, on its way to a batch. */
interface Prepared<K, V> {
  readonly record: ProducerRecord<K, V>;
  readonly key: Serialized;
  readonly value: Serialized;
  readonly headers: Headers;
  readonly timestampMs: number;
  readonly bytesMax: number;
  readonly delivery: RecordDelivery;
  readonly permission: PermissionWait;
}

export class RecordIntake<K, V> {
  readonly #options: RecordIntakeOptions<K, V>;
  readonly #keySerializer: Serializer<K>;
  readonly #valueSerializer: Serializer<V>;
  readonly #choose: ChoosePartition<K, V>;
  readonly #interceptors: ProducerInterceptors<K, V>;
  readonly #maxBlockMs: number;
  readonly #maxBlockRecords: number;
  readonly #serializing = new InOrder();
  readonly #line: WaitingLine;
  /** Names that were checked. */
  readonly #topics = new Set<string>();
  #isClosed = false;
  #abandoned: KafkaError | undefined;
  #sent = 0;
  #acked = 0;
  #failed = 0;

  constructor(options: RecordIntakeOptions<K, V>) {
    this.#options = options;
    const { settings, kafka } = options;
    this.#keySerializer = serializerOf<K>(settings['key.serializer']);
    this.#valueSerializer = serializerOf<V>(settings['value.serializer']);
    this.#choose = createPartitioner({
      partitioner: settings['partitioner.class'],
      ignoreKeys: kafka.partitionerIgnoreKeys,
    });
    this.#interceptors = new ProducerInterceptors(
      settings['interceptor.classes'] ?? [],
      options.onInterceptorFault,
    );
    this.#maxBlockMs = kafka.maxBlockMs;
    this.#maxBlockRecords = kafka.maxBlockRecords;
    this.#line = new WaitingLine({
      nowMs: () => performance.now(),
      after: later,
    });
  }

  get counts(): IntakeCounts {
    return {
      recordsSent: this.#sent,
      recordsAcked: this.#acked,
      recordsFailed: this.#failed,
      recordsWaiting: this.#line.length,
    };
  }

  /** Never throws: `callback` is called once, at the record's end. */
  take(given: ProducerRecord<K, V>, callback: DeliveryCallback): void {
    this.#sent += 1;
    const record = this.#interceptors.isEmpty ? given : this.#interceptors.onSend(given);
    const timestampMs = (record as Partial<typeof record> | null)?.timestamp ?? Date.now();
    let headers: Headers = [];
    const fail = (error: unknown): void => {
      const { topic, partition } = record;
      this.#delivery({ topic, headers, timestampMs }, callback).fail(
        asKafkaError(error),
        partition,
      );
    };
    try {
      const refusal = this.#isClosed ? closedError() : this.#options.transactions?.refusal();
      if (refusal !== undefined) throw refusal;
      checkRecord(record);
      this.#checkTopic(record.topic);
      headers = headersOf(record);
      const { topic } = record;
      const key = serialize(this.#keySerializer, record.key, 'key', topic, headers);
      const value = serialize(this.#valueSerializer, record.value, 'value', topic, headers);
      const enter = (keyBytes: Serialized, valueBytes: Serialized): void => {
        this.#enter({ record, key: keyBytes, value: valueBytes, headers, timestampMs }, callback);
      };
      if (!isPromise(key) && !isPromise(value)) {
        this.#serializing.enter(undefined, () => {
          enter(key, value);
        });
        return;
      }
      this.#takeLater(Promise.all([key, value]), enter, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** A serializer takes its time: what is sent meanwhile stays behind it. */
  #takeLater(
    both: Promise<readonly [Serialized, Serialized]>,
    enter: (key: Serialized, value: Serialized) => void,
    fail: (error: unknown) => void,
  ): void {
    let begin: () => void;
    const ready = both.then(
      ([key, value]) => {
        begin = (): void => {
          enter(key, value);
        };
      },
      (error: unknown) => {
        begin = (): void => {
          fail(error);
        };
      },
    );
    this.#serializing.enter(ready, () => {
      begin();
    });
  }

  /** Topics or memory may have changed, or everything has come to an end. */
  changed(): void {
    this.#line.topicsChanged();
  }

  /** Resolves when what was taken until now is in batches, or has failed. */
  async passed(): Promise<void> {
    await this.#serializing.passed();
    await this.#line.drained();
  }

  /** Resolves when nothing waits. */
  drained(): Promise<void> {
    return this.#line.drained();
  }

  /** What is still to come is refused. */
  close(): void {
    this.#isClosed = true;
  }

  /** What waits fails now. */
  abandon(): void {
    this.#abandoned = new KafkaError('the producer was closed before the record could be sent', {
      fate: 'notSent',
    });
    this.changed();
  }

  async closeInterceptors(): Promise<void> {
    await this.#interceptors.close();
  }

  /** @throws {KafkaError} */
  async partitionsFor(topic: string): Promise<number> {
    this.#checkTopic(topic);
    const permission: PermissionWait = { answersBefore: undefined };
    return await new Promise<number>((resolve, reject) => {
      this.#line.enter({
        topic,
        deadlineMs: performance.now() + this.#maxBlockMs,
        attempt: () => {
          const end = this.#end();
          if (end !== undefined) {
            reject(end);
            return 'done';
          }
          const known = this.#options.engine()?.topic(topic);
          const refusal = refusalOf(topic, known, permission);
          if (refusal !== undefined) reject(refusal);
          else if (known === undefined || known.partitionCount === 0) return 'noTopic';
          else resolve(known.partitionCount);
          return 'done';
        },
        expire: () => {
          reject(this.#lateError(topic, undefined, 'noTopic'));
        },
      });
    });
  }

  #enter(
    serialized: Omit<Prepared<K, V>, 'delivery' | 'bytesMax' | 'permission'>,
    callback: DeliveryCallback,
  ): void {
    const { record, key, value, headers, timestampMs } = serialized;
    const { topic, partition } = record;
    const delivery = this.#delivery({ topic, headers, timestampMs }, callback);
    try {
      if (this.#line.length >= this.#maxBlockRecords) throw this.#exhausted(topic);
      const bytesMax = checkSize(topic, key, value, headers, this.#options.kafka);
      const permission: PermissionWait = { answersBefore: undefined };
      const prepared = { ...serialized, delivery, bytesMax, permission };
      this.#line.enter({
        topic,
        deadlineMs: performance.now() + this.#maxBlockMs,
        attempt: () => this.#attempt(prepared),
        expire: (reason) => {
          delivery.fail(this.#lateError(topic, partition, reason), partition);
        },
      });
    } catch (error) {
      delivery.fail(asKafkaError(error), partition);
    }
  }

  #attempt(prepared: Prepared<K, V>): Attempt {
    const { record, key, value, headers, timestampMs, bytesMax, delivery, permission } = prepared;
    const { topic } = record;
    const end = this.#end() ?? this.#options.transactions?.obstacle();
    const engine = this.#options.engine();
    if (end !== undefined) {
      delivery.fail(end, record.partition);
      return 'done';
    }
    const known = engine?.topic(topic);
    const refusal = refusalOf(topic, known, permission);
    if (refusal !== undefined) {
      delivery.fail(refusal, record.partition);
      return 'done';
    }
    if (engine === undefined || known === undefined || known.partitionCount === 0) return 'noTopic';
    let partition: number;
    try {
      partition = this.#choose(record, key, value, {
        count: known.partitionCount,
        get available() {
          return known.available();
        },
      });
    } catch (error) {
      delivery.fail(asKafkaError(error), record.partition);
      return 'done';
    }
    // Partitions can be added: one that is not there is waited for.
    if (partition >= known.partitionCount) return 'noTopic';
    const place = partition === UNASSIGNED_PARTITION ? undefined : partition;
    const placed = { topic, partition: place, key, value, headers, timestampMs, bytesMax };
    return engine.append(placed, delivery) ? 'done' : 'noRoom';
  }

  #end(): KafkaError | undefined {
    return this.#options.fatal() ?? this.#abandoned;
  }

  #checkTopic(topic: string): void {
    if (this.#topics.has(topic)) return;
    checkTopic(topic);
    this.#topics.add(topic);
  }

  #delivery(
    record: { readonly topic: string; readonly headers: Headers; readonly timestampMs: number },
    callback: DeliveryCallback,
  ): RecordDelivery {
    return new RecordDelivery(
      record,
      (metadata, error, headers) => {
        if (error === null) this.#acked += 1;
        else this.#failed += 1;
        this.#interceptors.onAcknowledgement(metadata, error, headers);
        if (error !== null) this.#options.onFailed(error);
      },
      callback,
    );
  }

  #exhausted(topic: string): BufferExhaustedError {
    return new BufferExhaustedError(
      `${topic}: ${this.#maxBlockRecords} records wait already: await drain() between sends, or raise max.block.records`,
      { topic, fate: 'notSent' },
    );
  }

  #lateError(
    topic: string,
    partition: number | undefined,
    reason: 'noTopic' | 'noRoom',
  ): KafkaError {
    const about = { topic, partition, fate: 'notSent' } as const;
    const waited = `within max.block.ms=${this.#maxBlockMs}`;
    if (reason === 'noRoom') {
      return new BufferExhaustedError(
        `${topic}: buffer.memory was full and had no room ${waited}: await drain() between sends, or raise it`,
        about,
      );
    }
    const problem = this.#options.engine()?.topic(topic)?.problem;
    const what =
      problem === 'missing'
        ? 'the topic does not exist'
        : partition === undefined
          ? 'no broker said anything of the topic'
          : `no broker said anything of partition ${partition}`;
    return new TimeoutError(`${topic}: ${what} ${waited}`, about);
  }
}

function closedError(): IllegalStateError {
  return new IllegalStateError('the producer is closed: make another one', { fate: 'notSent' });
}

function serializerOf<T>(given: ProducerOwnSettings<T, T>['key.serializer']): Serializer<T> {
  if (typeof given === 'function') return given;
  return serializers[given ?? 'textOrBytes'] as unknown as Serializer<T>;
}

function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const message = error instanceof Error ? error.message : kindOf(error);
  return new KafkaError(message, { cause: error, fate: 'notSent' });
}
