import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery } from './delivery.ts';
import type { KafkaError } from './errors.ts';
import { errorOf } from './outcome-error.ts';
import { failedMetadata, metadataOf, type Headers, type RecordMetadata } from './record.ts';
import type { DeliveryCallback, DeliveryWatch } from './record-delivery.ts';

const noHeaders: Headers = [];

/** All records of one `sendAll`: one object for them, where each of `send` has one of its own. Slots are places in the call. */
export class CallDelivery implements Delivery {
  readonly #watch: DeliveryWatch;
  readonly #resolve: () => void;
  readonly #nowMs: number;
  /** Where it is not `#nowMs`. */
  readonly #timestampsMs = new Map<number, number>();
  /** Where there is a key. */
  readonly #keyBytes: number[] = [];
  readonly #valueBytes: number[] = [];
  /** Of those that were acknowledged, by slot. */
  readonly ends: RecordMetadata[] = [];
  /** The first. */
  failure: KafkaError | undefined;
  #count = 0;
  // One more than there are records, until all have been taken.
  #open = 1;

  /**
   * @param nowMs the time of records that have none of their own
   * @param resolve called once, when all records have their end
   */
  constructor(watch: DeliveryWatch, nowMs: number, resolve: () => void) {
    this.#watch = watch;
    this.#nowMs = nowMs;
    this.#resolve = resolve;
  }

  /** @returns the slot of the next record */
  begin(): number {
    this.#open += 1;
    this.#count += 1;
    return this.#count - 1;
  }

  /** No more records come. */
  taken(): void {
    this.#ended();
  }

  /** What a record is told with that has to wait, or to be refused, and so has a delivery of its own. */
  callback(slot: number): DeliveryCallback {
    return (error, metadata) => {
      if (metadata !== null) this.ends[slot] = metadata;
      this.failure ??= error ?? undefined;
      this.#ended();
    };
  }

  /** It has a time of its own. */
  stamp(slot: number, timestampMs: number): void {
    this.#timestampsMs.set(slot, timestampMs);
  }

  written(slot: number, keyBytes: number, valueBytes: number): void {
    if (keyBytes >= 0) this.#keyBytes[slot] = keyBytes;
    this.#valueBytes[slot] = valueBytes;
  }

  settle(slot: number, outcome: ProduceOutcome, index: number): void {
    if (outcome.type === 'acked') {
      this.#watch.acked(undefined, noHeaders);
      this.ends[slot] = metadataOf(outcome, index, {
        timestamp: this.#timestampsMs.get(slot) ?? this.#nowMs,
        serializedKeySize: this.#keyBytes[slot] ?? -1,
        serializedValueSize: this.#valueBytes[slot] ?? -1,
      });
    } else {
      const { topic, partition } = outcome;
      const error = errorOf(outcome, topic, partition, index);
      this.#watch.failed(failedMetadata(topic, partition), error, noHeaders);
      this.failure ??= error;
    }
    this.#ended();
  }

  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve();
  }
}
