import { inspect } from 'node:util';
import type { RecordMetadata } from './record.ts';

/**
 * Where the records of a `sendAll` are, in their order. To be read as an array is; each place is made when it is asked for, as most callers ask
 * for none.
 */
export class RecordMetadataList implements Iterable<RecordMetadata> {
  readonly length: number;
  readonly #make: (index: number) => RecordMetadata;

  /** @param make called with an index from 0 to `length - 1`, as often as it is asked for */
  constructor(length: number, make: (index: number) => RecordMetadata) {
    this.length = length;
    this.#make = make;
  }

  /** As Array's: -1 is the last, and beyond the ends there is nothing. */
  at(index: number): RecordMetadata | undefined {
    const whole = Math.trunc(index) || 0;
    const place = whole < 0 ? this.length + whole : whole;
    return place >= 0 && place < this.length ? this.#make(place) : undefined;
  }

  map<T>(make: (metadata: RecordMetadata, index: number) => T): T[] {
    return Array.from(this, make);
  }

  *[Symbol.iterator](): Iterator<RecordMetadata> {
    for (let index = 0; index < this.length; index += 1) yield this.#make(index);
  }

  [inspect.custom](): RecordMetadata[] {
    return [...this];
  }
}
