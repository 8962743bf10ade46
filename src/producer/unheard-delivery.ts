import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery, Slots } from './delivery.ts';
import type { KafkaError } from './errors.ts';
import { errorOf } from './outcome-error.ts';
import { failedMetadata, noHeaders } from './record.ts';
import type { DeliveryWatch } from './record-delivery.ts';

/** All records that are fired and forgotten: one for all of them. */
export class UnheardDelivery implements Delivery {
  readonly #watch: DeliveryWatch;

  constructor(watch: DeliveryWatch) {
    this.#watch = watch;
  }

  written(): void {
    // Nobody asks where they are.
  }

  settle(_slots: Slots, from: number, to: number, outcome: ProduceOutcome): void {
    tellWatch(this.#watch, from, to, outcome);
  }
}

/**
 * Tells the watch of the records [from, to) of a batch, which have neither headers nor anybody who wants their metadata.
 *
 * @returns why the first of them was not acknowledged
 */
export function tellWatch(
  watch: DeliveryWatch,
  from: number,
  to: number,
  outcome: ProduceOutcome,
): KafkaError | undefined {
  if (outcome.type === 'acked') {
    watch.counted(to - from);
    return undefined;
  }
  const { topic, partition } = outcome;
  let first: KafkaError | undefined;
  for (let index = from; index < to; index += 1) {
    const error = errorOf(outcome, topic, partition, index);
    watch.failed(failedMetadata(topic, partition), error, noHeaders);
    first ??= error;
  }
  return first;
}
