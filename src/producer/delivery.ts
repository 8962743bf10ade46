/** What becomes of one record, told to whoever sent it. */
import type { ProduceOutcome } from '../ack/produce-outcome.ts';

export interface Delivery {
  /** It is in a batch. Bytes of its key and value, -1 for null. Called once, before `settle`. */
  written(keyBytes: number, valueBytes: number): void;
  /**
   * Its end. Called once.
   *
   * @param outcome of the batch that the record was in
   * @param index place of the record in that batch, from 0
   */
  settle(outcome: ProduceOutcome, index: number): void;
}
