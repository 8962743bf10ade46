/**
 * What an answer to Produce means for each batch, by the error table.
 *
 * An answer tells about its own attempt only: brokers refuse for size, permission or policy before they look for duplicates. So a refusal is
 * final only for a batch without an earlier attempt of unknown outcome; any other is settled.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { errorOf, errors, inWords, type KafkaError } from '../kafka/errors.ts';
import { assert } from '../shared/assert.ts';
import {
  acknowledge,
  actionOf,
  fatalMessage,
  giveUp,
  isCorruptAgain,
  nowhere,
  openGate,
  park,
  reject,
  sharedMessage,
  split,
} from './batch-results.ts';
import { requestUpdate } from './cluster-metadata.ts';
import type { PartitionProduced, ProduceAnswered } from './events.ts';
import { watchExpiry } from './expire.ts';
import type { SentEntry } from './in-flight-requests.ts';
import { takeBrokers } from './metadata-answer.ts';
import { retryLater } from './retry-later.ts';
import {
  activate,
  insertRetry,
  isBehindOthers,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';
import { takePlain } from './plain-answer.ts';
import { isMaybeAppended, isSequenceRefused } from './settle.ts';
import { resendLost, takeResend } from './settle-resend.ts';
import { stopForGood } from './stop.ts';
import { takeTransactional } from './transactional-answer.ts';

export function takeProduced(
  state: SenderState,
  entries: readonly SentEntry[],
  answer: ProduceAnswered,
  nowMs: number,
): void {
  if (answer.nodeEndpoints.length > 0) takeBrokers(state, answer.nodeEndpoints);
  entries.forEach((entry, i) => {
    if (!leaveFlight(entry)) return;
    const answered = answerTo(entry, answer.partitions, i);
    if (answered === undefined) unanswered(state, entry, nowMs);
    else if (entry.settles) takeResend(state, entry, answered, nowMs);
    else if (state.transactions !== undefined) {
      takeTransactional(state, entry, errorOf(answered.errorCode), answered, nowMs);
    } else if (state.config.enableIdempotence) takeIdempotent(state, entry, answered, nowMs);
    else takePlain(state, entry, errorOf(answered.errorCode), answered, nowMs);
    activate(state, entry.partition);
  });
}

/** The connection was lost: whether they were appended is not known. */
export function produceLost(
  state: SenderState,
  entries: readonly SentEntry[],
  nowMs: number,
): void {
  for (const entry of entries) {
    if (!leaveFlight(entry)) continue;
    unanswered(state, entry, nowMs);
    activate(state, entry.partition);
  }
}

/** acks=0: the system has the bytes, which is all that was asked for. */
export function produceWritten(state: SenderState, entries: readonly SentEntry[]): void {
  for (const entry of entries) {
    if (!leaveFlight(entry)) continue;
    const { partition, batch } = entry;
    acknowledge(state, partition, batch, nowhere);
    activate(state, partition);
  }
}

/** @returns false for a batch that was abandoned meanwhile */
function leaveFlight({ batch, partition }: SentEntry): boolean {
  if (batch.done) return false;
  const index = partition.inFlight.indexOf(batch);
  assert(index >= 0, 'an answered batch was in flight');
  partition.inFlight.splice(index, 1);
  return true;
}

/** Brokers answer in the order of the request, but are not believed to. */
function answerTo(
  { batch }: SentEntry,
  answers: readonly PartitionProduced[],
  i: number,
): PartitionProduced | undefined {
  const isIt = (one: PartitionProduced | undefined): boolean =>
    one?.partition === batch.partition && one.topic === batch.topic;
  const inPlace = answers[i];
  return isIt(inPlace) ? inPlace : answers.find(isIt);
}

