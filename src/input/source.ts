/**
 * One thing that yields bytes and can name a position in them: one content of one file, one connection, standard input.
 * A file that is truncated begins a new source: positions of one source only ever grow.
 */
export interface Source {
  /** Names it in messages; unique among the sources that are alive. */
  readonly id: string;
  /** Where its first byte lies, in bytes. */
  readonly startPosition: number;
  /** Everything before `position` is delivered, or was left out on purpose and counted. Called with growing positions. */
  settled(position: number): void;
}

/** A stretch of one source, in its own positions: `from` is in it, `to` is not. */
export interface SourceRange {
  readonly source: Source;
  readonly from: number;
  readonly to: number;
}
