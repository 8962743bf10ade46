import { ProducerBatch } from '../accumulate/producer-batch.ts';
import { createCompressor } from '../kafka/compression.ts';
import { batchAttributes } from '../kafka/record-batch.ts';
import type { Arena } from '../ring/arena.ts';
import type { SharedMemory } from '../ring/shared-memory.ts';
import { assert, present } from '../shared/assert.ts';
import type { BatchPayload } from './batch-memory.ts';
import { cutSealed, sealInArena, sealOutside } from './batch-splitter.ts';

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

export interface SplitOptions<Ranges> {
  readonly memory: SharedMemory;
  readonly arena: Arena;
  readonly compressionLevel: number | undefined;
  readonly cutRanges: CutRanges<Ranges>;
  readonly takeBatchId: () => number;
}

/**
 * Cuts a batch that a broker finds too large. Pieces for which the arena has no room lie outside of it, as in Java: all that fills it may wait behind
 * the very batch that is split, and would never make room. No more of them are there than batches that were in flight at once.
 *
 * @param pieceBytesMax of each piece with its header, unless one record alone is longer
 * @returns at least two batches, in the order of the records; the whole, which must be live, is left as it is
 */
export function splitBatch<Ranges>(
  options: SplitOptions<Ranges>,
  batch: ProducerBatch<BatchPayload<Ranges>>,
  pieceBytesMax: number,
): ProducerBatch<BatchPayload<Ranges>>[] {
  const { memory, compressionLevel, cutRanges, takeBatchId } = options;
  const { sealed } = batch.payload;
  const codec = sealed.attributes & batchAttributes.codecMask;
  // A batch that did not shrink is not compressed, whatever the level says.
  const compressor = createCompressor(codec, codec === 0 ? undefined : compressionLevel);
  const cut = cutSealed({ memory, sealed, pieceBytesMax, compressor });
  const ranges = cutRanges(
    batch,
    cut.map(({ recordCount }) => recordCount),
  );
  assert(ranges.length === cut.length, 'each piece has its ranges');
  const pieces = sealInArena(options, sealed, cut) ?? sealOutside(sealed, cut);
  const { topic, partition, keyless, createdMs, replayable } = batch;
  return pieces.map((piece, index) => {
    const { recordCount, batchBytes, rawBytes } = piece;
    return new ProducerBatch({
      id: takeBatchId(),
      ...{ topic, recordCount, batchBytes, rawBytes, createdMs, replayable },
      partition: keyless ? undefined : partition,
      payload: { sealed: piece, ranges: present(ranges[index], 'ranges for each') },
    });
  });
}
