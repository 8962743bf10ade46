import type { Run } from '../ring/arena.ts';
import type { Route } from './route.ts';
import type { Source, SourceRange } from './source.ts';

/**
 * Which bytes of a chunk came from where.
 *
 *     chunk     |....chunkFrom ............ chunkTo....|
 *     source         positionFrom ... positionTo
 *
 * Linear from the beginning: position = positionFrom + (offset - chunkFrom), but never over positionTo. A last line that came
 * without its newline has one in the chunk, so the chunk's side can be one byte longer than the source's.
 */
export interface Segment {
  readonly source: Source;
  readonly chunkFrom: number;
  readonly chunkTo: number;
  readonly positionFrom: number;
  readonly positionTo: number;
}

/** Whole frames of one route, contiguous in one run; every line ends in a newline. One chunk is one submission. */
export interface Chunk {
  /** Counts all chunks of all routes, from 0, in the order of dispatch. */
  readonly number: number;
  readonly route: Route;
  readonly input: Run;
  readonly bytes: number;
  /** In order, without a gap on the chunk's side. */
  readonly segments: readonly Segment[];
  /** When its first bytes came in, milliseconds since 1970: the timestamp of its records. */
  readonly timestampMs: number;
  readonly trailerAddress: number;
  readonly trailerBytes: number;
  readonly flags: number;
  readonly recordBytesMax: number;
}

/** The sources' side of a part [from, to) of a chunk. Parts end where records end; together they cover every position once. */
export function rangesOf(
  segments: readonly Segment[],
  from: number,
  to: number,
): readonly SourceRange[] {
  const ranges: SourceRange[] = [];
  for (const segment of segments) {
    if (segment.chunkTo <= from || segment.chunkFrom >= to) continue;
    const begin = positionAt(segment, Math.max(from, segment.chunkFrom));
    const end = to >= segment.chunkTo ? segment.positionTo : positionAt(segment, to);
    if (end > begin) ranges.push({ source: segment.source, from: begin, to: end });
  }
  return ranges;
}

function positionAt(segment: Segment, offset: number): number {
  return Math.min(segment.positionTo, segment.positionFrom + (offset - segment.chunkFrom));
}