function unanswered(state: SenderState, entry: SentEntry, nowMs: number): void {
  const { batch, partition } = entry;
  requestUpdate(state);
  if (state.transactions !== undefined) {
    takeTransactional(state, entry, errors.NETWORK_EXCEPTION, undefined, nowMs);
    return;
  }
  if (!state.config.enableIdempotence) {
    takePlain(state, entry, errors.NETWORK_EXCEPTION, undefined, nowMs);
    return;
  }
  batch.maybeAppended = true;
  insertRetry(partition, batch);
  partition.settleCause ??= errors.NETWORK_EXCEPTION.meaning;
  if (entry.settles) resendLost(state, partition, nowMs);
}

function takeIdempotent(
  state: SenderState,
  entry: SentEntry,
  answered: PartitionProduced,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  const error = errorOf(answered.errorCode);
  if (error.action === 'success') {
    succeeded(state, entry, answered);
    return;
  }
  if (error.action === 'duplicate') {
    acknowledge(state, partition, batch, { ...nowhere, duplicate: true });
    return;
  }
  if (isSequenceRefused(error) && isBehindRefused(partition, batch)) {
    // Refused because one before it was: it follows that one, and it is nobody's fault.
    insertRetry(partition, batch);
    return;
  }
  const action = actionOf(state, error);
  if (action === 'fatal' || action === 'abort' || isCorruptAgain(batch, error)) {
    insertRetry(partition, batch);
    stopForGood(state, error.name, fatalMessage(batch, error));
    return;
  }
  if ((action === 'split' || action === 'fail') && !batch.maybeAppended) {
    if (action === 'split' && batch.recordCount > 1) split(state, partition, batch);
    else reject(state, partition, batch, error, answered);
    return;
  }
  insertRetry(partition, batch);
  refused(state, entry, error, answered, nowMs);
}

/** Any refusal after which the batch is tried again, or settled. */
function refused(
  state: SenderState,
  entry: SentEntry,
  error: KafkaError,
  answered: PartitionProduced,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  const action = actionOf(state, error);
  if (isMaybeAppended(error)) batch.maybeAppended = true;
  batch.corruptOnce ||= action === 'retryThenFatal';
  if (action === 'settle' || (batch.maybeAppended && (action === 'split' || action === 'fail'))) {
    partition.settleCause ??= inWords(error);
  }
  if (!batch.maybeAppended) watchExpiry(state, batch);
  if (action === 'park') {
    park(state, partition, error, nowMs);
    return;
  }
  retryLater(state, entry, error, answered, nowMs);
  batch.refusals += 1;
  if (batch.refusals > state.config.retries && !batch.maybeAppended) {
    partition.retries.splice(partition.retries.indexOf(batch), 1);
    partition.bumpPending = true;
    giveUp(state, batch, error);
  }
}

function succeeded(state: SenderState, entry: SentEntry, answered: PartitionProduced): void {
  const { batch, partition } = entry;
  const { baseOffset, logAppendTimeMs } = answered;
  if (isForeign(entry, answered)) {
    // The outcome comes first: this batch is not in, whoever the one at that offset belongs to.
    batch.maybeAppended = true;
    insertRetry(partition, batch);
    stopForGood(state, 'IDENTITY_SHARED', sharedMessage(batch));
    return;
  }
  openGate(entry);
  const duplicate = batch.attempts > 1 && logAppendTimeMs !== -1 && batch.maybeAppended;
  acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs, duplicate });
}

/** A first attempt that is answered as a duplicate: another writer has used the sequence. */
function isForeign({ batch, partition, leaderEpoch }: SentEntry, said: PartitionProduced): boolean {
  if (batch.attempts > 1 || said.logAppendTimeMs === -1) return false;
  // On a LogAppendTime topic every answer carries a time; an offset that was passed before tells them apart.
  return (
    leaderEpoch === partition.lastAckedLeaderEpoch && said.baseOffset <= partition.lastAckedOffset
  );
}

/** A batch before it was refused, or is not answered yet, or has left a gap: then it could only be refused, too. */
function isBehindRefused(partition: PartitionState, batch: ProducerBatch): boolean {
  if (batch.maybeAppended) return false;
  return partition.bumpPending || isBehindOthers(partition, batch);
}
