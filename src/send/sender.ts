/**
 * Stage 5 of 7, core. Decides what goes to which broker, and what an answer means.
 * From: accumulate (sealed batches in order). To: the shell (effects), ack (outcomes).
 * Bounds: max.in.flight.requests.per.connection requests a node, one batch of a partition a request, five unsettled batches a partition.
 * Remembers nothing across restarts. Crash: the sources replay from their checkpoint.
 *
 * Pure: no clock, socket, timer or randomness. `nowMs` comes in, effects go out, so that a simulator can run it a million times.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';
import { admit, admitPieces, requestFlush } from './batch-outcome.ts';
import { metadataDone, refreshIfDue, requestUpdate } from './cluster-metadata.ts';
import { drain } from './drain.ts';
import type { BrokerFeatures, SenderEffect, SenderEvent } from './events.ts';
import { expire, watchExpiry } from './expire.ts';
import { takeFloor } from './floor.ts';
import { finishRequest, type InFlightRequest } from './in-flight-requests.ts';
import { takeMetadata } from './metadata-answer.ts';
import {
  checkConnections,
  connectionGone,
  connectionReady,
  disconnect,
  nodeOf,
  throttle,
} from './node-connections.ts';
import { produceLost, produceWritten, takeProduced } from './produce-answer.ts';
import { initProducerIdIfDue, takeProducerId } from './producer-id.ts';
import type { ConnectFailure } from './reports.ts';
import {
  advanceTransactions,
  closeTransactions,
  coordinatorGone,
  isTransactionOpen,
  tellTransactions,
  whyOutside,
} from './sender-transactions.ts';
import {
  activate,
  emit,
  insertRetry,
  partitionOf,
  topicOf,
  wakeBy,
  type SenderState,
  type TopicState,
} from './sender-state.ts';
import { proceed } from './settle.ts';
import { settleLost, takeSettleAnswer } from './settle-answers.ts';
import { abandon, abandonAll, stopForGood } from './stop.ts';

/**
 * Takes one event, returns what is to be done, in order.
 *
 * @param nowMs never less than at the step before
 */
export function step(state: SenderState, event: SenderEvent, nowMs: number): SenderEffect[] {
  const effects: SenderEffect[] = [];
  state.effects = effects;
  take(state, event, nowMs);
  if (nowMs >= state.wakeMs) wokenUp(state, nowMs);
  advanceTransactions(state, nowMs);
  const isEnding = isDone(state) && state.phase === 'closing';
  if ((state.phase === 'running' || state.phase === 'closing') && !isEnding) {
    // Before the drain, or busy connections would never have room for it; after it, because the drain finds out what is missing.
    askAnyNode(state, nowMs);
    drain(state, nowMs);
    askAnyNode(state, nowMs);
    advanceTransactions(state, nowMs);
  }
  endIfDone(state, nowMs);
  if (state.wakeMs !== state.saidWakeMs) {
    state.saidWakeMs = state.wakeMs;
    emit(state, { type: 'wakeAt', atMs: state.wakeMs });
  }
  return effects;
}

function askAnyNode(state: SenderState, nowMs: number): void {
  refreshIfDue(state, nowMs);
  initProducerIdIfDue(state, nowMs);
}

/** Everything with a time is looked at; what still waits asks for the next tick again. */
function wokenUp(state: SenderState, nowMs: number): void {
  state.wakeMs = Infinity;
  checkConnections(state, nowMs);
  expire(state, nowMs);
  for (const node of state.nodes.values()) state.dirtyNodes.add(node);
}

function take(state: SenderState, event: SenderEvent, nowMs: number): void {
  switch (event.type) {
    case 'started':
      assert(state.phase === 'new', 'a sender starts once');
      state.phase = 'running';
      return;
    case 'tick':
      return;
    case 'batchesSealed':
      for (const batch of event.batches) enqueue(state, batch, nowMs);
      return;
    case 'topicWanted':
      wantTopic(state, event.topic, nowMs);
      return;
    case 'flushRequested':
      requestFlush(state, event.flush);
      return;
    case 'closeRequested':
      state.closeWanted = true;
      if (state.phase !== 'stopped') state.phase = 'closing';
      closeTransactions(state, nowMs);
      return;
    case 'transactionCalled':
      tellTransactions(state, event.call, nowMs);
      return;
    case 'abandonRequested':
      state.closeWanted = true;
      state.phase = 'stopped';
      abandonAll(state, 'closed before it was acknowledged');
      return;
    case 'connected': {
      const node = nodeOf(state, event.node, event.connection);
      if (node === undefined) return;
      connectionReady(state, node, event.features, nowMs);
      learnFeatures(state, event.features, nowMs);
      return;
    }
    case 'connectFailed':
      connectionLost(state, event, event, nowMs);
      return;
    case 'connectionLost':
      connectionLost(state, event, undefined, nowMs);
      return;
    case 'batchSplit':
      takePieces(state, event.batch, event.pieces, nowMs);
      return;
    case 'produceWritten':
    case 'produceAnswered':
    case 'metadataAnswered':
    case 'producerIdAnswered':
    case 'producersDescribed':
    case 'offsetListed':
    case 'headersRead':
    case 'transactionAnswered':
      takeAnswer(state, event, nowMs);
  }
}

function learnFeatures(state: SenderState, { transactions }: BrokerFeatures, nowMs: number): void {
  if (transactions === undefined) return;
  const { featuresEpoch: epoch, transactionVersion } = transactions;
  tellTransactions(state, { type: 'featuresLearned', epoch, transactionVersion }, nowMs);
}

type AnswerEvent = Extract<SenderEvent, { readonly request: number }>;

