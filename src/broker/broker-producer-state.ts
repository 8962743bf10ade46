import { NO_SEQUENCE } from '../kafka/record-batch.ts';
import type { LogBatch } from './partition-log.ts';

/** Batches remembered per producer id and partition: what makes at most five requests in flight safe (KIP-98). */
const REMEMBERED_BATCHES = 5;

const SEQUENCE_MAX = 0x7fffffff;

/** Sequence of a batch's last record: sequences wrap from 2^31 - 1 to 0. */
export function lastSequenceOf(baseSequence: number, recordCount: number): number {
  return (baseSequence + recordCount - 1) % (SEQUENCE_MAX + 1);
}

/** What a batch says about its producer; `producerId` is never negative here. */
export interface ProducerStamp {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
}

export type SequenceVerdict =
  | { readonly kind: 'inSequence' }
  /** The very range that a remembered batch has: the content is not compared. */
  | { readonly kind: 'duplicate'; readonly of: LogBatch }
  | { readonly kind: 'oldEpoch'; readonly reason: string }
  | { readonly kind: 'outOfOrder'; readonly reason: string };

const inSequence: SequenceVerdict = { kind: 'inSequence' };

/** What DescribeProducers tells of one producer id. */
export interface ProducerSummary {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
}

interface ProducerEntry {
  epoch: number;
  /** Oldest first, up to 5, all of this epoch; none when a marker has begun it. */
  batches: LogBatch[];
  /** Of the newest batch or marker. */
  lastTimestampMs: number;
}

/**
 * What one replica of a partition knows of its producers, by the rules of Kafka's ProducerStateManager and
 * ProducerAppendInfo (2.8 to 4.x). The state is a function of the batches it was shown, in order,
 * minus what restarts and expiry made it forget.
 */
export class BrokerProducerState {
  readonly #producers = new Map<bigint, ProducerEntry>();

  /**
   * Says what a leader does with the batch; changes nothing.
   *
   * @param fromZero a producer that is not known has to begin at sequence 0: transactions of the second version (KIP-890)
   */
  judge(batch: ProducerStamp, fromZero = false): SequenceVerdict {
    const entry = this.#producers.get(batch.producerId);
    if (entry === undefined) {
      // Otherwise everything is taken, with any epoch and sequence: the batch may follow records that are gone.
      if (!fromZero || batch.baseSequence === 0) return inSequence;
      return { kind: 'outOfOrder', reason: 'a transaction begins at sequence 0' };
    }
    if (batch.producerEpoch < entry.epoch)
      return { kind: 'oldEpoch', reason: oldEpoch(batch, entry) };
    if (batch.producerEpoch > entry.epoch) {
      if (batch.baseSequence === 0) return inSequence;
      return { kind: 'outOfOrder', reason: newEpochNotAtZero(batch, entry) };
    }
    const twin = entry.batches.find(
      (known) =>
        known.baseSequence === batch.baseSequence && known.lastSequence === batch.lastSequence,
    );
    if (twin !== undefined) return { kind: 'duplicate', of: twin };
    if (batch.baseSequence === nextSequenceOf(entry)) return inSequence;
    return { kind: 'outOfOrder', reason: gap(batch, entry) };
  }

  /** Remembers an appended batch; batches without a producer id leave no trace. */
  record(batch: LogBatch): void {
    if (batch.producerId < 0n) return;
    const entry = this.#producers.get(batch.producerId);
    const { producerId, producerEpoch: epoch, maxTimestampMs: lastTimestampMs } = batch;
    const isMarker = batch.marker !== undefined;
    if (entry?.epoch !== epoch) {
      this.#producers.set(producerId, { epoch, batches: isMarker ? [] : [batch], lastTimestampMs });
      return;
    }
    entry.lastTimestampMs = lastTimestampMs;
    if (isMarker) return;
    entry.batches.push(batch);
    if (entry.batches.length > REMEMBERED_BATCHES) entry.batches.shift();
  }

  /** Forgets everything and learns again from `batches`, as a replica does that truncated its log. */
  rebuild(batches: Iterable<LogBatch>): void {
    this.#producers.clear();
    for (const batch of batches) this.record(batch);
  }

  /** A restart reads the snapshot, which keeps one batch of each producer. */
  forgetAllButLastBatch(): void {
    for (const entry of this.#producers.values()) entry.batches = entry.batches.slice(-1);
  }

  /** Forgets everything: what a replica comes back with that has no record left to replay. */
  clear(): void {
    this.#producers.clear();
  }

  /**
   * Forgets the producers whose newest record is `expirationMs` or older (`producer.id.expiration.ms`).
   * The clock is the timestamp of the records, not their arrival: old records expire at once.
   */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, entry] of this.#producers) {
      if (nowMs - entry.lastTimestampMs >= expirationMs) this.#producers.delete(producerId);
    }
  }

  /** All producers known, as DescribeProducers lists them. */
  summaries(): ProducerSummary[] {
    return [...this.#producers].map(([producerId, entry]) => ({
      producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE,
      lastTimestampMs: entry.lastTimestampMs,
    }));
  }
}

function nextSequenceOf(entry: ProducerEntry): number {
  const lastSequence = entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
  return lastSequence === SEQUENCE_MAX ? 0 : lastSequence + 1;
}

function oldEpoch(batch: ProducerStamp, entry: ProducerEntry): string {
  return `producer ${String(batch.producerId)} sent epoch ${String(batch.producerEpoch)}, epoch ${String(entry.epoch)} is known`;
}

function newEpochNotAtZero(batch: ProducerStamp, entry: ProducerEntry): string {
  return `producer ${String(batch.producerId)} began epoch ${String(batch.producerEpoch)} (after ${String(entry.epoch)}) at sequence ${String(batch.baseSequence)} instead of 0`;
}

function gap(batch: ProducerStamp, entry: ProducerEntry): string {
  return `producer ${String(batch.producerId)} sent sequence ${String(batch.baseSequence)}, ${String(nextSequenceOf(entry))} is next`;
}
