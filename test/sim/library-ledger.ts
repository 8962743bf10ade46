/** What an application has sent through the library, where it went, and what it was told. */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import type { DecodedRecord } from '../../src/kafka/record.ts';
import type { KafkaError } from '../../src/producer/errors.ts';
import { partitionForKey } from '../../src/producer/partitioners.ts';
import type { RecordMetadata } from '../../src/producer/record.ts';
import type { Records } from '../support/simulated-partition.ts';
import { demand } from './fault.ts';

/** How the application hears of a record: by itself, with all of its call, or not at all. */
export type Way = 'promise' | 'callback' | 'call' | 'unheard';

/** What it was told of a record. */
export interface End {
  readonly error: KafkaError | null;
  readonly metadata: RecordMetadata | null;
  readonly atMs: number;
}

export interface SentRecord {
  /** In the order in which the library took them. */
  readonly id: number;
  readonly topic: string;
  /** The partition that record or key name; undefined: any. */
  readonly partition: number | undefined;
  readonly key: string | null;
  readonly value: string;
  /** Left out: the time of the call. */
  readonly timestamp: number | undefined;
  readonly way: Way;
  readonly takenMs: number;
  /** Its place among all records that came into batches. */
  position: number | undefined;
  end: End | undefined;
}

export interface LedgerOptions {
  readonly nowMs: () => number;
  /** Partitions of a topic that has as many from its beginning to its end; undefined: those of a key are not foretold. */
  readonly partitionsOf: (topic: string) => number | undefined;
  /** Whether the partitioner looks at keys. */
  readonly usesKeys: boolean;
  /** Then it gives each record a partition of its own. */
  readonly isRoundRobin: boolean;
}

export class Ledger {
  readonly records: SentRecord[] = [];
  /** By position. */
  readonly ids: number[] = [];
  /** By position; undefined as long as nothing is known. */
  readonly outcomes: (ProduceOutcome | undefined)[] = [];
  /** Ids of the records that somebody was told of by itself, in the order of telling. */
  readonly told: number[] = [];
  /** Records that somebody will be told of by itself. */
  untold = 0;
  readonly #options: LedgerOptions;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** A record that is taken now. */
  take(
    given: Pick<SentRecord, 'topic' | 'partition' | 'key' | 'timestamp' | 'way'>,
    padding: number,
  ): SentRecord {
    const id = this.records.length;
    const record: SentRecord = {
      ...{ id, ...given, value: `${id}:${'x'.repeat(padding)}`, takenMs: this.#options.nowMs() },
      ...{ position: undefined, end: undefined },
    };
    this.records.push(record);
    if (isTold(record)) this.untold += 1;
    return record;
  }

  /** Where its record or key wants it; undefined: anywhere. */
  placeOf({ topic, partition, key }: SentRecord): number | undefined {
    if (partition !== undefined) return partition;
    const count = this.#options.partitionsOf(topic);
    if (key === null || !this.#options.usesKeys || count === undefined) return undefined;
    return partitionForKey(key, count);
  }

  /** Whether the sender chooses the partition. */
  isFree({ partition, key }: SentRecord): boolean {
    const { usesKeys, isRoundRobin } = this.#options;
    return !isRoundRobin && partition === undefined && (key === null || !usesKeys);
  }

  /** Its `topic-partition`, where it came into one that there is. */
  traceable(record: SentRecord): string | undefined {
    const { topic, partition = -1 } = this.outcomeOf(record) ?? {};
    return topic === undefined || partition < 0 ? undefined : `${topic}-${partition}`;
  }

  /** What lies in a batch, read from its bytes. */
  sealed(batch: ProducerBatch, decoded: readonly DecodedRecord[], baseMs: number): void {
    const { topic, partition } = batch;
    const place = batch.keyless ? undefined : `${topic}-${partition}`;
    const { from } = batch.payload as Records;
    demand(from === this.ids.length, 'broken', () => 'positions count up');
    decoded.forEach(({ key, value, timestampDelta }, index) => {
      const text = Buffer.from(value ?? '').toString('latin1');
      const record = this.records[Number(text.slice(0, text.indexOf(':')))];
      const found = (): string => `a record was written that nobody sent: ${text.slice(0, 40)}`;
      demand(record !== undefined && record.value === text, 'lied', found, place);
      const { id, timestamp = baseMs + timestampDelta } = record;
      const what = (about: string) => (): string => `record ${id} is written with another ${about}`;
      demand(record.topic === topic, 'lied', what('topic'), place);
      const keyText = key === null ? null : Buffer.from(key).toString('latin1');
      demand(record.key === keyText, 'lied', what('key'), place);
      demand(timestamp === baseMs + timestampDelta, 'lied', what('time'), place);
      const twice = (): string => `record ${id} is written into two batches`;
      demand(record.position === undefined, 'duplicated', twice, place);
      record.position = from + index;
      this.ids.push(id);
    });
  }

  /** A batch, or a piece of one, has its outcome. */
  settled(batch: ProducerBatch, outcome: ProduceOutcome): void {
    const { from, count } = batch.payload as Records;
    for (let position = from; position < from + count; position += 1) {
      const twice = (): string => `record ${this.ids[position] ?? -1} has two outcomes`;
      demand(this.outcomes[position] === undefined, 'lied', twice);
      this.outcomes[position] = outcome;
    }
  }

  /** Somebody is told of one record. */
  tell(record: SentRecord, error: KafkaError | null, metadata: RecordMetadata | null): void {
    const { id } = record;
    demand(record.end === undefined, 'lied', () => `record ${id} is told of twice`);
    const isOne = (error === null) !== (metadata === null);
    demand(isOne, 'lied', () => `record ${id} is told neither or both of error and metadata`);
    record.end = { error, metadata, atMs: this.#options.nowMs() };
    if (!isTold(record)) return;
    this.untold -= 1;
    this.told.push(id);
  }

  outcomeOf({ position }: SentRecord): ProduceOutcome | undefined {
    return position === undefined ? undefined : this.outcomes[position];
  }

  /** Whether its end is known to whoever may know it. */
  isOver(record: SentRecord): boolean {
    if (record.way !== 'unheard') return record.end !== undefined;
    return record.position === undefined || this.outcomes[record.position] !== undefined;
  }
}

function isTold({ way }: SentRecord): boolean {
  return way === 'callback' || way === 'promise';
}
