import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery } from './delivery.ts';
import type { KafkaError } from './errors.ts';
import { errorOf } from './outcome-error.ts';
import { failedMetadata, metadataOf, type Headers, type RecordMetadata } from './record.ts';

/** What is told of the end of a record: exactly one of the two is null. */
export type DeliveryCallback = (error: KafkaError | null, metadata: RecordMetadata | null) => void;

/** Told before the callback or promise of the record. */
export type DeliveryWatch = (
  metadata: RecordMetadata,
  error: KafkaError | null,
  headers: Headers,
) => void;

/** One record on its way, from `send` to its end. */
export class RecordDelivery implements Delivery {
  readonly topic: string;
  readonly timestampMs: number;
  readonly #headers: Headers;
  readonly #watch: DeliveryWatch;
  readonly #callback: DeliveryCallback;
  #keyBytes = -1;
  #valueBytes = -1;

  constructor(
    record: { readonly topic: string; readonly timestampMs: number; readonly headers: Headers },
    watch: DeliveryWatch,
    callback: DeliveryCallback,
  ) {
    this.topic = record.topic;
    this.timestampMs = record.timestampMs;
    this.#headers = record.headers;
    this.#watch = watch;
    this.#callback = callback;
  }

  written(keyBytes: number, valueBytes: number): void {
    this.#keyBytes = keyBytes;
    this.#valueBytes = valueBytes;
  }

  settle(outcome: ProduceOutcome, index: number): void {
    if (outcome.type !== 'acked') {
      this.fail(errorOf(outcome, this.topic, outcome.partition, index), outcome.partition);
      return;
    }
    const metadata = metadataOf(outcome, index, {
      timestamp: this.timestampMs,
      serializedKeySize: this.#keyBytes,
      serializedValueSize: this.#valueBytes,
    });
    this.#watch(metadata, null, this.#headers);
    this.#callback(null, metadata);
  }

  /** It was not sent, or was given up. */
  fail(error: KafkaError, partition?: number): void {
    this.#watch(failedMetadata(this.topic, partition), error, this.#headers);
    this.#callback(error, null);
  }
}
