/**
 * One transactional producer, as Apache Kafka's TransactionManager: what the application may call when, what has to be asked of which
 * coordinator, and what an answer changes. One request at a time; EndTxn only when no batch is open.
 *
 * Pure: no clock, socket, timer or randomness of its own. The sender core asks `nextTransactionRequest` whenever something changed, sends what it
 * says, and gives back the answer, or the news that there will be none.
 *
 * Two versions of the protocol (KIP-890). In the first the coordinator is told of every partition before anything is written there, and the epoch
 * stays; in the second the brokers tell it themselves, and the answer to EndTxn brings the next epoch, so that nothing late of one transaction
 * can get into the next.
 */
import { abortedFault, faultOf } from './transaction-errors.ts';
import { takeTransactionAnswer } from './transaction-answers.ts';
import type {
  BatchFailure,
  SendOffsetsToTransaction,
  TopicPartition,
  TransactionCall,
  TransactionEffect,
  TransactionEvent,
} from './transaction-events.ts';
import { lookUpAgain } from './transaction-requests.ts';
import {
  endForGood,
  failOffsets,
  failTransaction,
  partitionKey,
  TRANSACTION_V2,
  type TransactionState,
} from './transaction-state.ts';

/** Takes one event, returns what follows from it, in order. */
export function stepTransaction(
  state: TransactionState,
  event: TransactionEvent,
  nowMs: number,
): TransactionEffect[] {
  const out: TransactionEffect[] = [];
  if ('call' in event) {
    takeCall(state, event, out);
    return out;
  }
  switch (event.type) {
    case 'partitionUsed':
      usePartition(state, event, out);
      break;
    case 'batchFailed':
      batchFailed(state, event, out);
      break;
    case 'featuresLearned':
      if (event.epoch < state.featuresEpoch) break;
      state.featuresEpoch = event.epoch;
      state.transactionVersion = event.transactionVersion;
      break;
    case 'coordinatorConnected':
      state.raisesEpoch = event.raisesEpoch;
      break;
    case 'answered':
      takeTransactionAnswer(state, event.answer, nowMs, out);
      break;
    case 'requestLost':
      mayArriveLate(state);
      noteLoss(state);
      lookUpAgain(state, nowMs);
  }
  return out;
}

function takeCall(state: TransactionState, call: TransactionCall, out: TransactionEffect[]): void {
  if (call.call === state.waitingFor) {
    // Its first caller gave up waiting: the work goes on, whoever waits for it.
    state.waiting.push(call.operation);
    return;
  }
  const { phase, fault } = state;
  const isAbort = call.call === 'abortTransaction' && phase === 'abortableError';
  if (fault !== undefined && !isAbort && phase !== 'aborting') {
    out.push({ type: 'callEnded', operation: call.operation, fault });
    return;
  }
  switch (call.call) {
    case 'initTransactions':
      if (phase !== 'uninitialized') return refuse(state, call, out);
      state.phase = 'initializing';
      return wait(state, call);
    case 'beginTransaction':
      if (phase !== 'ready') return refuse(state, call, out);
      return begin(state, call, out);
    case 'sendOffsetsToTransaction':
      if (phase !== 'inTransaction') return refuse(state, call, out);
      return addOffsets(state, call, out);
    case 'commitTransaction':
      if (phase !== 'inTransaction') return refuse(state, call, out);
      state.phase = 'committing';
      return wait(state, call);
    case 'abortTransaction':
      if (phase !== 'inTransaction' && phase !== 'abortableError') return refuse(state, call, out);
      return abort(state, call, out);
  }
}

function wait(state: TransactionState, { call, operation }: TransactionCall): void {
  state.waitingFor = call;
  state.waiting = [operation];
}

function refuse(state: TransactionState, call: TransactionCall, out: TransactionEffect[]): void {
  const why = whyNot[state.phase];
  const fault = faultOf('ILLEGAL_STATE', `${call.call} cannot be called ${why}`, 'correctCall');
  out.push({ type: 'callEnded', operation: call.operation, fault });
}

const whyNot: Readonly<Record<TransactionState['phase'], string>> = {
  uninitialized: 'before initTransactions has succeeded',
  initializing: 'while the producer is being initialized',
  ready: 'outside a transaction, or twice: begin one first',
  inTransaction: 'in an open transaction: commit or abort it first',
  committing: 'while the transaction is being committed: wait for commitTransaction',
  aborting: 'while the transaction is being aborted: wait for abortTransaction',
  abortableError: 'in a transaction that has failed: abort it first',
  fatalError: 'on a producer that has failed',
};

function begin(state: TransactionState, call: TransactionCall, out: TransactionEffect[]): void {
  state.phase = 'inTransaction';
  state.v2 = state.transactionVersion >= TRANSACTION_V2;
  state.started = 'no';
  out.push({ type: 'callEnded', operation: call.operation, fault: undefined });
}

function addOffsets(
  state: TransactionState,
  { operation, group, offsets }: SendOffsetsToTransaction,
  out: TransactionEffect[],
): void {
  if (offsets.length === 0) {
    out.push({ type: 'callEnded', operation, fault: undefined });
    return;
  }
  state.pendingOffsets.push({ operation, group, offsets, groupAdded: state.v2 });
}

function abort(state: TransactionState, call: TransactionCall, out: TransactionEffect[]): void {
  const fault = state.fault ?? abortedFault;
  state.phase = 'aborting';
  state.newPartitions.clear();
  failOffsets(state, fault, out);
  wait(state, call);
  out.push({ type: 'batchesUnwanted', fault });
}

function usePartition(
  state: TransactionState,
  { topic, partition }: TopicPartition,
  out: TransactionEffect[],
): void {
  // What a commit waits for may still have to be added.
  if (state.phase !== 'inTransaction' && state.phase !== 'committing') return;
  const at = { topic, partition };
  const key = partitionKey(at);
  if (state.partitions.has(key)) return;
  if (!state.v2) {
    state.newPartitions.set(key, at);
    return;
  }
  state.partitions.add(key);
  state.started = 'yes';
  out.push({ type: 'partitionsAdded', partitions: [at] });
}

function batchFailed(
  state: TransactionState,
  { error, message, sequenced, fatal }: BatchFailure,
  out: TransactionEffect[],
): void {
  if (fatal) {
    endForGood(state, faultOf(error, message, 'close'), out);
    return;
  }
  if (state.phase === 'uninitialized' || state.phase === 'fatalError') return;
  // In version 2 every end of a transaction brings a new epoch, which heals the gap.
  if (sequenced && !state.v2) {
    if (!state.raisesEpoch) {
      const what = `${message}, and a broker before Kafka 2.5 cannot go on after that`;
      endForGood(state, faultOf(error, what, 'close'), out);
      return;
    }
    state.bumpNeeded = true;
  }
  failTransaction(state, faultOf(error, message, 'abort'), out);
}

function noteLoss(state: TransactionState): void {
  const api = state.request?.api;
  if (api !== undefined) state.setback = { api, what: 'had no answer when it was last sent' };
}

/**
 * In version 1 all transactions have the same epoch: a request that is on its way for long may end the next one, or add to it (KAFKA-17754). Raised
 * before that begins, the epoch shuts it out.
 */
function mayArriveLate(state: TransactionState): void {
  const { request, v2, raisesEpoch } = state;
  if (request?.api === 'EndTxn') state.endLost = true;
  const isHarmless = request?.api === 'FindCoordinator' || request?.api === 'InitProducerId';
  if (!isHarmless && !v2 && raisesEpoch) state.bumpNeeded = true;
}
