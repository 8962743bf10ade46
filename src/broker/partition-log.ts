import { assert, present } from '../shared/assert.ts';

/** One batch as the log remembers it: what its header says, where it lies, and its bytes unless the log discards them. */
export interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  /** -1 when the batch is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly recordCount: number;
  /** Newest record timestamp, or the append time for a LogAppendTime topic, in milliseconds. */
  readonly maxTimestampMs: number;
  /** CRC-32C as the header carries it. */
  readonly crc: number;
  readonly sizeBytes: number;
  /** It belongs to a transaction. */
  readonly transactional: boolean;
  /** It is a control batch, which ends the transaction of its producer. */
  readonly marker?: 'commit' | 'abort';
  readonly bytes: Uint8Array | undefined;
}

/** Discarding logs keep this many batch headers, so that replicas can still catch up by replay. */
const DISCARDED_HEADERS_MAX = 4096;

/**
 * The log of one partition, in memory: whole batches in offset order. Older batches fall out at the front when the
 * byte cap is passed (an eighth at once), which moves `startOffset`; a discarding log keeps headers only and reads as empty.
 */
export class PartitionLog {
  retainedBytesMax: number;
  readonly #discard: boolean;
  #batches: LogBatch[] = [];
  #retainedBytes = 0;
  #startOffset = 0;
  #endOffset = 0;
  #recordCount = 0;
  #byteCount = 0;
  #checksum = 0;

  constructor(options: { retainedBytesMax: number; discard: boolean }) {
    this.retainedBytesMax = options.retainedBytesMax;
    this.#discard = options.discard;
  }

  /** First offset that can be read. A discarding log has none, so it says its end. */
  get startOffset(): number {
    return this.#discard ? this.#endOffset : this.#startOffset;
  }

  /** Offset of the next record. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Records ever appended and not truncated, retained or not. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Bytes of the batches ever appended and not truncated, headers included. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** Order-sensitive digest of the CRCs of all batches ever appended: equal for equal logs, whether discarded or not. */
  get checksum(): number {
    return this.#checksum;
  }

  /** There were records and none of them can be replayed any more. */
  get isEmptied(): boolean {
    return !this.#discard && this.#endOffset > 0 && this.#startOffset === this.#endOffset;
  }

  /** Takes the batch as the log's next; its offsets must continue the log. */
  append(batch: LogBatch): void {
    assert(batch.baseOffset === this.#endOffset, 'a batch is appended at the end of the log');
    assert(batch.lastOffset >= batch.baseOffset, 'a batch covers at least one offset');
    assert((batch.bytes === undefined) === this.#discard, 'bytes are kept unless the log discards');
    this.#batches.push(batch);
    this.#endOffset = batch.lastOffset + 1;
    this.#recordCount += batch.recordCount;
    this.#byteCount += batch.sizeBytes;
    this.#checksum = (Math.imul(this.#checksum, 31) + batch.crc) >>> 0;
    if (this.#discard) {
      if (this.#batches.length >= 2 * DISCARDED_HEADERS_MAX) this.#dropFront(DISCARDED_HEADERS_MAX);
    } else {
      this.#retainedBytes += batch.sizeBytes;
      this.#applyRetention();
    }
  }

  /**
   * Whole batches from the one that holds `offset` on, ending before `endOffset`: as many as fit into `bytesMax`, but
   * at least one if `atLeastOne`, as a Fetch response must make progress past a batch of any size.
   */
  read(offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean): Uint8Array[] {
    const fragments: Uint8Array[] = [];
    if (this.#discard) return fragments;
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#batches.length; index++) {
      const batch = present(this.#batches[index], 'the index is in range');
      if (batch.lastOffset >= endOffset) break;
      const fits = bytes + batch.sizeBytes <= bytesMax;
      if (!fits && !(atLeastOne && fragments.length === 0)) break;
      fragments.push(present(batch.bytes, 'a keeping log has the bytes of its batches'));
      bytes += batch.sizeBytes;
    }
    return fragments;
  }

  /** The batches (headers only when discarding) that lie at or above `offset`, as far as they are remembered. */
  batchesFrom(offset: number): readonly LogBatch[] {
    return this.#batches.slice(this.#indexOf(offset));
  }

  /** All batches remembered, oldest first. */
  get batches(): readonly LogBatch[] {
    return this.#batches;
  }

  /** Cuts the log so that it ends at `offset`, as an unclean leader election does; batches are never cut in two. */
  truncateTo(offset: number): void {
    assert(offset <= this.#endOffset, 'a log is truncated to an offset that it has reached');
    const from = this.#indexOf(offset);
    for (const batch of this.#batches.splice(from)) {
      assert(batch.baseOffset >= offset, 'truncation happens between batches');
      this.#recordCount -= batch.recordCount;
      this.#byteCount -= batch.sizeBytes;
      this.#retainedBytes -= this.#discard ? 0 : batch.sizeBytes;
    }
    this.#endOffset = offset;
    this.#startOffset = Math.min(this.#startOffset, offset);
  }

  /** Forgets what lies below `offset`, as DeleteRecords and retention do. A batch goes when all of it lies below. */
  deleteBefore(offset: number): void {
    assert(offset <= this.#endOffset, 'records are deleted up to the end of the log at most');
    this.#dropFront(this.#indexOf(offset));
    this.#startOffset = Math.max(this.#startOffset, offset);
  }

  /** Drops an eighth at once, so that the array is not moved at every append. */
  #applyRetention(): void {
    if (this.#retainedBytes <= this.retainedBytesMax) return;
    let excess = this.#retainedBytes - (this.retainedBytesMax / 8) * 7;
    let count = 0;
    while (excess > 0 && count < this.#batches.length - 1) {
      excess -= present(this.#batches[count], 'the index is in range').sizeBytes;
      count += 1;
    }
    this.#dropFront(count);
    this.#startOffset = present(this.#batches[0], 'the newest batch stays').baseOffset;
  }

  #dropFront(count: number): void {
    for (const { sizeBytes } of this.#batches.splice(0, count)) {
      this.#retainedBytes -= this.#discard ? 0 : sizeBytes;
    }
  }

  /** Index of the first batch whose last offset is at or above `offset`; the length when there is none. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (present(this.#batches[middle], 'the index is in range').lastOffset < offset)
        low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
