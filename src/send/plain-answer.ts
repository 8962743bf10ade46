/** Answers to Produce without idempotence: at most once, or at least once with retries that are blind and may double. */
import type { KafkaError } from '../kafka/errors.ts';
import {
  acknowledge,
  actionOf,
  fatalMessage,
  giveUp,
  isCorruptAgain,
  nowhere,
  park,
  reject,
  sayRetry,
  silent,
  split,
} from './batch-results.ts';
import { requestUpdate } from './cluster-metadata.ts';
import type { PartitionProduced } from './events.ts';
import { watchExpiry } from './expire.ts';
import type { SentEntry } from './in-flight-requests.ts';
import { takeLeaderHint } from './leader-hint.ts';
import { backOff, insertRetry, type SenderState } from './sender-state.ts';
import { isMaybeAppended } from './settle.ts';
import { stopForGood } from './stop.ts';

/** Without idempotence: retries are blind, may double, and end. */
export function takePlain(
  state: SenderState,
  entry: SentEntry,
  error: KafkaError,
  answered: PartitionProduced | undefined,
  nowMs: number,
): void {
  const { batch, partition } = entry;
  const action = actionOf(state, error);
  if (action === 'success' || action === 'duplicate') {
    const { baseOffset, logAppendTimeMs } = answered ?? nowhere;
    acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs, duplicate: false });
    return;
  }
  if (action === 'fatal' || isCorruptAgain(batch, error)) {
    insertRetry(partition, batch);
    stopForGood(state, error.name, fatalMessage(batch, error));
    return;
  }
  if (action === 'split' && batch.recordCount > 1) {
    split(state, partition, batch);
    return;
  }
  batch.maybeAppended ||= isMaybeAppended(error);
  batch.corruptOnce ||= action === 'retryThenFatal';
  if (action === 'park') {
    insertRetry(partition, batch);
    park(state, partition, error, nowMs);
    return;
  }
  batch.refusals += 1;
  if (!error.retriable || batch.refusals > state.config.retries) {
    if (error.retriable || batch.maybeAppended) giveUp(state, batch, error);
    else reject(state, partition, batch, error, answered ?? silent);
    return;
  }
  insertRetry(partition, batch);
  watchExpiry(state, batch);
  sayRetry(state, batch, error);
  backOff(state, partition, nowMs);
  if (error.refreshMetadata) requestUpdate(state);
  if (answered !== undefined) takeLeaderHint(state, partition, answered, nowMs);
}
