import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import { present } from '../shared/assert.ts';
import type { Delivery, WrittenRecord } from './delivery.ts';
import type { KafkaError } from './errors.ts';
import { acknowledge, pendingMetadata, type PendingMetadata } from './record.ts';
import type { DeliveryCallback, DeliveryWatch } from './record-delivery.ts';
import { tellWatch } from './unheard-delivery.ts';

/** All records of one `sendAll`: one object for them, where each of `send` has one of its own. Slots are places in the call. */
export class CallDelivery implements Delivery {
  readonly #watch: DeliveryWatch;
  readonly #resolve: () => void;
  /** By slot; whole where the record was acknowledged. */
  readonly ends: PendingMetadata[] = [];
  /** The first. */
  failure: KafkaError | undefined;
  #count = 0;
  // One more than there are records, until all have been taken.
  #open = 1;

  /** @param resolve called once, when all records have their end */
  constructor(watch: DeliveryWatch, resolve: () => void) {
    this.#watch = watch;
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

  written(slot: number, record: WrittenRecord, keyBytes: number, valueBytes: number): void {
    const end = pendingMetadata(record, keyBytes, valueBytes);
    // The usual case, and the cheaper way to make a list grow.
    if (slot === this.ends.length) this.ends.push(end);
    else this.ends[slot] = end;
  }

  settle(slot: number, outcome: ProduceOutcome, index: number): void {
    const error = tellWatch(this.#watch, outcome, index);
    if (outcome.type === 'acked') {
      acknowledge(present(this.ends[slot], 'it is settled once written'), outcome, index);
    }
    this.failure ??= error;
    this.#ended();
  }

  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#resolve();
  }
}
