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
   * @param slots valid during the call
   */
  settle(slots: Slots, from: number, to: number, outcome: ProduceOutcome): void;
}

/** By which number a delivery knows each of its records. */
export interface Slots {
  /** @param place of a record in its batch, within the stretch that is told of */
  at(place: number): number;
}

/** Slots that follow one another are not written down. */
class StretchSlots implements Slots {
  readonly #listed: readonly number[] | undefined;
  #shift = 0;

  /** @param listed all of a batch, by place; undefined where in each stretch one follows the other */
  constructor(listed: readonly number[] | undefined) {
    this.#listed = listed;
  }

  /** The stretch that begins at place `from` with slot `first`. */
  enter(from: number, first: number): void {
    this.#shift = first - from;
  }

  at(place: number): number {
    return this.#listed === undefined ? place + this.#shift : (this.#listed[place] ?? 0);
  }
}

/** Of the records of one batch, in their order. No object for each record: a slot, and an entry for each stretch of one delivery. */
export class Deliveries {
  /** By place, from the first on that did not follow the one before it. */
  #listed: number[] | undefined;
  #nextSlot = 0;
  #count = 0;
  #stretches: Delivery[] = [];
  /** Index of the first record of each stretch. */
  #firsts: number[] = [];
  /** Slot of the first record of each stretch. */
  #firstSlots: number[] = [];
  #last: Delivery | undefined;
  #held: HeldBytes | undefined;

  get count(): number {
    return this.#count;
  }

  /** @param slot 0 for each record of a delivery that has none, and for no record of another but its first */
  push(delivery: Delivery, slot: number): void {
    if (delivery !== this.#last) {
      this.#last = delivery;
      this.#stretches.push(delivery);
      this.#firsts.push(this.#count);
      this.#firstSlots.push(slot);
    } else if (slot !== this.#nextSlot && slot !== 0) {
      this.#listed ??= this.#list();
    }
    this.#listed?.push(slot);
    this.#nextSlot = slot + 1;
    this.#count += 1;
  }

  #list(): number[] {
    const listed: number[] = [];
    this.#eachStretch((_delivery, slots, from, to) => {
      for (let place = from; place < to; place += 1) listed.push(slots.at(place));
    });
    return listed;
  }

  #eachStretch(take: (delivery: Delivery, slots: Slots, from: number, to: number) => void): void {
    const slots = new StretchSlots(this.#listed);
    const count = this.#count;
    this.#stretches.forEach((delivery, stretch) => {
      const from = this.#firsts[stretch] ?? count;
      slots.enter(from, this.#firstSlots[stretch] ?? 0);
      take(delivery, slots, from, this.#firsts[stretch + 1] ?? count);
    });
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
    this.#held?.give();
    this.#held = undefined;
    this.#eachStretch((delivery, slots, from, to) => {
      delivery.settle(slots, from, to, outcome);
    });
    this.#listed = undefined;
    this.#count = 0;
    this.#stretches = [];
    this.#firsts = [];
    this.#firstSlots = [];
    this.#last = undefined;
  }

  slice(from: number, to: number): Deliveries {
    const part = new Deliveries();
    this.#eachStretch((delivery, slots, first, end) => {
      const last = Math.min(to, end);
      for (let at = Math.max(from, first); at < last; at += 1) part.push(delivery, slots.at(at));
    });
    if (this.#held !== undefined) part.hold(this.#held.part(from, to, this.count));
    return part;
  }
}
