/** From what the sender says of a batch, and from what a broker answers, to the error that a caller sees. */
import type { Acked, ProduceOutcome } from '../ack/produce-outcome.ts';
import { errors, type KafkaErrorName } from '../kafka/errors.ts';
import type { TransactionFault } from '../send/transaction-events.ts';
import { counted } from '../shared/counted.ts';
import {
  CommitFailedError,
  errorClasses,
  IllegalStateError,
  InvalidRecordError,
  KafkaError,
  TimeoutError,
  TransactionAbortedError,
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
  if (name === 'TRANSACTION_ABORTED') return new TransactionAbortedError(message, about);
  if (name === 'ILLEGAL_STATE') return new IllegalStateError(message, about);
  if (name === 'CLOSED') return new KafkaError(message, about);
  const known = isKafkaName(name) ? name : (ownNames.get(name) ?? 'UNKNOWN_SERVER_ERROR');
  const Class = classByRow.get(known);
  return Class === undefined ? new KafkaError(message, about, known) : new Class(message, about);
}

/** The error of a call of transactions. A member that was put out of its group is a CommitFailedError, as in the Java client. */
export function transactionError({ error, message, next }: TransactionFault): KafkaError {
  if (error !== 'UNKNOWN_MEMBER_ID' && error !== 'ILLEGAL_GENERATION') {
    return kafkaError(error, message, { next });
  }
  return new CommitFailedError(message, { next });
}

/** What the sender finds out by itself, under the name that Kafka has for it. */
const ownNames = new Map<string, KafkaErrorName>([['IDENTITY_SHARED', 'PRODUCER_FENCED']]);

function isKafkaName(name: string): name is KafkaErrorName {
  return Object.hasOwn(errors, name);
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
  // What ended the producer names its place itself: this one, or another.
  const message = outcome.message.startsWith(`${place}: `)
    ? outcome.message
    : `${place}: ${outcome.message}`;
  const fate = outcome.written === 'no' ? 'notSent' : 'possiblyWritten';
  const about = { topic, partition, fate } as const;
  switch (outcome.type) {
    case 'expired':
      return new TimeoutError(message, about);
    case 'abandoned':
      if (outcome.error === undefined) return new KafkaError(message, about);
      return kafkaError(outcome.error, message, about);
    case 'failed':
      return kafkaError(outcome.error, message, about);
    case 'rejected':
      if (index === undefined || !hasRecordFaults(outcome)) {
        return kafkaError(outcome.error, message, about);
      }
      return recordError(outcome, index, place, about);
  }
}

/** The broker told the records apart: each has an error of its own. */
export function hasRecordFaults(outcome: FailedOutcome): boolean {
  return outcome.type === 'rejected' && outcome.recordFaults.length > 0;
}

/**
 * KIP-467: the broker named the culprits, and took none of the batch. One alone has the error of the batch; of several nobody knows which has
 * which, so that they are all InvalidRecordErrors. The others are not at fault: a plain KafkaError, and they may be sent again.
 */
function recordError(
  { error, recordFaults, message }: Extract<FailedOutcome, { type: 'rejected' }>,
  index: number,
  place: string,
  about: ErrorAbout,
): KafkaError {
  const own = recordFaults.find((fault) => fault.index === index);
  if (own === undefined) {
    const others = counted(recordFaults.length, 'other record');
    const text = `not written, because it was in one batch with ${others} that the broker refuses`;
    return new KafkaError(`${place}: ${text}; it can be sent again without: ${message}`, about);
  }
  const text = `${place}: the broker refuses this record: ${own.message || message}`;
  return recordFaults.length === 1
    ? kafkaError(error, text, about)
    : new InvalidRecordError(text, about);
}
