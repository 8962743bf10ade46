/**
 * Settling a partition: finding out which of the batches that were sent are in the log, before anything else goes there.
 *
 * After a lost connection, a timeout or an unexplained OUT_OF_ORDER nobody knows. Taking a new epoch and sending again would double what is in;
 * going on would lose what is not. So the leader is asked how far it got (DescribeProducers: also followers and deposed leaders answer, so it
 * proves nothing yet). What it names is in once the high watermark has passed the end that its log had after that, under the same leader epoch.
 * What is missing is sent again in order, one at a time, as the identical records under the identical sequences. An attempt of before that
 * still arrives is then a duplicate of ours, or ours of it. Last, a new epoch shuts out whatever is left of the old. What the leader names is never
 * sent again as a question: a broker that has forgotten the producer id meanwhile would append it (docs/decisions/settling.md).
 *
 *     metadata -> leader -> describe -> logEnd -+-> (it names some) places -> watermark ----> resend the rest -> new epoch
 *        ^                                      +-> (it names none) -------------------------^
 *        +---- any error, with backoff ---------+-> (no state) watermark -> scan headers -> recheck -^
 *
 * Where a caller wants to know the offsets, and other writers are between ours, the headers are read (`places`) before the proof; they prove nothing.
 * Questions go out here; the answers come in by settle-answers.ts and settle-resend.ts.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { errors, type KafkaError } from '../kafka/errors.ts';
import { assert } from '../shared/assert.ts';
import { backoffMs } from './backoff.ts';
import { at, complete } from './batch-outcome.ts';
import { isFresh, requestFresh } from './cluster-metadata.ts';
import { startRequest } from './in-flight-requests.ts';
import { unstamp } from './producer-state.ts';
import {
  activate,
  emit,
  NO_NODE,
  report,
  wakeBy,
  type NodeState,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';

/** After so many rounds without success an operator is told. */
const STALLED_ROUNDS = 8;

export interface Settle {
  readonly cause: string;
  readonly startedMs: number;
  phase:
    | 'metadata'
    | 'leader'
    | 'describe'
    | 'logEnd'
    | 'places'
    | 'watermark'
    | 'scan'
    | 'recheck'
    | 'resend';
  /** The refresh of metadata that has to come first. */
  refresh: number;
  /** The question that is out; 0 for none. */
  request: number;
  rounds: number;
  retryAtMs: number;
  /** When an attempt was last left without an answer: it may still arrive for a while. */
  lostMs: number;
  /** When the leader was last asked how far it got. */
  askedMs: number;
  /** Whom all questions of this round are for. */
  leaderId: number;
  leaderEpoch: number;
  /** A broker that was restarted is back before its new epoch is heard of, and may have forgotten what it said. */
  connection: number;
  topicId: string;
  /** Behind the last record of ours that the leader knows of, in the count of the partition; undefined when it does not know us. */
  reached: number | undefined;
  /** The end of the leader's log, replicated or not, after it was asked how far we got. */
  logEnd: bigint;
  scanOffset: bigint;
  readonly found: Map<ProducerBatch, bigint>;
  /** How many answers are still read for the places of batches. */
  placesLeft: number;
  /** The resend that was refused last, and `reached` at that time: the same again is an answer. */
  refused: ProducerBatch | undefined;
  refusedReached: number | undefined;
  /** No permission to read: nothing but resends can tell. The place among the retries that is tried, once the first was refused. */
  blind: boolean;
  probe: number | undefined;
  /** Behind the last batch that was given up without an answer, in the count of the partition: a refusal of one before that says nothing. */
  givenUpTo: number;
  duplicates: number;
  resent: number;
}

/** The broker has looked at the sequence and refused it: out of order, or not 0 although it does not know the producer id. */
export function isSequenceRefused(error: KafkaError): boolean {
  return error === errors.OUT_OF_ORDER_SEQUENCE_NUMBER || error === errors.UNKNOWN_PRODUCER_ID;
}

/**
 * Whether the batch may be in the log after this answer. An answer about leadership may come after the append: the leader gave up while it
 * waited for the replicas, and they may have it. A refused sequence is a refusal of this attempt, whatever became of others.
 */
export function isMaybeAppended(error: KafkaError): boolean {
  if (isSequenceRefused(error)) return false;
  return error.possiblyPersisted || error.action === 'refresh';
}

