/**
 * The way of a record that nothing stands in the way of: from `send` into an open batch with no object of its own. Whatever is out of the
 * ordinary (a fault, a wait, headers, a serializer or partitioner of the application) is left to the intake, which begins again.
 */
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { RecordPart } from '../kafka/record-writer.ts';
import type { TopicView } from '../send/topic-view.ts';
import type { Delivery } from './delivery.ts';
import type { PlacedRecord } from './open-batches.ts';
import type { ChoosePartition, TopicPartitions } from './partitioners.ts';
import { isCount, noHeaders, type ProducerRecord } from './record.ts';
import { bytesMaxOfAny, recordBytesMax, type RecordLimits } from './record-size.ts';
import { isOurs, type Serialized, type Serializer } from './serializers.ts';

/** What the quick way needs of the engine. */
export interface QuickEngine {
  /** One that can be used now. Asks for nothing. */
  knownTopic(name: string): TopicView | undefined;
  append(record: PlacedRecord, delivery: Delivery, slot: number): boolean;
}

export interface QuickIntakeOptions<K, V> {
  /** One that comes with millrace: asked twice, it gives the same. */
  readonly keySerializer: Serializer<K>;
  readonly valueSerializer: Serializer<V>;
  /** Looks at nothing but the record, its key and how many partitions there are. */
  readonly choose: ChoosePartition<K, V>;
  readonly limits: RecordLimits;
  /** Undefined until it has started. */
  readonly engine: () => QuickEngine | undefined;
  /** Why a record goes the other way, where it is told why. */
  readonly obstacle: () => unknown;
}

/** Used again for each record: who is given it keeps nothing of it. */
class Placed implements PlacedRecord {
  topic = '';
  partition: number | undefined = undefined;
  key: RecordPart = null;
  value: RecordPart = null;
  readonly headers = noHeaders;
  timestampMs = 0;
  bytesMax = 0;
}

/** How many partitions a topic has: all that the default partitioner asks. */
class PartitionCount implements TopicPartitions {
  count = 0;
  readonly available: readonly number[] = [];
}

/** @returns undefined where a serializer is the application's */
export function createQuickIntake<K, V>(
  options: QuickIntakeOptions<K, V>,
): QuickIntake<K, V> | undefined {
  const { keySerializer, valueSerializer } = options;
  const isOwn = !isOurs(keySerializer) || !isOurs(valueSerializer);
  return isOwn ? undefined : new QuickIntake(options);
}

export class QuickIntake<K, V> {
  readonly #options: QuickIntakeOptions<K, V>;
  readonly #placed = new Placed();
  readonly #partitions = new PartitionCount();
  readonly #bytesMax: number;

  constructor(options: QuickIntakeOptions<K, V>) {
    this.#options = options;
    this.#bytesMax = bytesMaxOfAny(options.limits);
  }

  /**
   * @param nowMs the time of a record that names none
   * @returns whether the record is in a batch; if not, nothing has happened
   */
  take(record: ProducerRecord<K, V>, nowMs: number, delivery: Delivery, slot: number): boolean {
    if (this.#options.obstacle() !== undefined) return false;
    const engine = this.#options.engine();
    if (engine === undefined) return false;
    try {
      if (!this.#place(record, nowMs, engine)) return false;
    } catch {
      // A fault is found again by the intake, which tells of it.
      return false;
    }
    return engine.append(this.#placed, delivery, slot);
  }

  /** Whatever is read of a record may be the application's code. */
  #place(record: ProducerRecord<K, V>, nowMs: number, engine: QuickEngine): boolean {
    const { topic, partition, timestamp } = record;
    if (record.headers !== undefined) return false;
    if (partition !== undefined && !isCount(partition)) return false;
    if (timestamp !== undefined && !isCount(timestamp)) return false;
    const known = engine.knownTopic(topic);
    if (known === undefined || known.partitionCount === 0) return false;
    // Left out, not null: few mean a tombstone by it.
    if (record.value === undefined) return false;
    const { keySerializer, valueSerializer, choose } = this.#options;
    const key = serialized(keySerializer, record.key, topic);
    const value = serialized(valueSerializer, record.value, topic);
    const bytesMax = recordBytesMax(key, value, noHeaders);
    if (bytesMax > this.#bytesMax) return false;
    this.#partitions.count = known.partitionCount;
    const chosen = choose(record, key, value, this.#partitions);
    if (chosen >= known.partitionCount) return false;
    // After the serializers: one that calls toJSON may have another record sent meanwhile.
    const placed = this.#placed;
    placed.topic = topic;
    placed.timestampMs = timestamp ?? nowMs;
    placed.bytesMax = bytesMax;
    placed.key = key;
    placed.value = value;
    placed.partition = chosen === UNASSIGNED_PARTITION ? undefined : chosen;
    return true;
  }
}

/** Of a serializer that comes with millrace: no promise, and nothing that has to be checked. */
function serialized<T>(
  serializer: Serializer<T>,
  datum: T | null | undefined,
  topic: string,
): Serialized {
  return datum === null || datum === undefined
    ? null
    : (serializer(datum, topic, noHeaders) as Serialized);
}
