/**
 * Code of the user on the way of each record. What it throws is reported and changes nothing: the record goes on as it was before.
 * Source: org.apache.kafka.clients.producer.ProducerInterceptor, KIP-42, KIP-512 (headers at the acknowledgement).
 */
import { isPromise } from 'node:util/types';
import type { KafkaError } from './errors.ts';
import { kindOf, type Headers, type ProducerRecord, type RecordMetadata } from './record.ts';

/** All three are optional. They run on the main thread, for every record: what takes long here holds up everything. */
export interface ProducerInterceptor<K = Uint8Array | string, V = Uint8Array | string> {
  /** For the log: which of them failed. */
  readonly name?: string;

  /**
   * Called first of all, before the record is checked and serialized.
   *
   * @returns the record to send: the same, or another
   */
  onSend?(record: ProducerRecord<K, V>): ProducerRecord<K, V>;

  /**
   * Called when the record was acknowledged, or failed at any point after `onSend`; before the callback or promise of `send`.
   *
   * @param metadata with -1 for all that is not known when there is an error
   * @param error null when it is in the log
   * @param headers as they were sent; must not be changed any more
   * @returns whatever it likes: nothing is made of it, and a promise is not waited for
   */
  onAcknowledgement?(
    metadata: RecordMetadata,
    error: KafkaError | null,
    headers: Readonly<Headers>,
  ): unknown;

  /** Called once, when the producer is closed. A promise is waited for, as long as `close` may take. */
  close?(): void | Promise<void>;
}

/** An interceptor threw. */
export interface InterceptorFault {
  /** Its `name`, or its place in the list. */
  readonly interceptor: string;
  readonly method: 'onSend' | 'onAcknowledgement' | 'close';
  /** Undefined for `close`. */
  readonly topic: string | undefined;
  readonly error: unknown;
}

/** The interceptors of one producer, in their order. */
export class ProducerInterceptors<K, V> {
  readonly #interceptors: readonly ProducerInterceptor<K, V>[];
  readonly #report: (fault: InterceptorFault) => void;

  /** @param report must not throw */
  constructor(
    interceptors: readonly ProducerInterceptor<K, V>[],
    report: (fault: InterceptorFault) => void,
  ) {
    this.#interceptors = interceptors;
    this.#report = report;
  }

  /** There are none: no need to call. */
  get isEmpty(): boolean {
    return this.#interceptors.length === 0;
  }

  /** What the last one gave that did not fail; each gets what the one before it gave. */
  onSend(record: ProducerRecord<K, V>): ProducerRecord<K, V> {
    // Callers without types give anything; the check that comes next tells them.
    if (typeof record !== 'object' || (record as unknown) === null) return record;
    let current = record;
    for (const interceptor of this.#interceptors) {
      if (interceptor.onSend === undefined) continue;
      try {
        const given: unknown = interceptor.onSend(current);
        this.#watch(given, interceptor, 'onSend', current.topic);
        current = recordFrom(given);
      } catch (error) {
        this.#fail(interceptor, 'onSend', current.topic, error);
      }
    }
    return current;
  }

  /** The record is acknowledged, or has failed with a partition and all. First those of the front of the list. */
  onAcknowledgement(metadata: RecordMetadata, error: KafkaError | null, headers: Headers): void {
    for (const interceptor of this.#interceptors) {
      if (interceptor.onAcknowledgement === undefined) continue;
      try {
        const given = interceptor.onAcknowledgement(metadata, error, headers);
        this.#watch(given, interceptor, 'onAcknowledgement', metadata.topic);
      } catch (thrown) {
        this.#fail(interceptor, 'onAcknowledgement', metadata.topic, thrown);
      }
    }
  }

  /** Closes every one of them, whatever the others do. */
  async close(): Promise<void> {
    for (const interceptor of this.#interceptors) {
      try {
        await interceptor.close?.();
      } catch (error) {
        this.#fail(interceptor, 'close', undefined, error);
      }
    }
  }

  /** A promise is not waited for, but its rejection must not end the process. */
  #watch(
    given: unknown,
    interceptor: ProducerInterceptor<K, V>,
    method: InterceptorFault['method'],
    topic: string,
  ): void {
    if (!isPromise(given)) return;
    given.catch((error: unknown) => this.#fail(interceptor, method, topic, error));
  }

  #fail(
    interceptor: ProducerInterceptor<K, V>,
    method: InterceptorFault['method'],
    topic: string | undefined,
    error: unknown,
  ): void {
    const place = `interceptor ${this.#interceptors.indexOf(interceptor) + 1}`;
    this.#report({ interceptor: interceptor.name ?? place, method, topic, error });
  }
}

/** An interceptor that forgets its `return`, or is async, must not make the record vanish. */
function recordFrom<K, V>(given: unknown): ProducerRecord<K, V> {
  if (typeof given === 'object' && given !== null && 'topic' in given) {
    return given as ProducerRecord<K, V>;
  }
  throw new TypeError(`onSend gave ${kindOf(given)} instead of a record`);
}
