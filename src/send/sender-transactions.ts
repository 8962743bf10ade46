/**
 * Transactions in the sender core: what the application calls and what becomes of batches goes to the state machine of transactions; what that
 * decides is done to requests, batches and identities.
 *
 * While a transaction is open nothing is settled, unlike without transactions: a batch is resent as it is, and where the leader does not know what
 * became of it, the transaction is aborted, which undoes whatever is in the logs.
 */
import { startRequest, canSend } from './in-flight-requests.ts';
import { takeBrokers } from './metadata-answer.ts';
import { pickAnyNode, wantConnection } from './node-connections.ts';
import {
  activate,
  emit,
  NO_NODE,
  partitionOf,
  partitionsOf,
  topicOf,
  wakeBy,
  type NodeState,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';
import { abandon, stopForGood } from './stop.ts';
import { abortedFault, unsureOf } from './transaction-errors.ts';
import type {
  TransactionEffect,
  TransactionEvent,
  TransactionFault,
} from './transaction-events.ts';
import {
  nextTransactionRequest,
  transactionRequestSent,
  type RoutedRequest,
} from './transaction-requests.ts';
import { isEnded, isEndSent, isPartitionOpen, type TransactionState } from './transaction-state.ts';
import { stepTransaction } from './transaction-step.ts';

/** Something happened that is for the state machine. Without transactions nothing does. */
export function tellTransactions(state: SenderState, event: TransactionEvent, nowMs: number): void {
  const { transactions } = state;
  if (transactions === undefined) return;
  carryOut(state, stepTransaction(transactions, event, nowMs));
}

/** Brings the transaction as far as it can get now: failures of batches first, then the next request. */
export function advanceTransactions(state: SenderState, nowMs: number): void {
  const { transactions, phase } = state;
  if (transactions === undefined) return;
  if (phase === 'stopped' || phase === 'closed') {
    endCalls(state, nowMs);
    return;
  }
  takeFailures(state, nowMs);
  if (isFailing(transactions)) {
    dropUnsent(state, transactions.fault ?? abortedFault);
    takeFailures(state, nowMs);
  }
  if (state.phase === 'running' || state.phase === 'closing') askCoordinator(state, nowMs);
}

/** The sender closes: an open transaction is aborted, one that is ending is waited for. */
export function closeTransactions(state: SenderState, nowMs: number): void {
  const phase = state.transactions?.phase;
  if (phase !== 'inTransaction' && phase !== 'abortableError') return;
  tellTransactions(state, { call: 'abortTransaction', operation: NOBODY }, nowMs);
}

/** Nobody waits for this call. */
const NOBODY = -1;

/** Something is under way that has to end before the sender may. */
export function isTransactionOpen({ transactions }: SenderState): boolean {
  if (transactions === undefined) return false;
  const { phase } = transactions;
  if (phase === 'initializing') return isEnded(transactions);
  return phase !== 'uninitialized' && phase !== 'ready' && phase !== 'fatalError';
}

/** Why a batch that comes in now belongs to no transaction; undefined when it does. */
export function whyOutside({
  transactions,
}: SenderState): Pick<TransactionFault, 'error' | 'message'> | undefined {
  if (transactions === undefined || transactions.phase === 'inTransaction') return undefined;
  return transactions.fault ?? outside;
}

const outside = {
  error: 'ILLEGAL_STATE',
  message: 'no transaction is open: begin one before sending',
} as const;

/** The batch that comes next, once its partition belongs to the transaction. */
export function isOpenFor(state: SenderState, partition: PartitionState, nowMs: number): boolean {
  const { transactions } = state;
  if (transactions === undefined) return true;
  const place = { topic: partition.topic.topic, partition: partition.partition };
  if (isPartitionOpen(transactions, place)) return true;
  tellTransactions(state, { type: 'partitionUsed', ...place }, nowMs);
  return isPartitionOpen(transactions, place);
}

/** The connection is gone or could not be made: perhaps another broker coordinates now. */
export function coordinatorGone({ transactions }: SenderState, node: number): void {
  if (transactions === undefined) return;
  if (transactions.coordinator === node) transactions.coordinator = undefined;
  if (transactions.groupCoordinator?.node === node) transactions.groupCoordinator = undefined;
}

function takeFailures(state: SenderState, nowMs: number): void {
  for (const failure of state.batchFailures.splice(0)) {
    tellTransactions(state, { type: 'batchFailed', ...failure }, nowMs);
  }
}

function isFailing({ phase }: TransactionState): boolean {
  return phase === 'aborting' || phase === 'abortableError';
}

/** The sender has stopped: nobody will be answered any more. */
function endCalls(state: SenderState, nowMs: number): void {
  const { stopped, transactions } = state;
  state.batchFailures.length = 0;
  if (transactions?.phase === 'fatalError') return;
  const { error, message } = stopped ?? closedFault;
  const isUnsure = transactions?.phase === 'committing' && isEndSent(transactions);
  const failure = isUnsure ? unsureOf({ error, message, next: 'close' }) : { error, message };
  tellTransactions(
    state,
    { type: 'batchFailed', ...failure, sequenced: false, fatal: true },
    nowMs,
  );
}

const closedFault = { error: 'CLOSED', message: 'the producer was closed' } as const;

function carryOut(state: SenderState, effects: readonly TransactionEffect[]): void {
  for (const effect of effects) {
    switch (effect.type) {
      case 'callEnded': {
        const { operation, fault } = effect;
        if (operation === NOBODY) break;
        emit(state, { type: 'transactionCallEnded', operation, fault });
        break;
      }
      case 'identityChanged':
        renewIdentities(state, effect);
        break;
      case 'partitionsAdded':
        for (const { topic, partition } of effect.partitions) {
          activate(state, partitionOf(state, topicOf(state, topic), partition));
        }
        break;
      case 'batchesUnwanted':
        dropUnsent(state, effect.fault);
        break;
      case 'coordinatorFound':
        takeBrokers(state, [effect]);
        break;
      case 'transactionsEnded':
        stopFor(state, effect.fault);
    }
  }
}

function stopFor(state: SenderState, { error, message }: TransactionFault): void {
  if (state.phase === 'running' || state.phase === 'closing') stopForGood(state, error, message);
}

/** Between transactions nothing is in flight, so that every partition can begin at sequence 0. */
function renewIdentities(
  state: SenderState,
  { producerId, producerEpoch }: { readonly producerId: bigint; readonly producerEpoch: number },
): void {
  state.producer.assign(producerId, producerEpoch);
  for (const partition of partitionsOf(state)) {
    partition.identity.renew(producerId, producerEpoch);
    partition.bumpPending = false;
    partition.gateLeaderId = NO_NODE;
  }
}

/** What is not on the wire will not get there. What is must be answered before the transaction may end. */
function dropUnsent(state: SenderState, { error, message }: TransactionFault): void {
  for (const partition of partitionsOf(state)) {
    const { retries, splitting } = partition;
    const here = splitting === undefined ? retries : [splitting, ...retries];
    partition.retries = [];
    partition.splitting = undefined;
    for (const batch of here) abandon(state, batch, message, error);
  }
  for (const batch of state.accumulator.takeAll()) abandon(state, batch, message, error);
  state.keylessTopics.clear();
}

/** Sends the next request to whom it is for, as soon as that one is connected. */
function askCoordinator(state: SenderState, nowMs: number): void {
  const { transactions } = state;
  if (transactions === undefined || transactions.request !== undefined) return;
  const coordinator = state.nodes.get(transactions.coordinator ?? NO_NODE);
  if (coordinator?.status === 'ready') {
    const { raisesEpoch } = coordinator;
    tellTransactions(state, { type: 'coordinatorConnected', raisesEpoch }, nowMs);
  }
  const effects: TransactionEffect[] = [];
  // What nobody waits for any longer may still be written: EndTxn does.
  const openBatches = state.incomplete + state.overdue;
  const next = nextTransactionRequest(transactions, openBatches, nowMs, effects);
  carryOut(state, effects);
  if (next !== undefined) sendTo(state, transactions, next, nowMs);
  else if (nowMs < transactions.retryAtMs) wakeBy(state, transactions.retryAtMs);
}

function sendTo(
  state: SenderState,
  transactions: TransactionState,
  { request, node: id }: RoutedRequest,
  nowMs: number,
): void {
  const node = id === undefined ? pickAnyNode(state, nowMs) : coordinatorNode(state, id, nowMs);
  if (node === undefined) return;
  transactionRequestSent(transactions, request);
  const { api } = request;
  emit(state, {
    type: 'sendTransactionRequest',
    node: node.id,
    connection: node.connection,
    request: startRequest(state, node, { api, about: 'transaction' }, nowMs),
    content: request,
  });
}

function coordinatorNode(state: SenderState, id: number, nowMs: number): NodeState | undefined {
  const node = state.nodes.get(id);
  if (node === undefined) {
    // The brokers' list has it no more.
    coordinatorGone(state, id);
    state.wakeMs = Math.min(state.wakeMs, nowMs);
    return undefined;
  }
  if (node.status !== 'ready') wantConnection(state, node, nowMs);
  return canSend(state, node, nowMs) ? node : undefined;
}
