/** A batch that records are still written into: in the arena, behind the blank header that it will have on the wire. */
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { Abandoned } from '../ack/produce-outcome.ts';
import { BATCH_HEADER_BYTES } from '../kafka/record-batch.ts';
import type { Run } from '../ring/arena.ts';
import { Deliveries } from './delivery.ts';
import type { Lane } from './lane-memory.ts';
import type { RecordDesk } from './record-desk.ts';

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
  /** Open for longer than linger.ms, because it would wait all the same. */
  isHeld = false;
  readonly deliveries = new Deliveries();
  /** Where its last records lie, until they go into `run`. */
  desk: RecordDesk | undefined;

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

  /** Its records fail: none of them was sent. Its memory is left to the caller. */
  giveUp(why: Pick<Abandoned, 'error' | 'message'>): void {
    const { topic, partition = UNASSIGNED_PARTITION } = this;
    this.deliveries.settle({ type: 'abandoned', written: 'no', topic, partition, ...why });
  }
}
