import type { Acked, ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery, WrittenRecord } from './delivery.ts';
import { TimeoutError, type KafkaError } from './errors.ts';
import { metadataOf, type DeliveryCallback, type RecordMetadata } from './record.ts';
import type { DeliveryWatch } from './record-delivery.ts';
import { tellWatch } from './unheard-delivery.ts';

/**
 * All records of one `sendAll`: one object for them, where each of `send` has one of its own. Slots are places in the call. What is known of
 * a record before its end lies in lists of plain numbers: objects that wait for an answer grow old, and old ones cost V8 the most.
 */
export class CallDelivery implements Delivery {
  readonly #watch: DeliveryWatch;
  readonly #resolve: () => void;
  readonly #timestampsMs: number[];
  readonly #keyBytes: number[];
  readonly #valueBytes: number[];
  readonly #ends: (RecordMetadata | undefined)[];
  #count = 0;
  /** The first. */
  failure: KafkaError | undefined;
  // One more than there are records, until all have been taken.
  #open = 1;

  /**
   * @param foretold how many records there will be, as far as that is known: lists that need not grow are cheaper
   * @param resolve called once, when all records have their end
   */
  constructor(watch: DeliveryWatch, foretold: number, resolve: () => void) {
    this.#watch = watch;
    this.#resolve = resolve;
    this.#timestampsMs = new Array<number>(foretold);
    this.#keyBytes = new Array<number>(foretold);
    this.#valueBytes = new Array<number>(foretold);
    this.#ends = new Array<RecordMetadata | undefined>(foretold);
  }

  /** Whether one of them has waited for its topic or for memory as long as it may. */
  get isLate(): boolean {
    return this.failure instanceof TimeoutError && this.failure.fate === 'notSent';
  }

  /** By slot. Whole when all have their end and there is no failure. */
  get ends(): RecordMetadata[] {
    return this.#ends as RecordMetadata[];
  }

  /** @returns the slot of the next record */
  begin(): number {
    const slot = this.#count;
    this.#count += 1;
    this.#open += 1;
    return slot;
  }

  /** No more records come. */
  taken(): void {
    this.#ends.length = this.#count;
    this.#ended(1);
  }

  /** What a record is told with that has to wait, or to be refused, and so has a delivery of its own. */
  callback(slot: number): DeliveryCallback {
    return (error, metadata) => {
      this.#ends[slot] = metadata ?? undefined;
      this.failure ??= error ?? undefined;
      this.#ended(1);
    };
  }

  written(slot: number, record: WrittenRecord, keyBytes: number, valueBytes: number): void {
    this.#timestampsMs[slot] = record.timestampMs;
    this.#keyBytes[slot] = keyBytes;
    this.#valueBytes[slot] = valueBytes;
  }

  settle(slots: readonly number[], from: number, to: number, outcome: ProduceOutcome): void {
    const error = tellWatch(this.#watch, from, to, outcome);
    this.failure ??= error;
    if (outcome.type === 'acked') this.#note(slots, from, to, outcome);
    this.#ended(to - from);
  }

  #note(slots: readonly number[], from: number, to: number, outcome: Acked): void {
    for (let index = from; index < to; index += 1) {
      const slot = slots[index] ?? 0;
      this.#ends[slot] = metadataOf(outcome, index, {
        timestamp: this.#timestampsMs[slot] ?? NaN,
        serializedKeySize: this.#keyBytes[slot] ?? -1,
        serializedValueSize: this.#valueBytes[slot] ?? -1,
      });
    }
  }

  #ended(records: number): void {
    this.#open -= records;
    if (this.#open === 0) this.#resolve();
  }
}
