/**
 * Producer ids, epochs and sequences (KIP-98, KIP-360).
 *
 * The rule kept here: (partition, producer id, epoch, sequence) -> record is a function for ever. The epoch is kept per partition, so that
 * a bump touches no other partition; sequences are a 64-bit count of records less the count at the last bump, so that they survive the wrap.
 */
import {
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  type ProducerBatch,
} from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';

const SEQUENCE_MASK = 0x7fff_ffff;
const PRODUCER_EPOCH_MAX = 32_767;

/** The sequence that follows `sequence`: 0 after 2^31 - 1. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) & SEQUENCE_MASK;
}

/** How far `to` lies behind `from` in the circle of sequences: negative when it lies before it, by less than 2^30. */
export function sequenceDistance(from: number, to: number): number {
  const ahead = (to - from) & SEQUENCE_MASK;
  return ahead < 2 ** 30 ? ahead : ahead - 2 ** 31;
}

/** The producer id that partitions without one take. */
export class ProducerIds {
  producerId = NO_PRODUCER_ID;
  producerEpoch = NO_PRODUCER_EPOCH;
  /** InitProducerId under way: its request; 0 for none. */
  request = 0;
  /** A partition waits for an id, or for another than this one. */
  wanted = false;
  attempts = 0;
  retryAtMs = -Infinity;
  /** Since when there is no permission to have one, when that was said. */
  deniedSinceMs: number | undefined;

  assign(producerId: bigint, producerEpoch: number): void {
    assert(
      producerId >= 0n,
      'a broker takes a negative producer id for a batch without idempotence',
    );
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.wanted = false;
    this.attempts = 0;
  }
}

/** Whose batches a partition gets, and how far they are. */
export class PartitionIdentity {
  producerId = NO_PRODUCER_ID;
  producerEpoch = NO_PRODUCER_EPOCH;
  /** Records that ever got a sequence here. Exact to 2^53. */
  counter = 0;
  /** `counter` at the last bump: sequence 0 of this epoch. */
  baseCounter = 0;
  /** Behind the last record of this epoch that was acknowledged; `baseCounter` when none was. */
  ackedCounter = 0;
  /** Its epochs are used up: never to be taken again. */
  #exhaustedId = NO_PRODUCER_ID;

  get assigned(): boolean {
    return this.producerId !== NO_PRODUCER_ID;
  }

  /** Takes the producer's present id if there is one that is fit. */
  adopt(ids: ProducerIds): boolean {
    if (this.assigned) return true;
    if (ids.producerId === NO_PRODUCER_ID || ids.producerId === this.#exhaustedId) return false;
    this.producerId = ids.producerId;
    this.producerEpoch = ids.producerEpoch;
    return true;
  }

  /** Gives a batch its identity: at its first drain, or when it surely was not appended under an earlier one. */
  stamp(batch: ProducerBatch): void {
    assert(this.assigned, 'a sequence needs a producer id');
    assert(
      batch.baseSequence === NO_SEQUENCE,
      'stamping again what may have been appended would double it',
    );
    batch.producerId = this.producerId;
    batch.producerEpoch = this.producerEpoch;
    batch.baseSequence = (this.counter - this.baseCounter) & SEQUENCE_MASK;
    this.count(batch);
  }

  /** Gives a batch its place in the order of the partition, and no identity: idempotence is off. */
  count(batch: ProducerBatch): void {
    batch.counter = this.counter;
    this.counter += batch.recordCount;
  }

  /** Gives the pieces of a batch its identity and its place: the same record keeps the same sequence. */
  stampPieces(whole: ProducerBatch, pieces: readonly ProducerBatch[]): void {
    let counter = whole.counter;
    for (const piece of pieces) {
      piece.producerId = whole.producerId;
      piece.producerEpoch = whole.producerEpoch;
      piece.transactional = whole.transactional;
      piece.counter = counter;
      if (whole.baseSequence !== NO_SEQUENCE) {
        piece.baseSequence = (whole.baseSequence + counter - whole.counter) & SEQUENCE_MASK;
      }
      counter += piece.recordCount;
    }
    assert(
      counter === whole.counter + whole.recordCount,
      'the pieces are the whole, record by record',
    );
  }

  acked(batch: ProducerBatch): void {
    this.ackedCounter = Math.max(this.ackedCounter, batch.counter + batch.recordCount);
  }

  /** Another identity from the coordinator, from sequence 0. Only between transactions. */
  renew(producerId: bigint, producerEpoch: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseCounter = this.counter;
    this.ackedCounter = this.counter;
  }

  /** A new epoch from sequence 0; at the last epoch no id at all, until a new one is there. */
  bump(): void {
    this.baseCounter = this.counter;
    this.ackedCounter = this.counter;
    if (!this.assigned) return;
    if (this.producerEpoch < PRODUCER_EPOCH_MAX) {
      this.producerEpoch += 1;
      return;
    }
    this.#exhaustedId = this.producerId;
    this.producerId = NO_PRODUCER_ID;
    this.producerEpoch = NO_PRODUCER_EPOCH;
  }
}

/** Takes a batch's identity away. Only for one that surely is not in the log, and has no attempt that could still arrive. */
export function unstamp(batch: ProducerBatch): void {
  assert(!batch.maybeAppended, 'a batch that may be in the log keeps its identity');
  batch.producerId = NO_PRODUCER_ID;
  batch.producerEpoch = NO_PRODUCER_EPOCH;
  batch.baseSequence = NO_SEQUENCE;
  batch.counter = -1;
}
