/**
 * The producer of the library, shaped like Apache Kafka's KafkaProducer: `send` takes a record, and tells what became of it.
 * Source: org.apache.kafka.clients.producer.KafkaProducer.
 *
 *     const producer = new Producer({ 'bootstrap.servers': 'localhost:9092' });
 *     const { partition, offset } = await producer.send({ topic: 'logs', value: 'hello' });
 *     await producer.close();
 */
import type { Writable } from 'node:stream';
import { readProducerConfig, type EngineConfig } from '../config/producer-config.ts';
import { ProducerEngine } from './producer-engine.ts';
import { awaitClientInstanceId } from './producer/client-instance-id.ts';
import { DeliveryPromise } from './producer/hearer.ts';
import { RecordIntake } from './producer/record-intake.ts';
import { IllegalArgumentError, IllegalStateError, KafkaError } from './producer/errors.ts';
import { kafkaError } from './producer/outcome-error.ts';
import {
  EventListeners,
  noticeTelemetry,
  type EventListener,
  type ProducerEvents,
  type ProducerNotice,
} from './producer/producer-events.ts';
import { apart, type ProducerConfig } from './producer/producer-config.ts';
import {
  kindOf,
  type DeliveryCallback,
  type ProducerRecord,
  type RecordMetadata,
} from './producer/record.ts';
import type { RecordMetadataList } from './producer/record-metadata-list.ts';
import { recordWritable, type WritableOptions } from './producer/record-writable.ts';
import { sendFrom, type RecordStream } from './producer/send-from.ts';
import type {
  ConsumerGroupMetadata,
  TopicPartitionOffset,
} from './producer/transaction-offsets.ts';
import { Transactions } from './producer/transactions.ts';
import type { PartitionInfo } from './send/topic-view.ts';
import { aborted } from './shared/aborted.ts';
import { machineClock } from './shared/clock.ts';
import type { ProducerMetricName } from './shared/producer-metrics.ts';
import type { LineFields } from './shared/telemetry.ts';

/** Longer than a timer can be is for ever. */
const TIMER_MS_MAX = 2 ** 31;

/** Figures of a producer, as they are now; docs/PRODUCER.md says what each is. Counts begin with it. */
export type ProducerMetrics = Readonly<Record<ProducerMetricName, number>>;

