/** Which request a transactional producer needs next, and whom it is for. Pure: no clock, socket, timer or randomness of its own. */
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';
import { backoffMs } from './backoff.ts';
import {
  coordinatorTypes,
  type TransactionEffect,
  type TransactionIdentity,
  type TransactionRequest,
} from './transaction-events.ts';
import { endTransaction, type TransactionState } from './transaction-state.ts';

/** A request, and the node that is to have it; undefined: any can answer. */
export interface RoutedRequest {
  readonly request: TransactionRequest;
  readonly node: number | undefined;
}

/**
 * What to send now; undefined while one is under way, or nothing is needed, or it is too early (`retryAtMs`). A transaction in which nothing was
 * written ends here, without a request.
 *
 * @param openBatches batches that have no outcome yet
 */
export function nextTransactionRequest(
  state: TransactionState,
  openBatches: number,
  nowMs: number,
  out: TransactionEffect[],
): RoutedRequest | undefined {
  if (state.request !== undefined || nowMs < state.retryAtMs) return undefined;
  let wanted = wantedRequest(state, openBatches);
  if (wanted === 'nothingToEnd') {
    endTransaction(state, out);
    wanted = wantedRequest(state, openBatches);
  }
  assert(wanted !== 'nothingToEnd', 'a transaction ends once');
  return wanted === undefined ? undefined : routed(state, wanted);
}

/** The request goes out: until its answer there is no other. */
export function transactionRequestSent(state: TransactionState, request: TransactionRequest): void {
  assert(state.request === undefined, 'one transactional request at a time');
  state.request = request;
  const { api } = request;
  const opens = api === 'AddPartitionsToTxn' || api === 'AddOffsetsToTxn';
  if ((opens || api === 'TxnOffsetCommit') && state.started === 'no') state.started = 'perhaps';
}

/** The broker does not answer any more: perhaps another coordinates now. */
export function lookUpAgain(state: TransactionState, nowMs: number): void {
  if (state.request?.api === 'TxnOffsetCommit') state.groupCoordinator = undefined;
  else if (state.request?.api !== 'FindCoordinator') state.coordinator = undefined;
  backOffRequest(state, nowMs);
}

/** The same again, after a while that grows (KIP-580). */
export function backOffRequest(state: TransactionState, nowMs: number): void {
  const { retryBackoffMs, retryBackoffMaxMs } = state.settings;
  state.retryAtMs =
    nowMs + backoffMs(retryBackoffMs, retryBackoffMaxMs, state.attempts, state.random);
  state.attempts += 1;
  state.request = undefined;
}

function wantedRequest(
  state: TransactionState,
  openBatches: number,
): TransactionRequest | 'nothingToEnd' | undefined {
  const { phase } = state;
  if (phase === 'initializing') return initProducerId(state);
  if (phase === 'inTransaction' || phase === 'committing') {
    const addition = additionTo(state);
    if (addition !== undefined) return addition;
  }
  const isEnding = phase === 'committing' || phase === 'aborting';
  if (!isEnding || openBatches > 0) return undefined;
  if (state.started === 'no') return 'nothingToEnd';
  const { v2 } = state;
  return { api: 'EndTxn', ...identityOf(state), committed: phase === 'committing', v2 };
}

function initProducerId(state: TransactionState): TransactionRequest {
  const { transactionTimeoutMs } = state.settings;
  const identity = identityOf(state);
  if (state.raisesEpoch) return { api: 'InitProducerId', ...identity, transactionTimeoutMs };
  const blank = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
  return { api: 'InitProducerId', ...identity, ...blank, transactionTimeoutMs };
}

/** What the transaction has to be told of before it may be written, or committed. */
function additionTo(state: TransactionState): TransactionRequest | undefined {
  const { newPartitions, pendingOffsets, v2 } = state;
  if (newPartitions.size > 0) {
    const partitions = [...newPartitions.values()];
    return { api: 'AddPartitionsToTxn', ...identityOf(state), partitions };
  }
  const [next] = pendingOffsets;
  if (next === undefined) return undefined;
  const { group, offsets, groupAdded } = next;
  if (!groupAdded) {
    return { api: 'AddOffsetsToTxn', ...identityOf(state), groupId: group.groupId };
  }
  return { api: 'TxnOffsetCommit', ...identityOf(state), group, offsets, v2 };
}

function identityOf(state: TransactionState): TransactionIdentity {
  const { producerId, producerEpoch } = state;
  return { transactionalId: state.settings.transactionalId, producerId, producerEpoch };
}

/** Its coordinator, or, while that is not known, the question who that is. */
function routed(state: TransactionState, request: TransactionRequest): RoutedRequest {
  if (request.api === 'TxnOffsetCommit') {
    const { groupId } = request.group;
    const { groupCoordinator } = state;
    if (groupCoordinator?.groupId === groupId) return { request, node: groupCoordinator.node };
    return lookUp(coordinatorTypes.group, groupId);
  }
  if (state.coordinator !== undefined) return { request, node: state.coordinator };
  return lookUp(coordinatorTypes.transaction, state.settings.transactionalId);
}

function lookUp(keyType: 0 | 1, key: string): RoutedRequest {
  return { request: { api: 'FindCoordinator', keyType, key }, node: undefined };
}
