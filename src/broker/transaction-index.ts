import type { LogBatch } from './partition-log.ts';

/** A transaction that ended in this partition, from its first batch to its marker. */
interface EndedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
  readonly markerOffset: number;
}

/** As Fetch names it to readers of committed transactions: they skip the producer's batches from there to its marker. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/**
 * Which transactions are open in a partition, and which were aborted: what a reader of committed transactions needs (KIP-98). A function of the
 * log's batches, in order.
 */
export class TransactionIndex {
  /** First offset of the open transaction of each producer. */
  readonly #open = new Map<bigint, number>();
  #ended: EndedTransaction[] = [];
  /** Aborted ones are kept as long as somebody may read them. */
  #aborted: EndedTransaction[] = [];

  record(batch: LogBatch): void {
    const { producerId, baseOffset, marker } = batch;
    if (marker === undefined) {
      if (batch.transactional && !this.#open.has(producerId))
        this.#open.set(producerId, baseOffset);
      return;
    }
    const firstOffset = this.#open.get(producerId);
    if (firstOffset === undefined) return;
    this.#open.delete(producerId);
    const ended = { producerId, firstOffset, markerOffset: baseOffset };
    this.#ended.push(ended);
    if (marker === 'abort') this.#aborted.push(ended);
  }

  /** Learns again from `batches`, after the log was cut. */
  rebuild(batches: Iterable<LogBatch>): void {
    this.#open.clear();
    this.#ended = [];
    this.#aborted = [];
    for (const batch of batches) this.record(batch);
  }

  /** Where the first transaction begins whose end is not known below `highWatermark`; the watermark itself if there is none. */
  lastStableOffset(highWatermark: number): number {
    this.#ended = this.#ended.filter(({ markerOffset }) => markerOffset >= highWatermark);
    let stable = highWatermark;
    for (const firstOffset of this.#open.values()) stable = Math.min(stable, firstOffset);
    for (const { firstOffset } of this.#ended) stable = Math.min(stable, firstOffset);
    return stable;
  }

  /** First offset of the producer's open transaction, -1 when it has none. */
  openSince(producerId: bigint): number {
    return this.#open.get(producerId) ?? -1;
  }

  /** The aborted transactions that have a batch from `offset` to before `end`. */
  abortedBetween(offset: number, end: number): AbortedTransaction[] {
    return this.#aborted
      .filter(({ firstOffset, markerOffset }) => firstOffset < end && markerOffset >= offset)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }
}
