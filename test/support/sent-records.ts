import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer, RecordMetadata } from '../../src/index.ts';
import type { KafkaError } from '../../src/producer/errors.ts';
import { kcatLines } from './kcat.ts';

/** What the producer said of one record, in the end. */
type End = { readonly metadata: RecordMetadata } | { readonly error: KafkaError };

/** Where a record goes. Without either it is keyless, and the producer chooses. */
export interface Place {
  readonly key?: string;
  readonly partition?: number;
}

/** One record as kcat reads it. */
export interface StoredRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly number: number;
}

/** Numbers of records, by what is wrong with them: all empty when the producer has kept its word and told the truth. */
export interface Verdict {
  /** Acknowledged, and not in the log. */
  readonly lost: readonly number[];
  readonly doubled: readonly number[];
  /** In the log behind one of its own partition that was sent later. */
  readonly reordered: readonly number[];
  /** Acknowledged at another place than where it is. */
  readonly misplaced: readonly number[];
  /** Said to be not sent, and in the log. */
  readonly denied: readonly number[];
  /** Neither acknowledged nor failed: its promise was forgotten. */
  readonly silent: readonly number[];
  /** More than one end was told of it. */
  readonly contradicted: readonly number[];
}

export const nothingWrong: Verdict = {
  ...{ lost: [], doubled: [], reordered: [], misplaced: [] },
  ...{ denied: [], silent: [], contradicted: [] },
};

/** Numbered records that go into one topic, and what the producer says becomes of them. Its judge reads with kcat, which we did not write. */
export class SentRecords {
  readonly topic: string;
  /** How many were given to the producer: the next one's number. */
  count = 0;
  readonly ends = new Map<number, End>();
  readonly #producer: Producer;
  readonly #bootstrap: string;
  readonly #filling: string;
  readonly #contradicted: number[] = [];

  /** @param fillBytes of each value, besides its number */
  constructor(producer: Producer, bootstrap: string, topic: string, fillBytes = 0) {
    this.#producer = producer;
    this.#bootstrap = bootstrap;
    this.topic = topic;
    this.#filling = fillBytes === 0 ? '' : ` ${'x'.repeat(fillBytes - 1)}`;
  }

  /** Sends so many records, each to the place that its number asks for. */
  send(count: number, placeOf: (number: number) => Place): void {
    for (let left = count; left > 0; left -= 1) {
      const number = this.count;
      this.count += 1;
      const record = { topic: this.topic, ...placeOf(number), value: `${number}${this.#filling}` };
      this.#producer.send(record, (error, metadata) => {
        if (this.ends.has(number)) this.#contradicted.push(number);
        if (metadata !== null) this.ends.set(number, { metadata });
        else if (error !== null) this.ends.set(number, { error });
      });
    }
  }

  /** Sends `count` records every `everyMs`, no faster than there is memory for them, until `story` is over. */
  async flowDuring(
    { count, everyMs }: { readonly count: number; readonly everyMs: number },
    placeOf: (number: number) => Place,
    story: () => Promise<void>,
  ): Promise<void> {
    const telling = { isOver: false };
    const flow = async (): Promise<void> => {
      while (!telling.isOver) {
        this.send(count, placeOf);
        await this.#producer.drain();
        await sleep(everyMs);
      }
    };
    const flowing = flow();
    try {
      await story();
    } finally {
      telling.isOver = true;
    }
    await flowing;
  }

  /** Numbers of the records that were acknowledged, in ascending order. */
  get acked(): number[] {
    const acked = [...this.ends].flatMap(([number, end]) => ('metadata' in end ? [number] : []));
    return acked.sort((a, b) => a - b);
  }

  get errors(): KafkaError[] {
    return [...this.ends.values()].flatMap((end) => ('error' in end ? [end.error] : []));
  }

  /** How many were acknowledged without an offset: they are in the log, and the broker did not say where. */
  get placeless(): number {
    return this.acked.filter((number) => this.metadata(number).offset < 0n).length;
  }

  /** Whether every record from `first` on has its end. */
  isSettled(first: number): boolean {
    for (let number = first; number < this.count; number += 1) {
      if (!this.ends.has(number)) return false;
    }
    return true;
  }

  /** Where an acknowledged record is. */
  metadata(number: number): RecordMetadata {
    const end = this.ends.get(number);
    if (end === undefined || 'error' in end) throw new Error(`record ${number} has no place`);
    return end.metadata;
  }

  /** Why a record failed. */
  error(number: number): KafkaError {
    const end = this.ends.get(number);
    if (end === undefined || 'metadata' in end) throw new Error(`record ${number} has not failed`);
    return end.error;
  }

  /** Everything in the topic, partition by partition in the order of its log. */
  async stored(): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    await kcatLines(this.#bootstrap, this.topic, '%p\t%o\t%k\t%s\n', (line) => {
      const [partition, offset, key = '', value = ''] = line.split('\t');
      const number = Number.parseInt(value, 10);
      records.push({ partition: Number(partition), offset: Number(offset), key, number });
    });
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  /** Holds what the producer said against what is in the topic. */
  async verdict(): Promise<Verdict> {
    return this.judge(await this.stored());
  }

  judge(stored: readonly StoredRecord[]): Verdict {
    const places = new Map<number, StoredRecord[]>();
    for (const record of stored) {
      places.set(record.number, [...(places.get(record.number) ?? []), record]);
    }
    const numbers = Array.from({ length: this.count }, (_, number) => number);
    const acked = this.acked;
    return {
      lost: acked.filter((number) => !places.has(number)),
      doubled: [...places].flatMap(([number, found]) => (found.length > 1 ? [number] : [])),
      reordered: reordered(stored),
      misplaced: acked.filter((number) => {
        const found = places.get(number)?.[0];
        return found !== undefined && !isAt(found, this.metadata(number));
      }),
      denied: numbers.filter((number) => places.has(number) && this.#isNotSent(number)),
      silent: numbers.filter((number) => !this.ends.has(number)),
      contradicted: [...this.#contradicted],
    };
  }

  #isNotSent(number: number): boolean {
    const end = this.ends.get(number);
    return end !== undefined && 'error' in end && end.error.fate === 'notSent';
  }
}

/** What is found in the log after a fault is acknowledged with offset -1: it is in, and the broker did not say where. */
function isAt(stored: StoredRecord, { partition, offset }: RecordMetadata): boolean {
  return stored.partition === partition && (offset < 0n || BigInt(stored.offset) === offset);
}

/** Order holds among the records with a key or partition of their own; a keyless batch may be filled while others go out. */
function reordered(stored: readonly StoredRecord[]): number[] {
  const last = new Map<string, number>();
  return stored.flatMap(({ partition, key, number }) => {
    const stream = `${partition} ${key === '' ? 'keyless' : 'keyed'}`;
    const isBehind = number > (last.get(stream) ?? -1);
    last.set(stream, Math.max(number, last.get(stream) ?? -1));
    return isBehind ? [] : [number];
  });
}
