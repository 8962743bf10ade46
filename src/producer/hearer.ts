import { KafkaError } from './errors.ts';
import { callOwn } from './own-code.ts';
import type { DeliveryCallback, RecordMetadata } from './record.ts';

/** Who hears of the end of one record. */
export type Hearer = DeliveryCallback | DeliveryPromise;

/** Exactly one of `error` and `metadata` is null. */
export function tell(
  hearer: Hearer,
  error: KafkaError | null,
  metadata: RecordMetadata | null,
): void {
  if (typeof hearer === 'function') callOwn(hearer, error, metadata);
  else hearer.settle(error, metadata);
}

/**
 * The promise of one `send`: rejected when nobody handles it, too, it never ends the process. One object, and no closures that hold the
 * caller's record: what waits for an answer grows old, and that costs V8 the most.
 */
export class DeliveryPromise {
  readonly promise: Promise<RecordMetadata>;
  #resolve: (metadata: RecordMetadata) => void = ignore;
  #reject: (error: KafkaError) => void = ignore;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(error: KafkaError | null, metadata: RecordMetadata | null): void {
    if (metadata !== null) {
      this.#resolve(metadata);
      return;
    }
    this.#reject(error ?? new KafkaError('no outcome'));
    // The event `recordFailed` tells of it. Only now: for each record that is acknowledged it would be one more promise.
    queueMicrotask(() => {
      this.promise.catch(ignore);
    });
  }
}

function ignore(): void {
  // Nobody has to handle it.
}
