import type { Acked, ProduceOutcome } from '../ack/produce-outcome.ts';
import { present } from '../shared/assert.ts';
import type { Delivery, Slots, WrittenRecord } from './delivery.ts';
import { TimeoutError, type KafkaError } from './errors.ts';
import { metadataOf, type DeliveryCallback, type RecordMetadata } from './record.ts';
import type { DeliveryWatch } from './record-delivery.ts';
import { RecordMetadataList } from './record-metadata-list.ts';
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
  /** By slot: where the record is, or how its batch ended. */
  readonly #ends: (RecordMetadata | Acked | undefined)[];
  /** In its batch. */
  readonly #places: number[];
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
    this.#ends = new Array<RecordMetadata | Acked | undefined>(foretold);
    this.#places = new Array<number>(foretold);
  }

  /** Whether one of them has waited for its topic or for memory as long as it may. */
  get isLate(): boolean {
    return this.failure instanceof TimeoutError && this.failure.fate === 'notSent';
  }

  get count(): number {
    return this.#count;
  }

  /** To be asked when all have their end and there is no failure. */
  get places(): RecordMetadataList {
    return new RecordMetadataList(this.#count, (slot) =>
      present(this.place(slot), 'a record without a failure has a place'),
    );
  }

  /** Undefined for a record that has failed, or has no end. */
  place(slot: number): RecordMetadata | undefined {
    const end = this.#ends[slot];
    if (end === undefined || !('type' in end)) return end;
    return metadataOf(end, this.#places[slot] ?? 0, {
      timestamp: this.#timestampsMs[slot] ?? NaN,
      serializedKeySize: this.#keyBytes[slot] ?? -1,
      serializedValueSize: this.#valueBytes[slot] ?? -1,
    });
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

  settle(slots: Slots, from: number, to: number, outcome: ProduceOutcome): void {
    const error = tellWatch(this.#watch, from, to, outcome);
    this.failure ??= error;
    if (outcome.type === 'acked') this.#note(slots, from, to, outcome);
    this.#ended(to - from);
  }

  #note(slots: Slots, from: number, to: number, outcome: Acked): void {
    for (let place = from; place < to; place += 1) {
      const slot = slots.at(place);
      this.#ends[slot] = outcome;
      this.#places[slot] = place;
    }
  }

  #ended(records: number): void {
    this.#open -= records;
    if (this.#open === 0) this.#resolve();
  }
}
