/** What becomes of one record, told to whoever sent it. */
import type { ProduceOutcome } from '../ack/produce-outcome.ts';

/** The end of one record; called once. */
export interface Delivery {
  /** Bytes of key and value before the batch, -1 for none; for the metadata of the record. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** As it was sent, in ms since the epoch. */
  readonly timestampMs: number;
  /**
   * @param outcome of the batch that the record was in
   * @param index place of the record in that batch, from 0
   */
  settle(outcome: ProduceOutcome, index: number): void;
}
