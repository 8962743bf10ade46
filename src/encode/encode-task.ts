/**
 * What one encode is told and what it answers: plain numbers only, so that both fit a ring descriptor.
 *
 *     input run                                   output run
 *     |line \n line \n ... |64 guard bytes|       |61 blank header bytes|payload ...|64 guard bytes|
 */

/** Bits of `EncodeTask.flags`. Exactly one of the three `LONG_` bits is set, or `RECORDS`. */
export const encodeFlags = {
  /** One carriage return before the newline (or before the end of the input) is not part of the value. */
  STRIP_CR: 1,
  /** Empty lines make no record; without it they are records with an empty value. */
  SKIP_EMPTY: 2,
  /** A line over `recordBytesMax` becomes several records, each full but the last. */
  LONG_SPLIT: 4,
  /** A line over `recordBytesMax` keeps its first `recordBytesMax` bytes. */
  LONG_TRUNCATE: 8,
  /** A line over `recordBytesMax` makes no record. */
  LONG_DROP: 16,
  /** The input is v2 records already, not lines: they are compressed as they are, all of them in one batch. No other bit counts then. */
  RECORDS: 32,
} as const;

/**
 * The most that a record adds to value and trailer: length, attributes, timestamp delta, offset delta, null key, value length.
 * 5 + 1 + 1 + 5 + 1 + 5 bytes.
 */
export const RECORD_OVERHEAD_BYTES_MAX = 18;

/** One encode: input, output, and how bytes become records. All addresses are of the one shared memory. */
export interface EncodeTask {
  readonly inputAddress: number;
  /** Whole lines; bytes after the last newline are a record too. 64 readable guard bytes follow. */
  readonly inputBytes: number;
  readonly outputAddress: number;
  /**
   * Capacity of the output run, the 61 header bytes included, guard bytes not. The longest record of the input must fit:
   * `61 + min(recordBytesMax, inputBytes) + 18 + trailerBytes`, or the encode could make no progress.
   */
  readonly outputBytes: number;
  /** Constant bytes after each value: varint header count and headers. No headers: one byte 0, still there. */
  readonly trailerAddress: number;
  /** 1 or more; guard bytes follow the trailer too. */
  readonly trailerBytes: number;
  /** Longest value; a longer line is handled as the `LONG_` flag says. 1 or more. */
  readonly recordBytesMax: number;
  readonly flags: number;
  /** Of the input when it is records; 0 for lines, which are counted. */
  readonly recordCount: number;
  /** The sealed batch, header included and after compression, is at most this long. */
  readonly batchBytesMax: number;
  /** Kafka's attribute codec id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number;
  readonly level: number;
  /** Of the batch; the encode does not read it. */
  readonly timestampMs: number;
}

/** What one encode did. The input that was not consumed is submitted as the next part of the same chunk. */
export interface EncodeResult {
  /** Of the input; more than 0 unless the input was empty. Ends at a record's end. */
  readonly consumedBytes: number;
  /** 61 and the payload, or 0 when no record came out. */
  readonly batchBytes: number;
  readonly recordCount: number;
  /** CRC-32C of the payload, unsigned; 0 when no record came out. */
  readonly payloadCrc: number;
  /** The codec really used: 0 when compression did not make the payload smaller. */
  readonly attributes: number;
  /** The payload before compression. */
  readonly rawBytes: number;
  /** Empty lines that made no record (`SKIP_EMPTY`). */
  readonly emptyCount: number;
  /** Truncated and dropped lines, one each; split lines, one for each cut, so that parts of a chunk add up. */
  readonly longCount: number;
}