/** Nothing of the partition is in flight, and some of it has to be settled. */
export function beginSettle(state: SenderState, partition: PartitionState, nowMs: number): void {
  assert(partition.inFlight.length === 0, 'settling begins when nothing is in flight');
  const cause = partition.settleCause ?? 'a batch before it was refused for good';
  partition.settleCause = cause;
  // A leader that was learned of since the last batch was sent is fresh enough.
  const isNew = partition.leaderEpoch > partition.sentLeaderEpoch;
  partition.settle = {
    cause,
    startedMs: nowMs,
    phase: 'metadata',
    refresh: isNew ? state.metadata.answeredCount : requestFresh(state),
    request: 0,
    rounds: 0,
    retryAtMs: -Infinity,
    lostMs: nowMs,
    askedMs: -Infinity,
    leaderId: NO_NODE,
    leaderEpoch: -1,
    connection: 0,
    topicId: '',
    reached: undefined,
    logEnd: 0n,
    scanOffset: 0n,
    found: new Map(),
    placesLeft: 0,
    refused: undefined,
    refusedReached: undefined,
    blind: false,
    probe: undefined,
    givenUpTo: -Infinity,
    duplicates: 0,
    resent: 0,
  };
  report(state, {
    kind: 'settleStarted',
    topic: partition.topic.topic,
    partition: partition.partition,
    batches: partition.retries.length,
    cause,
  });
}

/** Back to the start of the protocol: whatever was learned in this round may be old. */
export function anew(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  why: string,
  nowMs: number,
): void {
  settle.phase = 'metadata';
  settle.refresh = requestFresh(state);
  settle.request = 0;
  settle.reached = undefined;
  settle.probe = undefined;
  settle.found.clear();
  waitARound(state, partition, settle, why, nowMs);
}

/** The question of this phase is asked again later: the answer was not the one that is needed. */
export function waitARound(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  why: string,
  nowMs: number,
): void {
  const { retryBackoffMs, retryBackoffMaxMs } = state.config;
  settle.retryAtMs =
    nowMs + backoffMs(retryBackoffMs, retryBackoffMaxMs, settle.rounds, state.random);
  if (partition.parked !== undefined) {
    settle.retryAtMs = Math.max(settle.retryAtMs, partition.retryAtMs);
  }
  settle.rounds += 1;
  wakeBy(state, settle.retryAtMs);
  activate(state, partition);
  if (settle.rounds !== STALLED_ROUNDS) return;
  report(state, {
    kind: 'settleStalled',
    topic: partition.topic.topic,
    partition: partition.partition,
    message: `${String(settle.rounds)} times in vain, and it goes on. The last answer: ${why}`,
  });
}

/**
 * The next question of a partition that is led by `node`.
 *
 * @param mayAsk there is room for one more request on the connection
 * @returns a batch to send again, when that is what comes next
 */
export function advanceSettle(
  state: SenderState,
  partition: PartitionState,
  node: NodeState,
  mayAsk: boolean,
  nowMs: number,
): ProducerBatch | undefined {
  const settle = partition.settle;
  assert(settle !== undefined, 'the partition is being settled');
  if (settle.request !== 0 || partition.inFlight.length > 0) return undefined;
  if (nowMs < settle.retryAtMs) {
    wakeBy(state, settle.retryAtMs);
    return undefined;
  }
  if (settle.phase === 'metadata') {
    if (!isFresh(state, settle.refresh)) return undefined;
    settle.leaderId = partition.leaderId;
    settle.leaderEpoch = partition.leaderEpoch;
    settle.connection = node.connection;
    settle.topicId = partition.topic.topicId;
    settle.phase = 'leader';
  } else if (isMoved(partition, settle) || node.connection !== settle.connection) {
    anew(state, partition, settle, 'the leader has moved, or its connection was lost', nowMs);
    return undefined;
  }
  if (settle.phase === 'resend') return partition.retries[resendIndex(partition, settle)];
  if (mayAsk) ask(state, partition, settle, node, nowMs);
  return undefined;
}

function isMoved({ leaderId, leaderEpoch, topic }: PartitionState, settle: Settle): boolean {
  return (
    leaderId !== settle.leaderId ||
    leaderEpoch !== settle.leaderEpoch ||
    topic.topicId !== settle.topicId
  );
}

