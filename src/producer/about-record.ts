import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import type { ErrorAbout, KafkaError } from './errors.ts';

type ErrorClass = new (
  message: string,
  about: ErrorAbout,
  name: KafkaError['kafkaName'],
) => KafkaError;

/**
 * The error with which a record fails: it names the record's topic and partition, as far as they are known, and says what became of it. What is told
 * of the producer as a whole, or was made before the partition was looked at, becomes an error of the same class.
 *
 * @param partition left out: the record names none
 */
export function aboutRecord(
  error: KafkaError,
  topic: string,
  partition?: number | null,
): KafkaError {
  const { fate = 'notSent', kafkaName, message, next, cause } = error;
  if ([error.topic, error.partition, error.fate].every((known) => known !== undefined)) {
    return error;
  }
  const about = {
    topic: error.topic ?? (topic === '' ? undefined : topic),
    partition: error.partition ?? partition ?? UNASSIGNED_PARTITION,
    ...{ fate, next },
    ...(cause === undefined ? {} : { cause }),
  };
  const Class = error.constructor as ErrorClass;
  return new Class(message, about, kafkaName);
}
