/**
 * Which partition a record goes to. What has no key, or whose key is to be ignored, stays without one here: the sender gives its batch to a
 * partition when one can take it (src/send/partitioner.ts: KIP-480, KIP-794).
 * Source: org.apache.kafka.clients.producer.KafkaProducer.partition, RoundRobinPartitioner, Partitioner.
 */
import { isPromise } from 'node:util/types';
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import { writeUtf8 } from '../kafka/utf8.ts';
import { assert } from '../shared/assert.ts';
import { IllegalArgumentError, KafkaError } from './errors.ts';
import { murmur2 } from './murmur2.ts';
import { INT32_MAX, isInt32Count, kindOf, type ProducerRecord } from './record.ts';
import type { Serialized } from './serializers.ts';

/** What is known of a topic. */
export interface TopicPartitions {
  /** All of them, from 0 on; 1 or more. */
  readonly count: number;
  /** Those with a leader, in ascending order. */
  readonly available: readonly number[];
}

/** What a partitioner of one's own may go by. */
export interface PartitionerInput<K, V> {
  readonly topic: string;
  readonly key: K | null;
  readonly keyBytes: Uint8Array | null;
  readonly value: V | null;
  readonly valueBytes: Uint8Array | null;
  readonly partitions: TopicPartitions;
}

/**
 * A partitioner of one's own. Called for each record that names no partition itself.
 *
 * @returns a partition from 0; one that the topic does not have is waited for, for at most `max.block.ms`
 */
export type Partitioner<K, V> = (input: PartitionerInput<K, V>) => number;

export interface PartitionerSettings<K, V> {
  /** Kafka's RoundRobinPartitioner, or a function. Left out: the key decides, and what has none goes where there is room. */
  readonly partitioner?: 'roundRobin' | Partitioner<K, V> | undefined;
  /** `partitioner.ignore.keys`; counts for the default partitioner alone, as in Kafka. */
  readonly ignoreKeys: boolean;
}

/**
 * The partition of a record, or -1 where the sender is to choose.
 *
 * @throws {IllegalArgumentError} when a partitioner of one's own answers with something else
 * @throws {KafkaError} when it throws
 */
export type ChoosePartition<K, V> = (
  record: ProducerRecord<K, V>,
  key: Serialized,
  value: Serialized,
  partitions: TopicPartitions,
) => number;

/** An explicit partition wins over every partitioner. */
export function createPartitioner<K, V>(
  settings: PartitionerSettings<K, V>,
): ChoosePartition<K, V> {
  const { partitioner, ignoreKeys } = settings;
  if (partitioner === 'roundRobin') return roundRobin();
  if (partitioner !== undefined) return ownPartitioner(partitioner);
  if (ignoreKeys) return ({ partition }) => partition ?? UNASSIGNED_PARTITION;
  return ({ partition }, key, _value, { count }) =>
    partition ?? (key === null ? UNASSIGNED_PARTITION : partitionForKey(key, count));
}

/** Longer keys are rare, and get memory of their own. */
const SCRATCH_BYTES = 1024;
const UTF8_BYTES_PER_UNIT_MAX = 3;
const scratch = Buffer.alloc(SCRATCH_BYTES);

/**
 * The partition that every Kafka client with the default partitioner of Java gives a key.
 *
 * @param key text stands for its UTF-8
 * @param count partitions of the topic, 1 or more
 */
export function partitionForKey(key: Uint8Array | string, count: number): number {
  assert(count > 0, 'a topic has a partition');
  return (hashOf(key) & 0x7fffffff) % count;
}

function hashOf(key: Uint8Array | string): number {
  if (typeof key !== 'string') return murmur2(key);
  if (key.length * UTF8_BYTES_PER_UNIT_MAX > SCRATCH_BYTES) return murmur2(Buffer.from(key));
  return murmur2(scratch, writeUtf8(scratch, 0, key));
}

/** One after the other, each topic for itself; only those with a leader as long as there are some. Keys do not matter. */
function roundRobin<K, V>(): ChoosePartition<K, V> {
  const turns = new Map<string, number>();
  return ({ partition, topic }, _key, _value, { count, available }) => {
    if (typeof partition === 'number') return partition;
    const turn = turns.get(topic) ?? 0;
    turns.set(topic, turn + 1);
    return available[turn % available.length] ?? turn % count;
  };
}

function ownPartitioner<K, V>(partitioner: Partitioner<K, V>): ChoosePartition<K, V> {
  return (record, key, value, partitions) => {
    const { partition, topic } = record;
    if (typeof partition === 'number') return partition;
    const input = {
      topic,
      key: record.key ?? null,
      keyBytes: bytesOf(key),
      value: record.value ?? null,
      valueBytes: bytesOf(value),
      partitions,
    };
    const chosen: unknown = ask(partitioner, input);
    if (isInt32Count(chosen)) return chosen;
    // It is refused as it is: its rejection must not end the process besides.
    if (isPromise(chosen)) chosen.catch(() => undefined);
    throw new IllegalArgumentError(
      `the partitioner gave ${kindOf(chosen)} for a record for ${topic}: it must give an integer from 0 to ${INT32_MAX}`,
      { topic, fate: 'notSent' },
    );
  };
}

function ask<K, V>(partitioner: Partitioner<K, V>, input: PartitionerInput<K, V>): number {
  try {
    return partitioner(input);
  } catch (cause) {
    const { topic } = input;
    const why = cause instanceof Error ? cause.message : kindOf(cause);
    throw new KafkaError(`the partitioner failed for a record for ${topic}: ${why}`, {
      topic,
      fate: 'notSent',
      cause,
    });
  }
}

function bytesOf(serialized: Serialized): Uint8Array | null {
  return typeof serialized === 'string' ? Buffer.from(serialized) : serialized;
}
