/**
 * What a transaction commits for a consumer: offsets, and who consumes.
 * Source: org.apache.kafka.clients.consumer.OffsetAndMetadata, ConsumerGroupMetadata; KIP-447.
 */
import type { ConsumerGroup, OffsetToCommit } from '../send/transaction-events.ts';
import { IllegalArgumentError } from './errors.ts';
import { checkTopicName, INT32_MAX, isCount, isInt32Count, isIterable, kindOf } from './record.ts';

/** How far a partition is consumed. */
export interface TopicPartitionOffset {
  readonly topic: string;
  readonly partition: number;
  /** Of the next record to consume: that of the last one consumed, plus one. */
  readonly offset: bigint | number;
  /** Leader epoch of the last record consumed, where the consumer knows it. */
  readonly leaderEpoch?: number | undefined;
  /** A note that is kept with the offset. */
  readonly metadata?: string | undefined;
}

/**
 * Who consumes. With generation and member the coordinator refuses the offsets of a member that was put out of its group, whose partitions
 * others consume by then; with the id alone nothing is checked.
 */
export interface ConsumerGroupMetadata {
  readonly groupId: string;
  /** Default -1: not known. */
  readonly generationId?: number | undefined;
  /** Default '': not known. */
  readonly memberId?: string | undefined;
  /** group.instance.id of a static member. */
  readonly groupInstanceId?: string | null | undefined;
}

const UNKNOWN = -1;
const OFFSET_MAX = 2n ** 63n - 1n;

/** Checked; of several for one partition the last counts. @throws {IllegalArgumentError | InvalidTopicError} */
export function offsetsToCommit(offsets: Iterable<TopicPartitionOffset>): OffsetToCommit[] {
  // Callers without types give anything.
  if (!isIterable(offsets)) {
    throw new IllegalArgumentError(`offsets: write a list of them, not ${kindOf(offsets)}`);
  }
  const byPlace = new Map<string, OffsetToCommit>();
  for (const given of offsets as Iterable<TopicPartitionOffset | null | undefined>) {
    const { topic, partition, offset, leaderEpoch = UNKNOWN, metadata = '' } = given ?? {};
    if (typeof topic !== 'string' || !isInt32Count(partition)) {
      throw new IllegalArgumentError(
        'an offset to commit needs its topic and partition: { topic, partition, offset }',
      );
    }
    checkTopicName(topic);
    const place = `${topic}-${partition}`;
    checkKnown(`leaderEpoch of ${place}`, leaderEpoch);
    checkText(`metadata of ${place}`, metadata);
    byPlace.set(place, {
      ...{ topic, partition, leaderEpoch, metadata },
      offset: offsetOf(offset, place),
    });
  }
  return [...byPlace.values()];
}

function offsetOf(given: unknown, place: string): bigint {
  if (typeof given === 'bigint' && given >= 0n && given <= OFFSET_MAX) return given;
  if (isCount(given)) return BigInt(given);
  throw new IllegalArgumentError(
    `offset of ${place}: write that of the next record to consume, a bigint or a number from 0, not ${shown(given)}`,
  );
}

function checkKnown(name: string, value: unknown): void {
  if (value === UNKNOWN || isInt32Count(value)) return;
  throw new IllegalArgumentError(
    `${name}: write an integer from 0 to ${INT32_MAX}, or leave it out, not ${shown(value)}`,
  );
}

function checkText(name: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new IllegalArgumentError(`${name}: write text, or leave it out, not ${shown(value)}`);
}

function shown(value: unknown): string {
  return typeof value === 'bigint' || typeof value === 'number' ? String(value) : kindOf(value);
}

/** @throws {IllegalArgumentError} */
export function consumerGroup(given: string | ConsumerGroupMetadata): ConsumerGroup {
  const group: unknown = given;
  const isNamed = typeof given === 'string' || (typeof group === 'object' && group !== null);
  const {
    groupId,
    generationId = -1,
    memberId = '',
    groupInstanceId = null,
  } = typeof given === 'string' || !isNamed ? { groupId: given as string } : given;
  if (typeof groupId !== 'string' || groupId === '') {
    throw new IllegalArgumentError('group: write the id of the consumer group, or { groupId, … }');
  }
  checkKnown(`generationId of group ${groupId}`, generationId);
  checkText(`memberId of group ${groupId}`, memberId);
  if (groupInstanceId !== null) checkText(`groupInstanceId of group ${groupId}`, groupInstanceId);
  if (generationId > 0 && memberId === '') {
    throw new IllegalArgumentError(
      `group ${groupId}: generationId ${generationId} says nothing without memberId: write both, or neither`,
    );
  }
  return { groupId, generationId, memberId, groupInstanceId };
}
