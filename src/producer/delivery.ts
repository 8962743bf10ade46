/** What becomes of records, told to whoever sent them. */
import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { HeldBytes } from './lane-memory.ts';

/** A record as it was written into a batch. */
export interface WrittenRecord {
  readonly topic: string;
  readonly timestampMs: number;
}

/** One may stand for many records: `slot` is the number by which it knows each. */
export interface Delivery {
  /**
   * It is in a batch. Called once, before `settle`. Nothing of `record` may be kept.
   *
   * @param keyBytes bytes of its key, -1 for null; `valueBytes` likewise
   */
  written(slot: number, record: WrittenRecord, keyBytes: number, valueBytes: number): void;
  /**
   * The end of the records [from, to) of a batch: one behind the other, all of this delivery. Called once for each.
   *
   * @param slots by place in the batch; 0 where there is none
   */
  settle(slots: readonly number[], from: number, to: number, outcome: ProduceOutcome): void;
}

/** Of the records of one batch, in their order. No object for each record: a slot, and an entry for each stretch of one delivery. */
export class Deliveries {
  /** As far as there is one that is not 0: of what is sent by itself there is none. */
  #slots: number[] = [];
  #count = 0;
  #stretches: Delivery[] = [];
  /** Index of the first record of each stretch. */
  readonly #firsts: number[] = [];
  #last: Delivery | undefined;
  #held: HeldBytes | undefined;

  get count(): number {
    return this.#count;
  }

  push(delivery: Delivery, slot: number): void {
    if (delivery !== this.#last) {
      this.#last = delivery;
      this.#stretches.push(delivery);
      this.#firsts.push(this.#count);
    }
    if (slot !== 0) {
      while (this.#slots.length < this.#count) this.#slots.push(0);
      this.#slots.push(slot);
    }
    this.#count += 1;
  }

  /** @param held given back when the records have their end */
  hold(held: HeldBytes): void {
    this.#held = held;
  }

  /**
   * Tells all of them, and forgets them: V8's maps keep what was deleted from them until the next whole collection, and so would keep all that
   * a batch was about.
   */
  settle(outcome: ProduceOutcome): void {
    const slots = this.#slots;
    const count = this.#count;
    const stretches = this.#stretches;
    this.#slots = [];
    this.#count = 0;
    this.#stretches = [];
    this.#last = undefined;
    this.#held?.give();
    this.#held = undefined;
    stretches.forEach((delivery, stretch) => {
      const to = this.#firsts[stretch + 1] ?? count;
      delivery.settle(slots, this.#firsts[stretch] ?? to, to, outcome);
    });
  }

  slice(from: number, to: number): Deliveries {
    const part = new Deliveries();
    this.#stretches.forEach((delivery, stretch) => {
      const first = Math.max(from, this.#firsts[stretch] ?? to);
      const end = Math.min(to, this.#firsts[stretch + 1] ?? to);
      for (let at = first; at < end; at += 1) part.push(delivery, this.#slots[at] ?? 0);
    });
    if (this.#held !== undefined) part.hold(this.#held.part(from, to, this.count));
    return part;
  }
}
