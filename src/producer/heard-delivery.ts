import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery, Slots, WrittenRecord } from './delivery.ts';
import { tell, type Hearer } from './hearer.ts';
import { errorOf } from './outcome-error.ts';
import { failedMetadata, metadataOf, noHeaders } from './record.ts';
import type { DeliveryWatch } from './record-delivery.ts';

/** Slots are kept for the next burst, up to so many: of a longer one, they go when all of its records have their end. */
const KEPT_SLOTS_MAX = 16_384;

/** All records of which somebody hears: one for all of them, and a slot for each until its end. */
export class HeardDelivery implements Delivery {
  readonly #watch: DeliveryWatch;
  /** Slot 0 is nobody's. */
  #hearers: (Hearer | undefined)[] = [undefined];
  #timestampsMs: number[] = [];
  #keyBytes: number[] = [];
  #valueBytes: number[] = [];
  /** What was used last lies in the nearest cache. */
  #free: number[] = [];

  constructor(watch: DeliveryWatch) {
    this.#watch = watch;
  }

  /** @returns the slot of a record that may be written now */
  begin(hearer: Hearer): number {
    const slot = this.#free.pop() ?? this.#hearers.length;
    this.#hearers[slot] = hearer;
    return slot;
  }

  /** The record of the slot was not written. */
  cancel(slot: number): void {
    this.#hearers[slot] = undefined;
    this.#free.push(slot);
  }

  written(slot: number, record: WrittenRecord, keyBytes: number, valueBytes: number): void {
    this.#timestampsMs[slot] = record.timestampMs;
    this.#keyBytes[slot] = keyBytes;
    this.#valueBytes[slot] = valueBytes;
  }

  settle(slots: Slots, from: number, to: number, outcome: ProduceOutcome): void {
    if (outcome.type === 'acked') this.#watch.counted(to - from);
    for (let place = from; place < to; place += 1) this.#tell(slots.at(place), place, outcome);
    // Backwards: who takes them again gets them in ascending order, which needs no list (`Deliveries`).
    for (let place = to - 1; place >= from; place -= 1) this.#free.push(slots.at(place));
    this.#shrink();
  }

  #tell(slot: number, index: number, outcome: ProduceOutcome): void {
    const hearer = this.#hearers[slot];
    const about = {
      timestamp: this.#timestampsMs[slot] ?? NaN,
      serializedKeySize: this.#keyBytes[slot] ?? -1,
      serializedValueSize: this.#valueBytes[slot] ?? -1,
    };
    this.#hearers[slot] = undefined;
    if (hearer === undefined) return;
    if (outcome.type === 'acked') {
      tell(hearer, null, metadataOf(outcome, index, about));
      return;
    }
    const { topic, partition } = outcome;
    const error = errorOf(outcome, topic, partition, index);
    this.#watch.failed(failedMetadata(topic, partition), error, noHeaders);
    tell(hearer, error, null);
  }

  #shrink(): void {
    const slots = this.#hearers.length;
    if (slots <= KEPT_SLOTS_MAX || this.#free.length + 1 < slots) return;
    this.#hearers = [undefined];
    this.#timestampsMs = [];
    this.#keyBytes = [];
    this.#valueBytes = [];
    this.#free = [];
  }
}
