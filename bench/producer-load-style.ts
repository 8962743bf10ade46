/** How a program sends, what a run of the producer bench is about, and what it gives. */
import type { Codec } from './contenders.ts';

/**
 * - `batch`: a call with about 900,000 bytes of records, awaited before the next, so that lingering for more is no use: linger.ms=0;
 * - `promise`: a call and a promise a record, a thousand of them open;
 * - `callback`: a call and a callback a record, nothing to wait for but memory; a client that needs an answer to go on has a thousand open;
 * - `fire`: a call a record without a callback, likewise;
 * - `single`: a call a record, awaited before the next, with linger.ms=0: its latency is the figure.
 */
export const loadStyles = ['batch', 'callback', 'promise', 'fire', 'single'] as const;
export type LoadStyle = (typeof loadStyles)[number];

/** Records of one shape, sent in one style. */
export interface LoadCell {
  readonly valueBytes: number;
  readonly codec: Codec;
  readonly style: LoadStyle;
  readonly isKeyed: boolean;
  readonly records: number;
}

/** What the measured part of a run cost. */
export interface LoadFigures {
  readonly wallSeconds: number;
  /** User and system time, all threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** Median and 99th percentile from call to acknowledgement; NaN but for `single`. */
  readonly latencyMs: number;
  readonly latencyP99Ms: number;
}