function takeAnswer(state: SenderState, event: AnswerEvent, nowMs: number): void {
  const finished = finishRequest(state, event.request, nowMs);
  if (finished === undefined) return;
  const { node, question } = finished;
  if (event.type === 'produceWritten') {
    if (question.api === 'Produce') produceWritten(state, question.entries);
    return;
  }
  throttle(state, node, event.throttleMs, nowMs);
  if (state.phase === 'stopped') return;
  switch (event.type) {
    case 'produceAnswered':
      assert(question.api === 'Produce', 'an answer fits its question');
      takeProduced(state, question.entries, event, nowMs);
      return;
    case 'metadataAnswered': {
      assert(question.api === 'Metadata', 'an answer fits its question');
      const fault = takeMetadata(state, event, question.refresh, nowMs);
      if (fault !== undefined) stopForGood(state, fault.error, fault.message);
      return;
    }
    case 'producerIdAnswered':
      takeProducerId(state, event, nowMs);
      return;
    case 'transactionAnswered':
      tellTransactions(state, { type: 'answered', answer: event.answer }, nowMs);
      return;
    case 'producersDescribed':
    case 'offsetListed':
    case 'headersRead':
      assert('partition' in question, 'an answer fits its question');
      if (question.about === 'settle') takeSettleAnswer(state, question.partition, event, nowMs);
      else takeFloor(state, question.partition, event, nowMs);
  }
}

function connectionLost(
  state: SenderState,
  { node: id, connection }: { readonly node: number; readonly connection: number },
  failure: { readonly reason: ConnectFailure; readonly message: string } | undefined,
  nowMs: number,
): void {
  const node = nodeOf(state, id, connection);
  if (node === undefined) return;
  requestUpdate(state);
  const dropped = connectionGone(state, node, failure, nowMs);
  coordinatorGone(state, id);
  if (state.phase === 'stopped') return;
  for (const request of dropped) loseRequest(state, request, nowMs);
}

function loseRequest(state: SenderState, { question }: InFlightRequest, nowMs: number): void {
  if ('about' in question && question.about === 'transaction') {
    tellTransactions(state, { type: 'requestLost' }, nowMs);
    return;
  }
  switch (question.api) {
    case 'Produce':
      produceLost(state, question.entries, nowMs);
      return;
    case 'Metadata':
      metadataDone(state, false, nowMs);
      return;
    case 'InitProducerId':
      state.producer.request = 0;
      return;
    case 'ListOffsets':
    case 'DescribeProducers':
    case 'Fetch':
      if (question.about === 'settle') {
        settleLost(state, question.partition, nowMs);
        return;
      }
      question.partition.floorRequest = 0;
      activate(state, question.partition);
  }
}

function wantTopic(state: SenderState, name: string, nowMs: number): TopicState {
  const topic = topicOf(state, name);
  topic.lastUseMs = nowMs;
  if (!topic.known) requestUpdate(state);
  return topic;
}

function enqueue(state: SenderState, batch: ProducerBatch, nowMs: number): void {
  assert(state.phase !== 'closing' && state.phase !== 'closed', 'no batch comes after close');
  admit(state, batch);
  if (state.stopped !== undefined || state.phase === 'stopped') {
    const { stopped } = state;
    abandon(state, batch, stopped?.message ?? 'the sender is closed', stopped?.error);
    return;
  }
  const outside = whyOutside(state);
  if (outside !== undefined) {
    abandon(state, batch, outside.message, outside.error);
    return;
  }
  const topic = wantTopic(state, batch.topic, nowMs);
  state.accumulator.append(batch);
  if (batch.partition === UNASSIGNED_PARTITION) state.keylessTopics.add(topic);
  else activate(state, partitionOf(state, topic, batch.partition));
  wakeBy(state, state.accumulator.nextExpiryMs);
}

/** The pieces take the sequences of the whole: the same record has the same number, whatever batch it is in. */
function takePieces(
  state: SenderState,
  whole: ProducerBatch,
  pieces: readonly ProducerBatch[],
  nowMs: number,
): void {
  if (whole.done) {
    // The sender stopped meanwhile.
    for (const batch of pieces) emit(state, { type: 'release', batch });
    return;
  }
  const partition = partitionOf(state, topicOf(state, whole.topic), whole.partition);
  assert(partition.splitting === whole, 'pieces come for the batch that was given out');
  partition.splitting = undefined;
  admitPieces(state, whole, pieces);
  partition.identity.stampPieces(whole, pieces);
  for (const piece of pieces) {
    piece.partition = whole.partition;
    // Without idempotence an earlier attempt of the whole may be in.
    piece.maybeAppended = whole.maybeAppended;
    insertRetry(partition, piece);
    watchExpiry(state, piece);
  }
  if (partition.settle !== undefined) proceed(state, partition, nowMs);
  activate(state, partition);
}

function isDone(state: SenderState): boolean {
  return state.incomplete === 0 && !(state.phase === 'closing' && isTransactionOpen(state));
}

function endIfDone(state: SenderState, nowMs: number): void {
  if (state.phase !== 'closing' && state.phase !== 'stopped') return;
  if (!isDone(state)) return;
  if (state.overdue > 0) abandonAll(state, 'everybody has an outcome');
  let open = false;
  for (const node of state.nodes.values()) {
    disconnect(state, node, 'everything is sent');
    if (node.status !== 'disconnected') open = true;
  }
  if (open || !state.closeWanted) return;
  state.phase = 'closed';
  state.wakeMs = Infinity;
  // Whoever waits for a call is answered now, or never.
  advanceTransactions(state, nowMs);
  emit(state, { type: 'closed' });
}
