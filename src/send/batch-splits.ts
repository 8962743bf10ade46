/** Splits on their way: the codec may have to be loaded first, and the arena may have no room for the pieces yet. */
import { ProducerBatch } from '../accumulate/producer-batch.ts';
import { loadCompressor } from '../kafka/compression.ts';
import { batchAttributes } from '../kafka/record-batch.ts';
import type { Arena } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';
import type { BatchPayload } from './batch-memory.ts';
import { splitSealed } from './batch-splitter.ts';
import type { SenderEvent } from './events.ts';

type Batch<Ranges> = ProducerBatch<BatchPayload<Ranges>>;

/**
 * Cuts what a batch stands for in its source.
 *
 * @param recordCounts of the pieces, in order; they add up to the batch's
 * @returns the ranges of each piece
 */
export type CutRanges<Ranges> = (
  batch: ProducerBatch<BatchPayload<Ranges>>,
  recordCounts: readonly number[],
) => readonly Ranges[];

export interface BatchSplitsOptions<Ranges> {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly compressionLevel: number | undefined;
  readonly cutRanges: CutRanges<Ranges>;
  readonly takeBatchId: () => number;
  readonly emit: (event: SenderEvent) => void;
}

export class BatchSplits<Ranges> {
  readonly #options: BatchSplitsOptions<Ranges>;
  /** Under way, unless released meanwhile. */
  readonly #splitting = new Set<ProducerBatch>();
  /** Wait for room. */
  #waiting: (() => void)[] = [];

  constructor(options: BatchSplitsOptions<Ranges>) {
    this.#options = options;
    options.arena.onFree(() => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const tryAgain of waiting) tryAgain();
    });
  }

  /** `batchSplit` follows, when codec and room are there. */
  split(batch: Batch<Ranges>, pieceBytesMax: number): void {
    this.#splitting.add(batch);
    void this.#split(batch, pieceBytesMax);
  }

  /** The core has given up the batch: its bytes may be gone, and nobody waits for its pieces. */
  forget(batch: ProducerBatch): void {
    this.#splitting.delete(batch);
  }

  async #split(batch: Batch<Ranges>, pieceBytesMax: number): Promise<void> {
    const { memory, arena, cutRanges, emit, compressionLevel } = this.#options;
    const { sealed } = batch.payload;
    const codec = sealed.attributes & batchAttributes.codecMask;
    // A batch that did not shrink is not compressed, whatever the level says.
    const compressor = await loadCompressor(codec, codec === 0 ? undefined : compressionLevel);
    while (this.#splitting.has(batch)) {
      const cut = splitSealed({ memory, arena, sealed, pieceBytesMax, compressor });
      if (cut === undefined) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      this.#splitting.delete(batch);
      const counts = cut.map(({ recordCount }) => recordCount);
      const ranges = cutRanges(batch, counts);
      assert(ranges.length === cut.length, 'each piece has its ranges');
      const pieces = cut.map((piece, index) =>
        this.#pieceOf(batch, { sealed: piece, ranges: ranges[index] as Ranges }),
      );
      emit({ type: 'batchSplit', batch, pieces });
    }
  }

  #pieceOf(batch: Batch<Ranges>, payload: BatchPayload<Ranges>): Batch<Ranges> {
    const { recordCount, batchBytes, rawBytes } = payload.sealed;
    const { topic, partition, keyless, createdMs, replayable } = batch;
    return new ProducerBatch({
      id: this.#options.takeBatchId(),
      ...{ topic, recordCount, batchBytes, rawBytes, createdMs, replayable, payload },
      ...(keyless ? {} : { partition }),
    });
  }
}
