/** What becomes of records, told to whoever sent them. */
import type { ProduceOutcome } from '../ack/produce-outcome.ts';

/** One may stand for many records: `slot` is the number by which it knows each. */
export interface Delivery {
  /** It is in a batch. Bytes of its key and value, -1 for null. Called once, before `settle`. */
  written(slot: number, keyBytes: number, valueBytes: number): void;
  /**
   * Its end. Called once.
   *
   * @param outcome of the batch that the record was in
   * @param index place of the record in that batch, from 0
   */
  settle(slot: number, outcome: ProduceOutcome, index: number): void;
}

/** Of the records of one batch, in their order. Two lists of plain values: no object for each record. */
export class Deliveries {
  readonly #deliveries: Delivery[];
  readonly #slots: number[];

  constructor(deliveries: Delivery[] = [], slots: number[] = []) {
    this.#deliveries = deliveries;
    this.#slots = slots;
  }

  get count(): number {
    return this.#slots.length;
  }

  push(delivery: Delivery, slot: number): void {
    this.#deliveries.push(delivery);
    this.#slots.push(slot);
  }

  settle(outcome: ProduceOutcome): void {
    const slots = this.#slots;
    let index = 0;
    for (const delivery of this.#deliveries) {
      delivery.settle(slots[index] ?? 0, outcome, index);
      index += 1;
    }
  }

  slice(from: number, to: number): Deliveries {
    return new Deliveries(this.#deliveries.slice(from, to), this.#slots.slice(from, to));
  }
}