/** Records into Kafka, as many as there is memory for at once. One is enough for a process. */
export class Producer<K = string | Uint8Array, V = string | Uint8Array> implements AsyncDisposable {
  readonly #events = new EventListeners();
  readonly #intake: RecordIntake<K, V>;
  readonly #transactions: Transactions | undefined;
  readonly #starting: Promise<ProducerEngine | undefined>;
  readonly #pushesMetrics: boolean;
  #engine: ProducerEngine | undefined;
  #fatal: KafkaError | undefined;
  /** Why no broker can be reached, as long as none can. */
  #unreachable: string | undefined;
  #closing: Promise<void> | undefined;
  /** Time to close is up. */
  readonly #giveUp = new AbortController();
  #giveUpAtMs = Infinity;
  #giveUpTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** Begins to connect. Brokers that cannot be reached are waited for: the event `notice` says so. @throws {ConfigError} with every fault */
  constructor(config: ProducerConfig<K, V>) {
    const { own, shared, faults } = apart<K, V>(config);
    const engineConfig = readProducerConfig(shared, faults);
    const { transactionalId, maxBlockMs, enableMetricsPush } = engineConfig.kafka;
    this.#pushesMetrics = enableMetricsPush;
    this.#transactions =
      transactionalId === undefined ? undefined : this.#createTransactions(maxBlockMs);
    this.#intake = new RecordIntake<K, V>({
      transactions: this.#transactions,
      kafka: engineConfig.kafka,
      settings: own,
      clock: machineClock,
      engine: () => this.#engine,
      fatal: () => this.#fatal,
      unreachable: () => this.#unreachable,
      onFailed: (error) => {
        this.#transactions?.recordFailed(error);
        this.#events.tell('recordFailed', error);
      },
      onInterceptorFault: (fault) => this.#events.tell('interceptorFailed', fault),
    });
    this.#starting = this.#start(engineConfig);
  }

  /** Calls `listener` at each event of the name, until `off`. */
  on<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): this {
    this.#events.add(name, listener);
    return this;
  }

  off<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): this {
    this.#events.remove(name, listener);
    return this;
  }

  /**
   * Sends one record. The promise is kept when Kafka has it, as far as `acks` asks; a rejection that nobody handles is the event
   * `recordFailed`, and never ends the process. Those of one partition are settled in the order of `send`.
   *
   * @throws {KafkaError} as a rejection; `fate` says what became of the record
   */
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata>;
  /** The same without a promise: a function, or null for fire and forget. */
  send(record: ProducerRecord<K, V>, callback: DeliveryCallback | null): void;
  send(
    record: ProducerRecord<K, V>,
    callback?: DeliveryCallback | null,
  ): Promise<RecordMetadata> | void {
    if (callback !== undefined) {
      if (callback !== null && typeof callback !== 'function') {
        throw new IllegalArgumentError(
          `send: the callback is a function or null, not ${kindOf(callback)}`,
        );
      }
      this.#intake.take(record, callback);
      return;
    }
    const sent = new DeliveryPromise();
    this.#intake.take(record, sent);
    return sent.promise;
  }

  /**
   * Sends all, in their order; those without a timestamp get that of the call. Of more than `max.block.records` that have to wait the rest is read
   * later: until the promise is settled the list is the producer's. It is kept with the places of all, in their order, when all are acknowledged,
   * and rejected with the first failure when all have their end; at once when the list throws, which is the event `callFailed`.
   */
  sendAll(records: Iterable<ProducerRecord<K, V>>): Promise<RecordMetadataList> {
    // One promise for all of them: a promise for each would cost more than the record does.
    const sent = this.#events.heard(this.#intake.takeAll(records)).then((call) => {
      if (call.failure !== undefined) throw call.failure;
      return call.places;
    });
    sent.catch(ignore);
    return sent;
  }

  /**
   * Sends what a stream or generator yields, and reads no faster than there is memory. Resolves with the number of records when all are acknowledged.
   *
   * @throws {KafkaError} the first failure, after which nothing more is read; or what the stream throws, which is the event `callFailed`
   */
  sendFrom(records: RecordStream<K, V>): Promise<number> {
    const sent = this.#events.heard(sendFrom<K, V>(this, records)).then(({ count, failure }) => {
      if (failure !== undefined) throw failure;
      return count;
    });
    sent.catch(ignore);
    return sent;
  }

  /**
   * An object stream that sends what is written to it, for `pipeline`. It takes no more while memory is full, is destroyed by the first record
   * that fails, and finishes when all are acknowledged. The producer stays open.
   */
  writable(options: WritableOptions = {}): Writable {
    return recordWritable<K, V>(this, options);
  }

  /** Resolves when no record waits for memory or its topic: what a loop that sends awaits. */
  drain(): Promise<void> {
    return this.#intake.drained();
  }

  /** Resolves when every record sent before has its end, good or bad; linger.ms is not waited for. */
  async flush(): Promise<void> {
    await this.#starting;
    await this.#intake.passed();
    await this.#engine?.flush();
  }

  /**
   * Before the first transaction, once: shuts out the producer that had the transactional.id before, and aborts what that left open. A
   * TimeoutError after max.block.ms says to call it again.
   *
   * @throws {KafkaError} as a rejection; its `next` says what to do
   */
  initTransactions(): Promise<void> {
    return this.#call('initTransactions', (transactions) => transactions.init());
  }

  /** From here to its end all records belong to one transaction. @throws {KafkaError} */
  beginTransaction(): void {
    this.#transactional('beginTransaction').begin();
  }

  /**
   * Commits the consumer's offsets with the open transaction: they count if it does. Of the next record to consume, for each partition. The
   * consumer itself must not commit them.
   *
   * @param group its id, or better all of its metadata, so that a member that was put out of the group cannot commit
   * @throws {KafkaError} as a rejection; its `next` says what to do
   */
  sendOffsetsToTransaction(
    offsets: Iterable<TopicPartitionOffset>,
    group: string | ConsumerGroupMetadata,
  ): Promise<void> {
    return this.#call('sendOffsetsToTransaction', (transactions) =>
      transactions.sendOffsets(offsets, group),
    );
  }

  /**
   * Sends what is left, and commits the transaction if every record of it is written. A TimeoutError after max.block.ms says to call it again:
   * until it has ended nobody knows how.
   *
   * @throws {KafkaError} as a rejection: the error of the first record that failed, too; its `next` says what to do
   */
  commitTransaction(): Promise<void> {
    return this.#call('commitTransaction', (transactions) => transactions.commit());
  }

  /**
   * Ends the transaction so that no reader of committed records sees any of it. Records that were not written yet fail with a
   * TransactionAbortedError.
   *
   * @throws {KafkaError} as a rejection; its `next` says what to do
   */
  abortTransaction(): Promise<void> {
    return this.#call('abortTransaction', (transactions) => transactions.abort());
  }

  /** The partitions of a topic, by number. Waits for at most max.block.ms until it is known. @throws {KafkaError} as a rejection */
  partitionsFor(topic: string): Promise<PartitionInfo[]> {
    return this.#events.heard(this.#intake.partitionsFor(topic));
  }

  /**
   * What the cluster calls this producer in the metrics that it pushes (KIP-714), as Kafka writes UUIDs. Waits until a broker has said so.
   *
   * @throws {KafkaError} as a rejection: a TimeoutError after `timeoutMs`, as where no broker takes metrics; IllegalStateError without enable.metrics.push
   */
  clientInstanceId(timeoutMs: number): Promise<string> {
    const id = awaitClientInstanceId(this.#starting, this.#pushesMetrics, timeoutMs);
    return this.#events.heard(id);
  }

  metrics(): ProducerMetrics {
    const stats = this.#engine?.stats;
    return {
      ...this.#intake.counts,
      batchesSent: stats?.batchesSent ?? 0,
      requestsSent: stats?.requestsSent ?? 0,
      requestsInFlight: stats?.requestsInFlight ?? 0,
      connectionsOpen: stats?.connectionsOpen ?? 0,
      networkBytesSent: stats?.bytesSent ?? 0,
      networkBytesReceived: stats?.bytesReceived ?? 0,
      produceThrottleTimeAvgMs: stats?.throttleAvgMs ?? 0,
      produceThrottleTimeMaxMs: stats?.throttleMaxMs ?? 0,
      bufferBytesTotal: stats?.bytesTotal ?? 0,
      bufferBytesFree: stats?.bytesFree ?? 0,
    };
  }

  /**
   * Takes no more records, sends what is there, and ends all threads and connections. An open transaction is aborted. Without it the process
   * does not end by itself.
   *
   * @param timeoutMs what is not delivered by then fails with fate `possiblyWritten` or `notSent`, and interceptors are waited for no longer; a second
   * call may shorten it. Default: no limit but delivery.timeout.ms
   * @throws {IllegalArgumentError} as a rejection, when it is less than 0 or no number
   */
  close(timeoutMs = Infinity): Promise<void> {
    // Callers without types give anything.
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
      const problem = `close: the timeout is a number from 0, in ms, not ${kindOf(timeoutMs)}`;
      return this.#events.heard(Promise.reject(new IllegalArgumentError(problem)));
    }
    this.#closing ??= this.#close().finally(() => {
      this.#isClosed = true;
      clearTimeout(this.#giveUpTimer);
    });
    this.#giveUpWithin(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #giveUpWithin(timeoutMs: number): void {
    const atMs = performance.now() + timeoutMs;
    if (this.#isClosed || timeoutMs >= TIMER_MS_MAX || atMs >= this.#giveUpAtMs) return;
    this.#giveUpAtMs = atMs;
    clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = setTimeout(() => this.#giveUp.abort(), timeoutMs);
  }

  async #close(): Promise<void> {
    this.#intake.close();
    if (this.#transactions?.close() === true && this.#fatal === undefined) {
      this.#notice('info', 'transactionAborted', 'closed in a transaction, which is aborted', {});
    }
    await this.#starting;
    const { signal } = this.#giveUp;
    await Promise.race([this.#intake.passed(), aborted(signal)]);
    this.#intake.abandon();
    await Promise.race([this.#transactions?.handedOver(), aborted(signal)]);
    await this.#engine?.close(signal);
    await Promise.race([this.#intake.closeInterceptors(), aborted(signal)]);
    this.#events.tell('closed');
  }

  #createTransactions(maxBlockMs: number): Transactions {
    return new Transactions({
      maxBlockMs,
      started: () => this.#starting,
      passed: () => this.#intake.passed(),
      changed: () => {
        this.#intake.changed();
      },
      fatal: () => this.#fatal,
    });
  }

  #call(name: string, run: (transactions: Transactions) => Promise<void>): Promise<void> {
    // Async, so that a call out of place is a rejection.
    const call = async (): Promise<void> => run(this.#transactional(name));
    return this.#events.heard(call());
  }

  #transactional(call: string): Transactions {
    if (this.#transactions !== undefined) return this.#transactions;
    throw new IllegalStateError(`${call} needs transactional.id: give the producer one`, {
      next: 'correctCall',
    });
  }

  async #start(config: EngineConfig): Promise<ProducerEngine | undefined> {
    const stop = (error: KafkaError): void => {
      this.#fatal ??= error;
      this.#events.tell('fatal', error);
      this.#intake.changed();
    };
    try {
      this.#engine = await ProducerEngine.create({
        config,
        telemetry: noticeTelemetry((...notice) => {
          this.#notice(...notice);
        }),
        onRoom: () => {
          this.#intake.changed();
        },
        onMetadata: () => {
          this.#intake.changed();
        },
        onFatal: (error, message) => {
          stop(kafkaError(error, message));
        },
        onFault: (error) => {
          stop(new KafkaError(error.message, { cause: error }));
        },
      });
    } catch (error) {
      stop(
        new KafkaError(error instanceof Error ? error.message : String(error), { cause: error }),
      );
    }
    for (const note of config.notes) this.#notice('info', 'configNote', note, {});
    this.#intake.changed();
    return this.#engine;
  }

  #notice(level: ProducerNotice['level'], code: string, message: string, fields: LineFields): void {
    if (code === 'brokersUnreachable') this.#unreachable = message;
    if (code === 'brokersReachable') this.#unreachable = undefined;
    this.#events.tell('notice', { level, code, message, fields });
  }
}

function ignore(): void {
  // Fire and forget; the event `recordFailed` tells of failures.
}
