/** What the answer to a batch means that was sent again to settle its partition. Anything but "it is in" starts the protocol anew. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { errorOf, inWords, type KafkaError } from '../kafka/errors.ts';
import {
  acknowledge,
  actionOf,
  fatalMessage,
  giveUp,
  isCorruptAgain,
  openGate,
  park,
  reject,
  split,
} from './batch-results.ts';
import { requestUpdate } from './cluster-metadata.ts';
import type { PartitionProduced } from './events.ts';
import type { SentEntry } from './in-flight-requests.ts';
import { insertRetry, type PartitionState, type SenderState } from './sender-state.ts';
import { anew, isMaybeAppended, isSequenceRefused, proceed, type Settle } from './settle.ts';
import { confirmReached, sayLoss } from './settle-results.ts';
import { stopForGood } from './stop.ts';

/** The connection was lost with the resend; the batch is back among the retries. */
export function resendLost(state: SenderState, partition: PartitionState, nowMs: number): void {
  const { settle } = partition;
  if (settle === undefined) return;
  settle.lostMs = nowMs;
  anew(state, partition, settle, 'the connection was lost', nowMs);
}

/** The batch is in no list now: it was in flight. */
export function takeResend(
  state: SenderState,
  entry: SentEntry,
  answered: PartitionProduced,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  const { settle } = partition;
  const error = errorOf(answered.errorCode);
  if (settle === undefined || (error.action !== 'success' && error.action !== 'duplicate')) {
    insertRetry(partition, batch);
    if (settle !== undefined) resendRefused(state, entry, settle, error, answered, nowMs);
    return;
  }
  openGate(entry);
  settle.refused = undefined;
  const { baseOffset, logAppendTimeMs } = answered;
  // On a CreateTime topic only a duplicate carries a time; where every answer does, only a duplicate lies below the end of before.
  const duplicate =
    error.action === 'duplicate' || (logAppendTimeMs !== -1 && baseOffset < settle.logEnd);
  const end = batch.counter + batch.recordCount;
  if (settle.probe !== undefined) {
    confirmReached(state, partition, settle, batch.counter, baseOffset);
  }
  if (duplicate) settle.duplicates += 1;
  else settle.resent += 1;
  settle.reached = Math.max(settle.reached ?? end, end);
  acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs, duplicate });
  proceed(state, partition, nowMs);
}

function resendRefused(
  state: SenderState,
  { batch, partition }: SentEntry,
  settle: Settle,
  error: KafkaError,
  answered: PartitionProduced,
  nowMs: number,
): void {
  const action = actionOf(state, error);
  if (action === 'fatal' || action === 'abort' || isCorruptAgain(batch, error)) {
    stopForGood(state, error.name, fatalMessage(batch, error));
    return;
  }
  batch.corruptOnce ||= action === 'retryThenFatal';
  if (isMaybeAppended(error)) batch.maybeAppended = true;
  if (error.refreshMetadata) requestUpdate(state);
  if (error.action === 'park') park(state, partition, error, nowMs);
  if (isSequenceRefused(error)) {
    outOfOrder(state, partition, settle, batch, error, nowMs);
    return;
  }
  if (action === 'split' || action === 'fail') {
    if (!batch.maybeAppended || isKnownToBeOut(state, settle)) {
      refusedForGood(state, partition, batch, error, answered, nowMs);
      return;
    }
    if (settle.blind && isOver(state, settle.lostMs, nowMs)) {
      // Nobody tells whether an earlier attempt is in, and none of them can arrive any more: it would be asked for ever.
      partition.retries.splice(partition.retries.indexOf(batch), 1);
      settle.givenUpTo = Math.max(settle.givenUpTo, batch.counter + batch.recordCount);
      giveUp(state, batch, error);
      proceed(state, partition, nowMs);
      return;
    }
  }
  anew(state, partition, settle, inWords(error), nowMs);
}

function outOfOrder(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  batch: ProducerBatch,
  error: KafkaError,
  nowMs: number,
): void {
  const { identity } = partition;
  if (settle.blind && batch.counter + batch.recordCount <= identity.ackedCounter) {
    // What came behind it in the same epoch was acknowledged: it is in, and only forgotten.
    confirmReached(state, partition, settle, identity.ackedCounter, undefined);
    proceed(state, partition, nowMs);
    return;
  }
  if (settle.blind) {
    const next = (settle.probe ?? partition.retries.length) - 1;
    // The first was tried first; the last that is in, if any is, is found from the end.
    if (next > 0) {
      settle.probe = next;
      return;
    }
  }
  const isAgain = settle.refused === batch && settle.refusedReached === settle.reached;
  if (isAgain) {
    refusedTwice(state, partition, settle, batch, error);
    sayLoss(state, partition, settle);
    proceed(state, partition, nowMs);
    return;
  }
  // The same refusal with the same state a second time is an answer.
  settle.refused = batch;
  settle.refusedReached = settle.reached;
  anew(state, partition, settle, inWords(error), nowMs);
}

/** The leader itself refuses it, twice, and does not know it: it is not in, and neither is what came after it. */
function refusedTwice(
  state: SenderState,
  partition: PartitionState,
  { blind, givenUpTo }: Settle,
  batch: ProducerBatch,
  error: KafkaError,
): void {
  // With one behind it that may be in, it may be in, too, and forgotten: brokers remember the last batches of a producer.
  const open = partition.retries.filter((one) => one.maybeAppended && one.counter < givenUpTo);
  partition.retries = partition.retries.filter((one) => !open.includes(one));
  for (const one of open) giveUp(state, one, error);
  for (const other of partition.retries) {
    if (blind || other.counter >= batch.counter) other.maybeAppended = false;
  }
}

/**
 * A dead connection's requests are still handled one by one, each for at most the request timeout. What the leader said after that can no
 * longer be overtaken by one of them.
 */
function isKnownToBeOut(state: SenderState, { blind, lostMs, askedMs }: Settle): boolean {
  return !blind && isOver(state, lostMs, askedMs);
}

function isOver({ config }: SenderState, lostMs: number, nowMs: number): boolean {
  const { maxInFlightRequestsPerConnection, requestTimeoutMs } = config;
  return nowMs - lostMs > maxInFlightRequestsPerConnection * requestTimeoutMs;
}

function refusedForGood(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  error: KafkaError,
  answered: PartitionProduced,
  nowMs: number,
): void {
  batch.maybeAppended = false;
  partition.retries.splice(partition.retries.indexOf(batch), 1);
  if (error.action === 'split' && batch.recordCount > 1) {
    split(state, partition, batch);
    return;
  }
  reject(state, partition, batch, error, answered);
  proceed(state, partition, nowMs);
}
