/** Batches come in and get their one outcome; flush and close wait by counting them. */
import { NO_SEQUENCE, type ProducerBatch } from '../accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import { assert } from '../shared/assert.ts';
import { keep, release, replace, untoldBefore } from './outcome-order.ts';
import { emit, type SenderState } from './sender-state.ts';

export function admit(state: SenderState, batch: ProducerBatch): void {
  assert(!batch.done && batch.attempts === 0, 'a batch comes in once, and fresh');
  batch.ordinal = state.nextOrdinal++;
  state.incomplete += 1;
}

/** The pieces take the place of the whole, for flush too. The whole has no outcome of its own. */
export function admitPieces(
  state: SenderState,
  whole: ProducerBatch,
  pieces: readonly ProducerBatch[],
): void {
  assert(!whole.done, 'a batch with an outcome is not split');
  whole.done = true;
  if (whole.told) {
    state.overdue += pieces.length - 1;
    for (const piece of pieces) piece.told = true;
  } else {
    state.incomplete += pieces.length - 1;
    replace(state, whole, pieces);
    for (const flush of state.flushes) {
      if (whole.ordinal < flush.before) flush.remaining += pieces.length - 1;
    }
  }
  let { firstRecord } = whole;
  for (const piece of pieces) {
    piece.ordinal = whole.ordinal;
    piece.firstRecord = firstRecord;
    firstRecord += piece.recordCount;
  }
  emit(state, { type: 'release', batch: whole });
}

/** The end of a batch. Nobody hears of it when its time was up before. */
export function complete(state: SenderState, batch: ProducerBatch, outcome: ProduceOutcome): void {
  assert(!batch.done, 'a batch has one outcome');
  batch.done = true;
  if (batch.told) {
    state.overdue -= 1;
    emit(state, { type: 'release', batch });
    return;
  }
  say(state, batch, outcome);
  emit(state, { type: 'release', batch });
}

/** Nobody waits any longer for what becomes of the batch. The core does: its bytes, its sequences and its place stay until that is known. */
export function tell(state: SenderState, batch: ProducerBatch, outcome: ProduceOutcome): void {
  assert(!batch.done && !batch.told, 'a batch has one outcome');
  batch.told = true;
  state.overdue += 1;
  say(state, batch, outcome);
}

/** Heard now, or when those before it were heard of. */
function say(state: SenderState, batch: ProducerBatch, outcome: ProduceOutcome): void {
  noteFailure(state, batch, outcome);
  const behind = untoldBefore(state, batch);
  if (behind.length > 0) keep(state, batch, outcome, behind);
  else sayNow(state, batch, outcome);
}

function sayNow(state: SenderState, batch: ProducerBatch, outcome: ProduceOutcome): void {
  emit(state, { type: 'outcome', batch, outcome });
  countOut(state, batch);
  for (const kept of release(state, batch)) sayNow(state, kept.batch, kept.outcome);
}

function countOut(state: SenderState, batch: ProducerBatch): void {
  state.incomplete -= 1;
  if (state.flushes.length === 0) return;
  for (const flush of state.flushes) if (batch.ordinal < flush.before) flush.remaining -= 1;
  answerFlushes(state);
}

/** A transaction that lacks a batch must not be committed. Why is looked at when the step that found out is done. */
function noteFailure(state: SenderState, batch: ProducerBatch, outcome: ProduceOutcome): void {
  if (state.transactions === undefined || outcome.type === 'acked') return;
  const { error = 'TRANSACTION_ABORTED' } =
    outcome.type === 'expired' ? { error: 'REQUEST_TIMED_OUT' } : outcome;
  const sequenced = batch.baseSequence !== NO_SEQUENCE;
  state.batchFailures.push({ error, message: outcome.message, sequenced, fatal: false });
}

export function requestFlush(state: SenderState, flush: number): void {
  state.flushes.push({ flush, before: state.nextOrdinal, remaining: state.incomplete });
  answerFlushes(state);
}

function answerFlushes(state: SenderState): void {
  const done = state.flushes.filter(({ remaining }) => remaining === 0);
  if (done.length === 0) return;
  state.flushes = state.flushes.filter(({ remaining }) => remaining > 0);
  for (const { flush } of done) emit(state, { type: 'flushed', flush });
}

/** Where a batch is, for its outcome. */
export function at(batch: ProducerBatch): { readonly topic: string; readonly partition: number } {
  return { topic: batch.topic, partition: batch.partition };
}
