import { namesIn } from './asked.ts';
import type { Codec } from './contenders.ts';
import { loadStyles, type LoadCell, type LoadStyle } from './producer-load-style.ts';

/** Lists as they were typed, with commas; what is left out is all of it. */
interface Asked {
  readonly sizes?: string | undefined;
  readonly codecs?: string | undefined;
  readonly styles?: string | undefined;
  readonly records?: string | undefined;
}

/**
 * Of values. So much that a client's slow beginning is a small part, of the quickest one too: V8 compiles what has run often, and of short
 * records a request holds ten thousand (docs/decisions/producer-speed.md).
 */
const BYTES = 1_000_000_000;
/** A promise a record: slow enough. */
const PROMISES = 1_000_000;
/** One at a time: a minute would tell no more. */
const SINGLES = 30_000;

/** Each size, codec and style; with keys too where many records go in one call, which is where a partitioner costs. */
export function producerCells({ sizes, codecs, styles, records }: Asked): LoadCell[] {
  const cells: LoadCell[] = [];
  for (const valueBytes of namesIn(sizes, ['100', '1024']).map(Number)) {
    for (const codec of namesIn(codecs, ['none', 'lz4']) as Codec[]) {
      for (const style of namesIn(styles, loadStyles) as LoadStyle[]) {
        const about = { valueBytes, codec, style, records: recordsOf(style, valueBytes, records) };
        cells.push({ ...about, isKeyed: false });
        if (style === 'batch') cells.push({ ...about, isKeyed: true });
      }
    }
  }
  return cells;
}

function recordsOf(style: LoadStyle, valueBytes: number, asked: string | undefined): number {
  if (style === 'single') return SINGLES;
  if (asked !== undefined) return Number(asked);
  return style === 'promise' ? PROMISES : Math.round(BYTES / valueBytes);
}
