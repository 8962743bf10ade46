/** What is remembered of one transactional producer. Nothing here outlives the process: the coordinator remembers the rest. */
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../accumulate/producer-batch.ts';
import type {
  ConsumerGroup,
  OffsetToCommit,
  TopicPartition,
  TransactionApi,
  TransactionCall,
  TransactionEffect,
  TransactionFault,
  TransactionIdentity,
  TransactionRequest,
} from './transaction-events.ts';

/** From this level of the feature transaction.version on the second version of the protocol is spoken. */
export const TRANSACTION_V2 = 2;

export interface TransactionSettings {
  readonly transactionalId: string;
  /** The coordinator aborts what takes longer. */
  readonly transactionTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
}

/**
 *     uninitialized -> initializing -> ready -> inTransaction -> committing -> ready
 *                           ^            ^         |    |            |
 *                           |            |         |    v            v
 *                           |            +---- aborting <---- abortableError
 *                           +-- (epoch to be raised) --+
 *
 * `fatalError` can follow any, and is the end.
 */
export type TransactionPhase =
  | 'uninitialized'
  | 'initializing'
  | 'ready'
  | 'inTransaction'
  | 'committing'
  | 'aborting'
  | 'abortableError'
  | 'fatalError';

/** Offsets on their way to the coordinator of a group. */
export interface PendingOffsets {
  readonly operation: number;
  readonly group: ConsumerGroup;
  /** Those that were not taken yet. */
  offsets: readonly OffsetToCommit[];
  /** The transaction coordinator knows the group. */
  groupAdded: boolean;
}

export interface TransactionState {
  readonly settings: TransactionSettings;
  readonly random: () => number;
  phase: TransactionPhase;
  /** In abortableError and fatalError, and while aborting because of one. */
  fault: TransactionFault | undefined;
  producerId: bigint;
  producerEpoch: number;
  /** The finalized level of the feature transaction.version, as last learned, and the epoch of that. */
  transactionVersion: number;
  featuresEpoch: bigint;
  /** The open transaction is of version 2: it began so, and ends so. */
  v2: boolean;
  /** Node that coordinates; undefined: to be looked up. */
  coordinator: number | undefined;
  /** The coordinator can raise the epoch (InitProducerId v3). */
  raisesEpoch: boolean;
  groupCoordinator: { readonly groupId: string; readonly node: number } | undefined;
  /** Version 1: partitions that wait to be added. */
  readonly newPartitions: Map<string, TopicPartition>;
  /** Partitions that may be written to. */
  readonly partitions: Set<string>;
  /** Whether the coordinator knows of a transaction: `perhaps` after a request without an answer. */
  started: 'no' | 'perhaps' | 'yes';
  pendingOffsets: PendingOffsets[];
  /** Before the next transaction InitProducerId has to raise the epoch. */
  bumpNeeded: boolean;
  /** EndTxn was sent and lost: whether the coordinator did it is not known until it answers. */
  endLost: boolean;
  /** The call that the phase is the work of, and everybody who made it. */
  waitingFor: TransactionCall['call'] | undefined;
  waiting: number[];
  /** The one request under way. */
  request: TransactionRequest | undefined;
  /** What became of the last request that has to be sent again, until one of its kind succeeds. */
  setback: { readonly api: TransactionApi; readonly what: string } | undefined;
  /** Refusals in a row. */
  attempts: number;
  retryAtMs: number;
}

/** @param random yields numbers in [0, 1) */
export function createTransactions(
  settings: TransactionSettings,
  random: () => number,
): TransactionState {
  return {
    settings,
    random,
    phase: 'uninitialized',
    fault: undefined,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    transactionVersion: 0,
    featuresEpoch: -1n,
    v2: false,
    coordinator: undefined,
    raisesEpoch: true,
    groupCoordinator: undefined,
    newPartitions: new Map(),
    partitions: new Set(),
    started: 'no',
    pendingOffsets: [],
    bumpNeeded: false,
    endLost: false,
    waitingFor: undefined,
    waiting: [],
    request: undefined,
    setback: undefined,
    attempts: 0,
    retryAtMs: -Infinity,
  };
}

/** Names a partition in sets. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}-${String(partition)}`;
}

/** Whether a batch may go to the partition now: it belongs to the open transaction. */
export function isPartitionOpen(state: TransactionState, at: TopicPartition): boolean {
  const { phase, partitions } = state;
  return (phase === 'inTransaction' || phase === 'committing') && partitions.has(partitionKey(at));
}

/** Everybody who waits for the phase is told. */
export function answerWaiting(
  state: TransactionState,
  fault: TransactionFault | undefined,
  out: TransactionEffect[],
): void {
  for (const operation of state.waiting) out.push({ type: 'callEnded', operation, fault });
  state.waiting = [];
  state.waitingFor = undefined;
}

/** Offsets that were not taken will not be: their callers are told. */
export function failOffsets(
  state: TransactionState,
  fault: TransactionFault,
  out: TransactionEffect[],
): void {
  for (const { operation } of state.pendingOffsets) {
    out.push({ type: 'callEnded', operation, fault });
  }
  state.pendingOffsets = [];
}

/** The transaction can only be aborted. The first fault stays: the later ones follow from it. */
export function failTransaction(
  state: TransactionState,
  fault: TransactionFault,
  out: TransactionEffect[],
): void {
  if (state.phase !== 'inTransaction' && state.phase !== 'committing') return;
  state.phase = 'abortableError';
  state.fault = fault;
  state.newPartitions.clear();
  failOffsets(state, fault, out);
  answerWaiting(state, fault, out);
  out.push({ type: 'batchesUnwanted', fault });
}

/** Nothing works any more. */
export function endForGood(
  state: TransactionState,
  fault: TransactionFault,
  out: TransactionEffect[],
): void {
  if (state.phase === 'fatalError') return;
  const hasEnded = isEnded(state);
  state.phase = 'fatalError';
  state.fault = fault;
  state.newPartitions.clear();
  failOffsets(state, fault, out);
  answerWaiting(state, hasEnded ? undefined : fault, out);
  out.push({ type: 'transactionsEnded', fault });
}

/** EndTxn is done: what comes now is for the next transaction, and says nothing about this one. */
export function isEnded({ phase, waitingFor }: TransactionState): boolean {
  return phase === 'initializing' && waitingFor !== 'initTransactions';
}

/** EndTxn is on its way, or was lost there: the coordinator may have carried it out. */
export function isEndSent({ request, endLost }: TransactionState): boolean {
  return endLost || request?.api === 'EndTxn';
}

/** The identity of all that is sent from now on. */
export function takeIdentity(
  state: TransactionState,
  { producerId, producerEpoch }: Pick<TransactionIdentity, 'producerId' | 'producerEpoch'>,
  out: TransactionEffect[],
): void {
  state.producerId = producerId;
  state.producerEpoch = producerEpoch;
  out.push({ type: 'identityChanged', producerId, producerEpoch });
}

/** The transaction is over. Its callers are told when the next one can begin. */
export function endTransaction(state: TransactionState, out: TransactionEffect[]): void {
  // The next transaction is the first of version 2: the epoch of the old ones must not get into it.
  if (!state.v2 && state.transactionVersion >= TRANSACTION_V2) state.bumpNeeded = true;
  state.fault = undefined;
  state.endLost = false;
  state.started = 'no';
  state.newPartitions.clear();
  state.partitions.clear();
  if (state.bumpNeeded) {
    state.phase = 'initializing';
    return;
  }
  state.phase = 'ready';
  answerWaiting(state, undefined, out);
}
