/**
 * Answers to Produce in a transaction. A batch is sent again as it is as long as that can help; whatever else goes wrong fails the transaction, whose
 * abort undoes what is in the logs: nothing has to be settled.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { errors, type KafkaError } from '../kafka/errors.ts';
import {
  acknowledge,
  fatalMessage,
  giveUp,
  isCorruptAgain,
  openGate,
  nowhere,
  reject,
  silent,
  split,
} from './batch-results.ts';
import type { PartitionProduced } from './events.ts';
import { watchExpiry } from './expire.ts';
import type { SentEntry } from './in-flight-requests.ts';
import { retryLater } from './retry-later.ts';
import {
  insertRetry,
  isBehindOthers,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';
import { isMaybeAppended } from './settle.ts';
import { stopForGood } from './stop.ts';

/** @param answered undefined: the connection was lost */
export function takeTransactional(
  state: SenderState,
  entry: SentEntry,
  error: KafkaError,
  answered: PartitionProduced | undefined,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  switch (error.action) {
    case 'success': {
      openGate(entry);
      const { baseOffset, logAppendTimeMs } = answered ?? nowhere;
      const duplicate = batch.maybeAppended && logAppendTimeMs !== -1;
      acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs, duplicate });
      return;
    }
    case 'duplicate':
      acknowledge(state, partition, batch, { ...nowhere, duplicate: true });
      return;
    case 'fatal':
      // Another epoch is known: the coordinator, which is asked next, knows whether that is the end.
      if (error === errors.INVALID_PRODUCER_EPOCH) break;
      // The batch alone is wrong, and the producer is worth what it was (TransactionManager.maybeTransitionToErrorState).
      if (error === errors.INVALID_REQUEST) break;
      insertRetry(partition, batch);
      stopForGood(state, error.name, fatalMessage(batch, error));
      return;
    case 'split':
      if (batch.maybeAppended || batch.recordCount === 1) break;
      split(state, partition, batch);
      return;
    case 'retry':
    case 'refresh':
    case 'retryThenFatal':
    case 'settle':
    case 'park':
    case 'fail':
    case 'abort':
  }
  if (canRetry(state, partition, batch, error)) retry(state, entry, error, answered, nowMs);
  else fail(state, partition, batch, error, answered);
}

function canRetry(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  error: KafkaError,
): boolean {
  if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER) return isBehindOthers(partition, batch);
  if (!error.retriable || isCorruptAgain(batch, error)) return false;
  return batch.refusals < state.config.retries;
}

function retry(
  state: SenderState,
  entry: SentEntry,
  error: KafkaError,
  answered: PartitionProduced | undefined,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  insertRetry(partition, batch);
  watchExpiry(state, batch);
  if (error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER) return;
  batch.maybeAppended ||= isMaybeAppended(error);
  batch.corruptOnce ||= error.action === 'retryThenFatal';
  batch.refusals += 1;
  retryLater(state, entry, error, answered, nowMs);
}

function fail(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  error: KafkaError,
  answered: PartitionProduced | undefined,
): void {
  batch.maybeAppended ||= isMaybeAppended(error);
  if (batch.maybeAppended) giveUp(state, batch, error);
  else reject(state, partition, batch, error, answered ?? silent);
}
