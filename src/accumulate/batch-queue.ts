import type { ProducerBatch } from './producer-batch.ts';

/** Batches that wait in order: first in, first out, and back to the front when a sequence has to be given anew. */
export class BatchQueue {
  #batches: ProducerBatch[] = [];
  #head = 0;
  #bytes = 0;

  get length(): number {
    return this.#batches.length - this.#head;
  }

  /** Bytes on the wire of what waits here. */
  get bytes(): number {
    return this.#bytes;
  }

  push(batch: ProducerBatch): void {
    this.#batches.push(batch);
    this.#bytes += batch.batchBytes;
  }

  peek(): ProducerBatch | undefined {
    return this.#batches[this.#head];
  }

  shift(): ProducerBatch | undefined {
    const batch = this.#batches[this.#head];
    if (batch === undefined) return undefined;
    this.#bytes -= batch.batchBytes;
    this.#head += 1;
    // The front is given back in one go, so that a shift costs nothing and a drained queue holds no batch.
    if (this.#head === this.#batches.length || this.#head >= 64) {
      this.#batches.splice(0, this.#head);
      this.#head = 0;
    }
    return batch;
  }

  /** Puts batches in front of all others, in the order given. */
  putBack(batches: readonly ProducerBatch[]): void {
    this.#batches.splice(0, this.#head, ...batches);
    this.#head = 0;
    for (const batch of batches) this.#bytes += batch.batchBytes;
  }

  /** Takes out those that `leaves` says yes to, in order; the others keep theirs. */
  take(leaves: (batch: ProducerBatch) => boolean): ProducerBatch[] {
    const taken: ProducerBatch[] = [];
    const kept: ProducerBatch[] = [];
    for (const batch of this) (leaves(batch) ? taken : kept).push(batch);
    if (taken.length === 0) return taken;
    this.#batches = kept;
    this.#head = 0;
    for (const batch of taken) this.#bytes -= batch.batchBytes;
    return taken;
  }

  *[Symbol.iterator](): Generator<ProducerBatch> {
    for (let i = this.#head; i < this.#batches.length; i++) {
      const batch = this.#batches[i];
      if (batch !== undefined) yield batch;
    }
  }
}
