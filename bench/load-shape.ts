/** What every program of the benches is given alike. */

/** Of the topic. */
export const PARTITIONS = 6;

/** How long a program may wait for more records. */
export const LINGER_MS = 5;

/** About what fits into one request: so much goes into a call that takes many records. */
export const CALL_BYTES = 900_000;

/** A v2 record around its key and value: length, attributes, two deltas, two lengths, headers. */
export const RECORD_OVERHEAD_BYTES = 12;

/** Records of so many bytes in a call that takes many. */
export function recordsInCall(valueBytes: number): number {
  return Math.max(1, Math.floor(CALL_BYTES / (valueBytes + RECORD_OVERHEAD_BYTES)));
}
