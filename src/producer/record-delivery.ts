import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import { aboutRecord } from './about-record.ts';
import type { Delivery, Slots, WrittenRecord } from './delivery.ts';
import type { KafkaError } from './errors.ts';
import { tell, type Hearer } from './hearer.ts';
import { errorOf } from './outcome-error.ts';
import { failedMetadata, metadataOf, type Headers, type RecordMetadata } from './record.ts';

/** Who hears of all records, before the callback or promise of each. */
export interface DeliveryWatch {
  /** Whether `acked` wants to be called. */
  readonly wantsMetadata: boolean;
  acked(metadata: RecordMetadata, headers: Headers): void;
  /** So many were acknowledged. */
  counted(records: number): void;
  failed(metadata: RecordMetadata, error: KafkaError, headers: Headers): void;
}

/** One record on its way, from `send` to its end. */
export class RecordDelivery implements Delivery {
  readonly topic: string;
  readonly headers: Headers;
  readonly timestampMs: number;
  readonly #watch: DeliveryWatch;
  readonly #hearer: Hearer | null;
  #keyBytes = -1;
  #valueBytes = -1;

  /** @param hearer null: nobody waits for this one */
  constructor(
    topic: string,
    headers: Headers,
    timestampMs: number,
    watch: DeliveryWatch,
    hearer: Hearer | null,
  ) {
    this.topic = topic;
    this.headers = headers;
    this.timestampMs = timestampMs;
    this.#watch = watch;
    this.#hearer = hearer;
  }

  written(_slot: number, _record: WrittenRecord, keyBytes: number, valueBytes: number): void {
    this.#keyBytes = keyBytes;
    this.#valueBytes = valueBytes;
  }

  settle(_slots: Slots, index: number, _to: number, outcome: ProduceOutcome): void {
    if (outcome.type !== 'acked') {
      this.fail(errorOf(outcome, this.topic, outcome.partition, index), outcome.partition);
      return;
    }
    this.#watch.counted(1);
    if (this.#hearer === null && !this.#watch.wantsMetadata) return;
    const metadata = metadataOf(outcome, index, {
      timestamp: this.timestampMs,
      serializedKeySize: this.#keyBytes,
      serializedValueSize: this.#valueBytes,
    });
    if (this.#watch.wantsMetadata) this.#watch.acked(metadata, this.headers);
    if (this.#hearer !== null) tell(this.#hearer, null, metadata);
  }

  /** It was not sent, or was given up. */
  fail(reason: KafkaError, partition?: number | null): void {
    const error = aboutRecord(reason, this.topic, partition);
    this.#watch.failed(failedMetadata(this.topic, partition), error, this.headers);
    if (this.#hearer !== null) tell(this.#hearer, error, null);
  }
}
