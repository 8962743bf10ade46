/** From what the sender says of a batch, and from what a broker answers, to the error that a caller sees. */
import type { Acked, ProduceOutcome } from '../ack/produce-outcome.ts';
import { errors, type KafkaErrorName } from '../kafka/errors.ts';
import {
  errorClasses,
  InvalidRecordError,
  KafkaError,
  TimeoutError,
  type ErrorAbout,
} from './errors.ts';

/** Any end of a batch but the good one. */
export type FailedOutcome = Exclude<ProduceOutcome, Acked>;

/** A class of one row of the table. */
interface RowClass {
  new (message: string, about?: ErrorAbout): KafkaError;
  readonly row: KafkaErrorName;
}

const classByRow = new Map<KafkaErrorName, RowClass>();
for (const Class of Object.values(errorClasses)) if (isRow(Class)) classByRow.set(Class.row, Class);

/** The class of a row itself, not one below it, which has another name. */
function isRow(Class: object): Class is RowClass {
  const base: unknown = Object.getPrototypeOf(Class);
  return typeof base === 'function' && Object.hasOwn(base, 'row');
}

/**
 * The error of a name of the table. A name that is not in it is an UnknownServerError, as in the Java client.
 *
 * @param message says the thing, its place and the fix
 */
export function kafkaError(name: string, message: string, about: ErrorAbout = {}): KafkaError {
  const known = Object.hasOwn(errors, name) ? (name as KafkaErrorName) : 'UNKNOWN_SERVER_ERROR';
  const Class = classByRow.get(known);
  return Class === undefined ? new KafkaError(message, about, known) : new Class(message, about);
}

/**
 * Why a record was not acknowledged.
 *
 * @param partition -1 when a keyless record never got one
 * @param index of the record in its batch, from 0: a broker may have named the records that it refuses (KIP-467). Without it, or
 *   when `hasRecordFaults` says no, all records of the batch may share one error.
 */
export function errorOf(
  outcome: FailedOutcome,
  topic: string,
  partition: number,
  index?: number,
): KafkaError {
  const place = partition < 0 ? topic : `${topic}-${partition}`;
  const message = `${place}: ${outcome.message}`;
  const fate = outcome.written === 'no' ? 'notSent' : 'possiblyWritten';
  const about = { topic, partition, fate } as const;
  switch (outcome.type) {
    case 'expired':
      return new TimeoutError(message, about);
    case 'abandoned':
      return new KafkaError(message, about);
    case 'failed':
      return kafkaError(outcome.error, message, about);
    case 'rejected':
      if (index === undefined || !hasRecordFaults(outcome)) {
        return kafkaError(outcome.error, message, about);
      }
      return new InvalidRecordError(`${place}: ${recordFault(outcome, index)}`, about);
  }
}

/** The broker told the records apart: each has an error of its own. */
export function hasRecordFaults(outcome: FailedOutcome): boolean {
  return outcome.type === 'rejected' && outcome.recordFaults.length > 0;
}

function recordFault(
  { recordFaults, message }: Extract<FailedOutcome, { type: 'rejected' }>,
  index: number,
): string {
  const own = recordFaults.find((fault) => fault.index === index);
  if (own !== undefined) return `the broker refuses this record: ${own.message || message}`;
  return `refused with its batch, in which the broker refuses ${recordFaults.length} other: ${message}`;
}
