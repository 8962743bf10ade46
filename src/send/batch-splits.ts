/** Splits on their way: the codec may have to be loaded first, and the arena may have no room for the pieces. */
import { ProducerBatch } from '../accumulate/producer-batch.ts';
import { createCompressor } from '../kafka/compression.ts';
import { batchAttributes } from '../kafka/record-batch.ts';
import type { Arena } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert } from '../shared/assert.ts';
import type { BatchPayload } from './batch-memory.ts';
import { cutSealed, sealInArena, sealOutside } from './batch-splitter.ts';
import type { Piece } from './batch-splitter.ts';
import type { SenderEvent } from './events.ts';

type Batch<Ranges> = ProducerBatch<BatchPayload<Ranges>>;

interface Asked<Ranges> {
  readonly batch: Batch<Ranges>;
  readonly pieceBytesMax: number;
}

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

/**
 * One after the other. Pieces that find no room in the arena lie outside of it, those of one batch at a time: all that fills the arena may wait
 * behind the very batch that is split, and would never make room. A piece outside that has to be cut once more waits for nobody: its own pieces
 * take its place, and whoever waits for room may wait for it.
 */
export class BatchSplits<Ranges> {
  readonly #options: BatchSplitsOptions<Ranges>;
  /** Asked for, and not released meanwhile. */
  readonly #splitting = new Set<ProducerBatch>();
  readonly #asked: Asked<Ranges>[] = [];
  /** Pieces outside the arena. */
  readonly #outside = new Set<ProducerBatch>();
  #isWorking = false;
  /** Somebody waits for room. */
  #wake: (() => void) | undefined;

  constructor(options: BatchSplitsOptions<Ranges>) {
    this.#options = options;
    options.arena.onFree(() => this.#wake?.());
  }

  /** `batchSplit` follows, when codec and room are there. */
  split(batch: Batch<Ranges>, pieceBytesMax: number): void {
    this.#splitting.add(batch);
    if (this.#outside.has(batch)) {
      void this.#split({ batch, pieceBytesMax });
      return;
    }
    this.#asked.push({ batch, pieceBytesMax });
    if (!this.#isWorking) void this.#work();
  }

  /** The core has given up the batch: its bytes may be gone, and nobody waits for its pieces. */
  forget(batch: ProducerBatch): void {
    const wasSplitting = this.#splitting.delete(batch);
    if (this.#outside.delete(batch) || wasSplitting) this.#wake?.();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let next = this.#asked.shift(); next !== undefined; next = this.#asked.shift()) {
      await this.#split(next);
    }
    this.#isWorking = false;
  }

  async #split({ batch, pieceBytesMax }: Asked<Ranges>): Promise<void> {
    const { memory, compressionLevel } = this.#options;
    const { sealed } = batch.payload;
    const codec = sealed.attributes & batchAttributes.codecMask;
    // A batch that did not shrink is not compressed, whatever the level says.
    const compressor = createCompressor(codec, codec === 0 ? undefined : compressionLevel);
    if (!this.#splitting.has(batch)) return;
    const cut = cutSealed({ memory, sealed, pieceBytesMax, compressor });
    while (this.#splitting.has(batch)) {
      const pieces = this.#seal(batch, cut);
      if (pieces !== undefined) {
        this.#splitting.delete(batch);
        this.#options.emit({ type: 'batchSplit', batch, pieces });
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #seal(batch: Batch<Ranges>, cut: readonly Piece[]): Batch<Ranges>[] | undefined {
    const { cutRanges } = this.#options;
    const { sealed } = batch.payload;
    const inside = sealInArena(this.#options, sealed, cut);
    const isTaken = this.#outside.size > 0 && !this.#outside.has(batch);
    if (inside === undefined && isTaken) return undefined;
    const ranges = cutRanges(
      batch,
      cut.map(({ recordCount }) => recordCount),
    );
    assert(ranges.length === cut.length, 'each piece has its ranges');
    const pieces = (inside ?? sealOutside(sealed, cut)).map((piece, index) =>
      this.#pieceOf(batch, { sealed: piece, ranges: ranges[index] as Ranges }),
    );
    if (inside === undefined) for (const piece of pieces) this.#outside.add(piece);
    return pieces;
  }

  #pieceOf(batch: Batch<Ranges>, payload: BatchPayload<Ranges>): Batch<Ranges> {
    const { recordCount, batchBytes, rawBytes } = payload.sealed;
    const { topic, partition, keyless, createdMs, replayable } = batch;
    return new ProducerBatch({
      id: this.#options.takeBatchId(),
      ...{ topic, recordCount, batchBytes, rawBytes, createdMs, replayable, payload },
      partition: keyless ? undefined : partition,
    });
  }
}
