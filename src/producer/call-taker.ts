/** Takes the records of a `sendAll`: as many at once as may wait, and the others when those before them have gone on. */
import type { CallDelivery } from './call-delivery.ts';

export interface CallTakerOptions {
  /** Whether a record that has to wait would be refused. */
  readonly isFull: () => boolean;
  /** Resolves when nobody waits who waits now. */
  readonly passed: () => Promise<void>;
}

export class CallTaker {
  readonly #options: CallTakerOptions;
  readonly #takings = new Set<Promise<void>>();

  constructor(options: CallTakerOptions) {
    this.#options = options;
  }

  /**
   * Gives one record after the other to `takeOne`.
   *
   * @returns when the last was taken; rejected when `records` throws
   */
  async take<Given>(
    records: Iterable<Given>,
    call: CallDelivery,
    takeOne: (record: Given) => void,
  ): Promise<void> {
    const taking = this.#takeEach(records, call, takeOne);
    this.#takings.add(taking);
    try {
      await taking;
    } finally {
      this.#takings.delete(taking);
    }
  }

  /** Resolves when all records of the calls until now are taken. */
  async passed(): Promise<void> {
    await Promise.allSettled(this.#takings);
  }

  async #takeEach<Given>(
    records: Iterable<Given>,
    call: CallDelivery,
    takeOne: (record: Given) => void,
  ): Promise<void> {
    const { isFull, passed } = this.#options;
    for (const record of records) {
      // One that has waited for max.block.ms in vain: the others would, too, thousands after thousands.
      while (isFull() && !call.isLate) await passed();
      takeOne(record);
    }
    call.taken();
  }
}
