/** Takes the records of a `sendAll`: as many at once as may wait, and the others when those before them have gone on. */
import type { CallDelivery } from './call-delivery.ts';
import { IllegalArgumentError } from './errors.ts';
import { isIterable, kindOf } from './record.ts';

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

  /** As long as no record has to wait. By index: an iterator takes V8 twice as long. @returns those that are left */
  #takeList<Given>(records: readonly Given[], takeOne: (record: Given) => void): readonly Given[] {
    const { isFull } = this.#options;
    let taken = 0;
    while (taken < records.length && !isFull()) {
      takeOne(records[taken] as Given);
      taken += 1;
    }
    return records.slice(taken);
  }

  async #takeEach<Given>(
    records: Iterable<Given>,
    call: CallDelivery,
    takeOne: (record: Given) => void,
  ): Promise<void> {
    const { isFull, passed } = this.#options;
    // Callers without types give anything.
    if (!isIterable(records)) throw noList(records);
    const rest = isList(records) ? this.#takeList(records, takeOne) : records;
    for (const record of rest) {
      // One that has waited for max.block.ms in vain: the others would, too, thousands after thousands.
      while (isFull() && !call.isLate) await passed();
      takeOne(record);
    }
    call.taken();
  }
}

function noList(given: unknown): IllegalArgumentError {
  return new IllegalArgumentError(
    `sendAll: the records are a list, not ${kindOf(given)}: one record goes to send, a stream to sendFrom`,
    { fate: 'notSent' },
  );
}

/** An array that is gone through as all are. */
function isList<Given>(records: Iterable<Given>): records is readonly Given[] {
  return Array.isArray(records) && records[Symbol.iterator] === [][Symbol.iterator];
}
