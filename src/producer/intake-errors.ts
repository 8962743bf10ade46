/** Why a record does not get as far as a batch. What may be told of other calls too has no fate: a record's delivery says that it was not sent. */
import type { TopicView } from '../send/topic-view.ts';
import { BufferExhaustedError, IllegalStateError, KafkaError, TimeoutError } from './errors.ts';
import { kindOf } from './record.ts';

/** max.block.records wait. */
export function exhaustedError(topic: string, maxBlockRecords: number): BufferExhaustedError {
  return new BufferExhaustedError(
    `${topic}: ${maxBlockRecords} records wait already: await drain() between sends, or raise max.block.records`,
    { topic, fate: 'notSent' },
  );
}

/** max.block.ms is over. */
export function lateError(
  topic: string,
  partition: number | undefined,
  reason: 'noTopic' | 'noPartition' | 'noRoom',
  known: {
    readonly problem: TopicView['problem'];
    readonly partitionCount: number | undefined;
    /** Why no broker can be reached. */
    readonly unreachable: string | undefined;
    readonly maxBlockMs: number;
  },
): KafkaError {
  const { problem, partitionCount, unreachable, maxBlockMs } = known;
  const about = { topic, partition };
  const waited = `within max.block.ms=${maxBlockMs}`;
  if (reason === 'noRoom') {
    return new BufferExhaustedError(
      `${topic}: buffer.memory was full and had no room ${waited}: await drain() between sends, or raise it`,
      about,
    );
  }
  if (reason === 'noPartition') {
    const there =
      partitionCount === 1 ? 'partition 0 alone' : `partitions 0 to ${(partitionCount ?? 0) - 1}`;
    return new TimeoutError(
      `${topic}: it has ${there}, and partition ${partition} did not come ${waited}`,
      about,
    );
  }
  const what =
    problem === 'missing' ? 'the topic does not exist' : 'no broker said anything of the topic';
  const why = unreachable === undefined ? '' : `: ${unreachable}`;
  return new TimeoutError(`${topic}: ${what} ${waited}${why}`, about);
}

/** A serializer has not answered within max.block.ms. */
export function slowError(topic: string, maxBlockMs: number): TimeoutError {
  return new TimeoutError(
    `${topic}: the serializer did not answer within max.block.ms=${maxBlockMs}`,
    { topic, fate: 'notSent' },
  );
}

/** It waited when the producer was closed. */
export function abandonedError(topic: string): KafkaError {
  return new KafkaError(`${topic}: the producer was closed before it could be sent`, { topic });
}

/** Who asks for partitions waited when the producer was closed. */
export function unansweredError(topic: string): KafkaError {
  return new KafkaError(`${topic}: the producer was closed before its partitions were known`, {
    topic,
  });
}

export function closedError(): IllegalStateError {
  return new IllegalStateError('the producer is closed: make another one');
}

/** What a function of the application threw, among others. */
export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const message = error instanceof Error ? error.message : kindOf(error);
  return new KafkaError(message, { cause: error, fate: 'notSent' });
}
