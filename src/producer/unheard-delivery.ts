import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { Delivery } from './delivery.ts';
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

  settle(_slot: number, outcome: ProduceOutcome, index: number): void {
    tellWatch(this.#watch, outcome, index);
  }
}

/**
 * Tells the watch of a record without headers and without metadata.
 *
 * @returns why it was not acknowledged
 */
export function tellWatch(
  watch: DeliveryWatch,
  outcome: ProduceOutcome,
  index: number,
): KafkaError | undefined {
  if (outcome.type === 'acked') {
    watch.acked(undefined, noHeaders);
    return undefined;
  }
  const { topic, partition } = outcome;
  const error = errorOf(outcome, topic, partition, index);
  watch.failed(failedMetadata(topic, partition), error, noHeaders);
  return error;
}
