/**
 * The bytes of batches on their way out: stamped when a request is framed, and free only when nobody needs them any more, neither the core (its
 * `release`) nor a socket (its write callback). Given back a moment earlier, they would go out as somebody else's records, with a valid
 * checksum (KAFKA-19012).
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { batchAttributes, stamp } from '../kafka/record-batch.ts';
import type { Arena, Run } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';

/** A finished RecordBatch: 61 blank header bytes, then the payload. */
export interface SealedBatch {
  /** In the arena; bytes of their own only for pieces of a split batch that found no room there. */
  readonly run: Run | Uint8Array;
  /** Header and payload. */
  readonly batchBytes: number;
  readonly recordCount: number;
  /** CRC-32C of the payload, unsigned. */
  readonly payloadCrc: number;
  /** Codec id. */
  readonly attributes: number;
  /** The payload before compression. */
  readonly rawBytes: number;
  /** Of the first record, or of all. */
  readonly timestampMs: number;
  /** Of the newest record; absent when all have the same. */
  readonly maxTimestampMs?: number;
  /** Whoever sent the records gave them their times: they are kept when the batch is sent again. */
  readonly keepsTimestamp?: boolean;
}

/** What the sender's shell expects in `ProducerBatch.payload`; `ranges` is the caller's own: where the records came from. */
export interface BatchPayload<Ranges = unknown> {
  readonly sealed: SealedBatch;
  readonly ranges: Ranges;
  /** Of `BatchMemory` alone, from the first request on. */
  use?: BytesUse;
}

/** Who needs the bytes of a batch. */
interface BytesUse {
  /** A request that carries them was not called back. */
  isWriting: boolean;
  isReleased: boolean;
}

/** @throws {Bug} never: every batch that the sender takes in has such a payload */
export function sealedOf(batch: ProducerBatch): SealedBatch {
  return (batch.payload as BatchPayload).sealed;
}

/** All bytes of the batch, where they lie. */
export function bytesOf(memory: SharedMemory, { run, batchBytes }: SealedBatch): Uint8Array {
  return run instanceof Uint8Array ? run : memory.buffer(run.address, batchBytes);
}

export class BatchMemory {
  readonly #memory: SharedMemory;
  readonly #arena: Arena;

  constructor(memory: SharedMemory, arena: Arena) {
    this.#memory = memory;
    this.#arena = arena;
  }

  /**
   * The batch as it goes on the wire, under the identity it has now; in use until `written`.
   *
   * @param freshMs instead of its own time, where that may be changed
   */
  frame(batch: ProducerBatch, freshMs?: number): Uint8Array {
    const sealed = sealedOf(batch);
    const { timestampMs, maxTimestampMs = timestampMs, keepsTimestamp = false } = sealed;
    const isFresh = freshMs !== undefined && !keepsTimestamp;
    if (!(sealed.run instanceof Uint8Array)) this.#arena.assertLive(sealed.run);
    const use = ((batch.payload as BatchPayload).use ??= { isWriting: false, isReleased: false });
    assert(!use.isWriting, 'no batch is stamped while a socket still reads it');
    assert(!use.isReleased, 'no batch is sent after its release');
    use.isWriting = true;
    const bytes = bytesOf(this.#memory, sealed);
    const kind = batch.transactional ? batchAttributes.transactional : 0;
    stamp(bytes, {
      producerId: batch.producerId,
      epoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      recordCount: sealed.recordCount,
      attributes: sealed.attributes | kind,
      timestampMs: isFresh ? freshMs : timestampMs,
      maxTimestampMs: isFresh ? freshMs : maxTimestampMs,
      payloadCrc: sealed.payloadCrc,
      batchBytes: sealed.batchBytes,
    });
    return bytes;
  }

  /** The write callback of the request that carried it ran. */
  written(batch: ProducerBatch): void {
    const { use } = batch.payload as BatchPayload;
    assert(use?.isWriting === true, 'a write is called back once');
    use.isWriting = false;
    if (use.isReleased) this.#free(batch);
  }

  /** The core will not send it again. */
  release(batch: ProducerBatch): void {
    const { use } = batch.payload as BatchPayload;
    assert(use?.isReleased !== true, 'a batch is released once');
    if (use !== undefined) use.isReleased = true;
    if (use?.isWriting !== true) this.#free(batch);
  }

  #free(batch: ProducerBatch): void {
    const { run } = sealedOf(batch);
    if (!(run instanceof Uint8Array)) this.#arena.free(run);
  }
}
