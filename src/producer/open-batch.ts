/** A batch that records are still written into: in the arena, behind the blank header that it will have on the wire. */
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import type { Run } from '../ring/arena.ts';
import { Deliveries } from './delivery.ts';
import type { Lane } from './lane-memory.ts';

export class OpenBatch {
  readonly topic: string;
  /** Undefined: any will do, and the sender chooses it. */
  readonly partition: number | undefined;
  readonly lane: Lane;
  /** When its first record came, on the sender's clock. */
  readonly createdMs: number;
  /** Of its first record: the others are deltas to it. */
  readonly baseTimestampMs: number;
  maxTimestampMs: number;
  run: Run;
  /** Bytes that are written, the header's included. */
  bytes = BATCH_HEADER_BYTES;
  readonly deliveries = new Deliveries();

  constructor(
    place: { readonly topic: string; readonly partition: number | undefined },
    lane: Lane,
    run: Run,
    createdMs: number,
    baseTimestampMs: number,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.lane = lane;
    this.run = run;
    this.createdMs = createdMs;
    this.baseTimestampMs = baseTimestampMs;
    this.maxTimestampMs = baseTimestampMs;
  }

  get recordCount(): number {
    return this.deliveries.count;
  }
}
