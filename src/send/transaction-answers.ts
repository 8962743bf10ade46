/** What the coordinators' answers change. Pure: no clock, socket, timer or randomness of its own. */
import { errorOf, errors, type KafkaError } from '../kafka/errors.ts';
import { assert } from '../shared/assert.ts';
import {
  answerFault,
  fencedFault,
  lastAnswer,
  reactionTo,
  unsureOf,
  type Reaction,
} from './transaction-errors.ts';
import {
  coordinatorTypes,
  type TransactionAnswer,
  type TransactionEffect,
  type TransactionRequest,
} from './transaction-events.ts';
import { backOffRequest, lookUpAgain } from './transaction-requests.ts';
import {
  answerWaiting,
  endForGood,
  endTransaction,
  failTransaction,
  isEnded,
  partitionKey,
  takeIdentity,
  type TransactionState,
} from './transaction-state.ts';

/** The previous transaction is still being ended: that takes a few milliseconds (KAFKA-5482), unless a broker is gone. */
const FIRST_ADD_RETRY_MS = 20;
const FIRST_ADD_TRIES = 10;

type AnswerOf<Api> = Extract<TransactionAnswer, { readonly api: Api }>;

export function takeTransactionAnswer(
  state: TransactionState,
  answer: TransactionAnswer,
  nowMs: number,
  out: TransactionEffect[],
): void {
  const { request } = state;
  assert(request?.api === answer.api, 'an answer fits its question');
  // Too late: nobody wants to know.
  if (state.phase === 'fatalError') return;
  const error = 'partitions' in answer ? worstOf(answer) : errorOf(answer.errorCode);
  let reaction = reactionTo(answer.api, error);
  if (isNothingToAbort(state, request, error)) reaction = 'done';
  if (answer.api === 'TxnOffsetCommit' && leavesOffsets(state, answer)) {
    if (reaction === 'done') reaction = 'retry';
  }
  noteSetback(state, answer, error, reaction);
  switch (reaction) {
    case 'done':
      state.request = undefined;
      state.attempts = 0;
      succeeded(state, request, answer, out);
      return;
    case 'retry':
      backOffRequest(state, nowMs);
      if (state.attempts > FIRST_ADD_TRIES || !isFirstAdd(state, request, error)) return;
      state.retryAtMs = nowMs + FIRST_ADD_RETRY_MS;
      return;
    case 'lookUp':
      lookUpAgain(state, nowMs);
      return;
    case 'abort':
    case 'abortAndBump':
    case 'refused':
    case 'fenced':
    case 'fatal':
      state.request = undefined;
      failed(state, request, error, reaction, out);
  }
}

/** What whoever waits for this too long is told. Who coordinates may be found again and again meanwhile. */
function noteSetback(
  state: TransactionState,
  answer: TransactionAnswer,
  error: KafkaError,
  reaction: Reaction,
): void {
  const { api } = answer;
  if (reaction === 'retry' || reaction === 'lookUp') {
    state.setback = { api, what: lastAnswer(answer, error) };
  } else if (api !== 'FindCoordinator' || state.setback?.api === api) state.setback = undefined;
}

/** One of several partitions decides for all: the gravest error, since only one thing can be done next. */
function worstOf({
  api,
  partitions,
}: AnswerOf<'AddPartitionsToTxn' | 'TxnOffsetCommit'>): KafkaError {
  let worst = errors.NONE;
  let isHeldBack = false;
  for (const { errorCode } of partitions) {
    const error = errorOf(errorCode);
    // Another partition says why.
    if (error === errors.OPERATION_NOT_ATTEMPTED) isHeldBack = true;
    else if (gravity[reactionTo(api, error)] > gravity[reactionTo(api, worst)]) worst = error;
  }
  return isHeldBack && worst === errors.NONE ? errors.OPERATION_NOT_ATTEMPTED : worst;
}

const gravity: Readonly<Record<Reaction, number>> = {
  done: 0,
  retry: 1,
  lookUp: 2,
  abort: 3,
  abortAndBump: 4,
  refused: 5,
  fenced: 6,
  fatal: 7,
};

/** Offsets that were taken are not sent again, whatever became of the others. @returns whether some are left */
function leavesOffsets(
  { pendingOffsets: [pending] }: TransactionState,
  { partitions }: AnswerOf<'AddPartitionsToTxn' | 'TxnOffsetCommit'>,
): boolean {
  if (pending === undefined) return false;
  const taken = new Set(
    partitions.filter(({ errorCode }) => errorCode === 0).map((one) => partitionKey(one)),
  );
  pending.offsets = pending.offsets.filter((one) => !taken.has(partitionKey(one)));
  return pending.offsets.length > 0;
}

