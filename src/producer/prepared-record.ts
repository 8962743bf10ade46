import type { PlacedRecord } from './open-batches.ts';
import { ownRecord, type Headers, type ProducerRecord } from './record.ts';
import type { RecordDelivery } from './record-delivery.ts';
import type { Serialized } from './serializers.ts';
import type { PermissionWait } from './topic-refusal.ts';
import type { Attempt, WaitEnd, Waiting } from './waiting-line.ts';

/** What the intake does with a record when its turn comes. */
export interface RecordDoor<K, V> {
  attempt(prepared: PreparedRecord<K, V>): Attempt;
  expire(prepared: PreparedRecord<K, V>, reason: WaitEnd): void;
}

/**
 * A serialized record on its way to a batch. What stands in the waiting line, what waits for a permission and what a batch is given are all this
 * one object: there is one for each record.
 */
export class PreparedRecord<K, V> implements Waiting, PlacedRecord, PermissionWait {
  record: ProducerRecord<K, V>;
  readonly topic: string;
  key: Serialized;
  value: Serialized;
  readonly headers: Headers;
  readonly timestampMs: number;
  readonly bytesMax: number;
  readonly delivery: RecordDelivery;
  /** Chosen anew at each attempt, until it waits for room. */
  partition: number | undefined = undefined;
  deadlineMs = Infinity;
  lane: string | undefined = undefined;
  order = 0;
  answersBefore: number | undefined = undefined;
  readonly #door: RecordDoor<K, V>;

  constructor(
    door: RecordDoor<K, V>,
    record: ProducerRecord<K, V>,
    key: Serialized,
    value: Serialized,
    bytesMax: number,
    delivery: RecordDelivery,
  ) {
    this.#door = door;
    this.record = record;
    this.topic = record.topic;
    this.key = key;
    this.value = value;
    this.headers = delivery.headers;
    this.timestampMs = delivery.timestampMs;
    this.bytesMax = bytesMax;
    this.delivery = delivery;
  }

  /** Copies all that the caller may change; a serializer may have given bytes that are the caller's. */
  keep(): void {
    this.record = ownRecord(this.record);
    this.key = ownBytes(this.key);
    this.value = ownBytes(this.value);
    keepHeaders(this.headers);
  }

  attempt(): Attempt {
    return this.#door.attempt(this);
  }

  expire(reason: WaitEnd): void {
    this.#door.expire(this, reason);
  }
}

/** Copies the bytes of headers that have to wait. */
export function keepHeaders(headers: Headers): void {
  headers.forEach(([name, value], at) => {
    headers[at] = [name, ownBytes(value)];
  });
}

/** Text cannot change. */
export function ownBytes(part: Serialized): Serialized {
  return part === null || typeof part === 'string' ? part : Buffer.from(part);
}