function ask(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  node: NodeState,
  nowMs: number,
): void {
  const { topic, topicId } = partition.topic;
  const at = { node: node.id, connection: node.connection, topic, partition: partition.partition };
  const currentLeaderEpoch = settle.leaderEpoch;
  const { producerId } = partition.identity;
  if (settle.phase === 'describe') settle.askedMs = nowMs;
  if (settle.phase === 'describe' && !node.describeProducers) settle.phase = 'logEnd';
  const started = (api: 'ListOffsets' | 'DescribeProducers' | 'Fetch'): number => {
    settle.request = startRequest(state, node, { api, about: 'settle', partition }, nowMs);
    return settle.request;
  };
  switch (settle.phase) {
    case 'describe': {
      const request = started('DescribeProducers');
      emit(state, { type: 'sendDescribeProducers', ...at, request, producerId });
      return;
    }
    case 'places':
    case 'scan': {
      const request = started('Fetch');
      const fromOffset = settle.scanOffset;
      const what = { topicId, fromOffset, currentLeaderEpoch, producerId };
      emit(state, { type: 'readHeaders', ...at, request, ...what });
      return;
    }
    case 'leader':
    case 'logEnd':
    case 'watermark':
    case 'recheck': {
      const request = started('ListOffsets');
      const replicaId = settle.phase === 'logEnd' ? -2 : -1;
      emit(state, { type: 'sendListOffsets', ...at, request, replicaId, currentLeaderEpoch });
      return;
    }
    case 'metadata':
    case 'resend':
      assert(false, `nothing is asked of the leader in phase ${settle.phase}`);
  }
}

/** Which of the retries goes next in phase `resend`; -1 for none, which `proceed` has ruled out. */
function resendIndex({ retries }: PartitionState, settle: Settle): number {
  const { reached, probe, blind } = settle;
  if (blind) return probe ?? 0;
  if (reached === undefined) return 0;
  // Behind a gap nothing can be in, but only the leader's refusal proves that. In order also there: one that has forgotten us takes it.
  return retries.findIndex(({ counter }) => counter >= reached);
}

/** Goes on to what is not known yet, or ends when all is. */
export function proceed(state: SenderState, partition: PartitionState, nowMs: number): void {
  const { settle } = partition;
  assert(settle !== undefined, 'the partition is being settled');
  settle.probe = undefined;
  settle.phase = 'resend';
  if (partition.retries.some(({ maybeAppended }) => maybeAppended)) return;
  finishSettle(state, partition, settle, nowMs);
}

/** All is known. What is left is not in the log and goes on under a new epoch, before everything else. */
function finishSettle(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  nowMs: number,
): void {
  partition.settle = undefined;
  partition.settleCause = undefined;
  report(state, {
    kind: 'settled',
    topic: partition.topic.topic,
    partition: partition.partition,
    duplicates: settle.duplicates,
    resent: settle.resent,
    afterMs: nowMs - settle.startedMs,
  });
  bumpEpoch(state, partition);
}

/** A new epoch from sequence 0, for this partition only. Everything that was sent before is settled: in, or surely not in. */
export function bumpEpoch(state: SenderState, partition: PartitionState): void {
  assert(
    partition.inFlight.length === 0 && partition.splitting === undefined,
    'an epoch ends when nothing of it is in flight',
  );
  const { queue, identity } = partition;
  const overdue = partition.retries.filter(({ told }) => told);
  const retries = partition.retries.filter(({ told }) => !told);
  for (const batch of overdue) drop(state, batch);
  for (const batch of retries) unstamp(batch);
  queue.putBack(retries);
  for (const batch of retries) state.accumulator.watch(batch);
  partition.retries = [];
  partition.bumpPending = false;
  partition.gateLeaderId = NO_NODE;
  identity.bump();
  activate(state, partition);
}

/** It is surely not in the log, and was called lost already: it is not sent under another identity. */
function drop(state: SenderState, batch: ProducerBatch): void {
  assert(!batch.maybeAppended, 'what may be in the log is settled before an epoch ends');
  const message = 'delivery.timeout.ms passed before it was written';
  const { name: error } = errors.REQUEST_TIMED_OUT;
  complete(state, batch, { type: 'failed', written: 'no', ...at(batch), error, message });
}