/** An abort of what perhaps never began, and did not. */
function isNothingToAbort(
  { started }: TransactionState,
  request: TransactionRequest,
  error: KafkaError,
): boolean {
  return (
    request.api === 'EndTxn' &&
    !request.committed &&
    started === 'perhaps' &&
    error === errors.INVALID_TXN_STATE
  );
}

/** What may begin the transaction, before it is known to have begun. In version 2 that is any of them. */
function isFirstAdd(
  { started, v2 }: TransactionState,
  { api }: TransactionRequest,
  error: KafkaError,
): boolean {
  const isAdd =
    api === 'AddPartitionsToTxn' || api === 'AddOffsetsToTxn' || api === 'TxnOffsetCommit';
  return isAdd && error === errors.CONCURRENT_TRANSACTIONS && (v2 || started !== 'yes');
}

function succeeded(
  state: TransactionState,
  request: TransactionRequest,
  answer: TransactionAnswer,
  out: TransactionEffect[],
): void {
  switch (request.api) {
    case 'FindCoordinator':
      assert(answer.api === 'FindCoordinator', 'an answer fits its question');
      found(state, request, answer, out);
      return;
    case 'InitProducerId':
      assert(answer.api === 'InitProducerId', 'an answer fits its question');
      takeIdentity(state, answer, out);
      state.bumpNeeded = false;
      state.phase = 'ready';
      answerWaiting(state, undefined, out);
      return;
    case 'AddPartitionsToTxn':
      state.started = 'yes';
      for (const one of request.partitions) {
        state.newPartitions.delete(partitionKey(one));
        state.partitions.add(partitionKey(one));
      }
      out.push({ type: 'partitionsAdded', partitions: request.partitions });
      return;
    case 'AddOffsetsToTxn': {
      state.started = 'yes';
      const [pending] = state.pendingOffsets;
      if (pending !== undefined) pending.groupAdded = true;
      return;
    }
    case 'TxnOffsetCommit': {
      state.started = 'yes';
      const committed = state.pendingOffsets.shift();
      if (committed === undefined) return;
      const { operation } = committed;
      out.push({ type: 'callEnded', operation, fault: undefined });
      return;
    }
    case 'EndTxn':
      assert(answer.api === 'EndTxn', 'an answer fits its question');
      if (answer.producerId >= 0n) takeIdentity(state, answer, out);
      endTransaction(state, out);
  }
}

function found(
  state: TransactionState,
  { keyType, key }: Extract<TransactionRequest, { readonly api: 'FindCoordinator' }>,
  { nodeId, host, port }: AnswerOf<'FindCoordinator'>,
  out: TransactionEffect[],
): void {
  if (keyType === coordinatorTypes.transaction) state.coordinator = nodeId;
  else state.groupCoordinator = { groupId: key, node: nodeId };
  out.push({ type: 'coordinatorFound', nodeId, host, port });
}

function failed(
  state: TransactionState,
  request: TransactionRequest,
  error: KafkaError,
  reaction: Reaction,
  out: TransactionEffect[],
): void {
  const { api } = request;
  if (reaction === 'fenced') {
    const fault = fencedFault(state.settings.transactionalId);
    const isUnsure = api === 'EndTxn' && request.committed && state.endLost;
    endForGood(state, isUnsure ? unsureOf(fault) : fault, out);
    return;
  }
  const isEnding = state.phase === 'aborting' && isNeededToEnd(request);
  const cannotBump = reaction === 'abortAndBump' && !state.raisesEpoch;
  // An abort that has to be aborted would go round for ever.
  if (reaction === 'fatal' || isEnding || cannotBump) {
    endForGood(state, answerFault(request, error.code, 'close'), out);
    return;
  }
  if (reaction === 'refused' || state.phase === 'initializing') {
    const hasEnded = isEnded(state);
    state.phase = 'uninitialized';
    answerWaiting(
      state,
      hasEnded ? undefined : answerFault(request, error.code, 'initialize'),
      out,
    );
    return;
  }
  if (reaction === 'abortAndBump' && !state.v2) state.bumpNeeded = true;
  failTransaction(state, answerFault(request, error.code, 'abort'), out);
}

function isNeededToEnd(request: TransactionRequest): boolean {
  if (request.api !== 'FindCoordinator') return request.api === 'EndTxn';
  return request.keyType === coordinatorTypes.transaction;
}
