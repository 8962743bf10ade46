/** What a partition may send now, if anything: the rules of order and of the producer's identity, in one place. */
import { NO_SEQUENCE, type ProducerBatch } from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';
import { askFloor } from './floor.ts';
import { isOpenFor } from './sender-transactions.ts';
import {
  hasWork,
  NO_NODE,
  wakeBy,
  type NodeState,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';
import { advanceSettle, beginSettle, bumpEpoch } from './settle.ts';

/** What a broker remembers of a producer id in a partition: so many batches may be unanswered at once. */
export const UNSETTLED_MAX = 5;

/** Silence after which the leader is not trusted to know our producer id. It keeps it for a day (producer.id.expiration.ms), or as it is told. */
const GATE_IDLE_MS = 60_000;

/**
 * The batch that comes next, still in its list. May instead put a question to the leader that has to be answered first.
 *
 * @param mayAsk there is room for one more request on the connection
 */
export function nextBatch(
  state: SenderState,
  partition: PartitionState,
  node: NodeState,
  mayAsk: boolean,
  nowMs: number,
): ProducerBatch | undefined {
  if (partition.splitting !== undefined) return undefined;
  if (state.transactions !== undefined) {
    if (!hasWork(partition) || !partition.identity.adopt(state.producer)) return undefined;
    if (!isOpenFor(state, partition, nowMs)) return undefined;
  } else if (state.config.enableIdempotence) {
    if (isElsewhere(partition, node)) {
      partition.settleCause ??=
        'the leader or its connection changed before the answer was certain';
    }
    if (isEpochOver(partition) && !endEpoch(state, partition, nowMs)) return undefined;
    if (partition.settle !== undefined) {
      return advanceSettle(state, partition, node, mayAsk, nowMs);
    }
    if (!partition.identity.adopt(state.producer)) {
      state.producer.wanted = true;
      return undefined;
    }
    if (partition.floor === undefined) {
      if (mayAsk) askFloor(state, partition, node, nowMs);
      return undefined;
    }
  }
  if (!isTurn(state, partition)) return undefined;
  const next = partition.retries[0] ?? partition.queue.peek();
  if (next === undefined || nowMs >= partition.retryAtMs) return next;
  wakeBy(state, partition.retryAtMs);
  return undefined;
}

/** A batch that may be in the log is tried again as it is only where the earlier attempt went: that broker still knows it. */
function isElsewhere(partition: PartitionState, node: NodeState): boolean {
  if (partition.settle !== undefined || partition.retries.length === 0) return false;
  const isSame =
    partition.sentConnection === node.connection &&
    partition.sentLeaderEpoch === partition.leaderEpoch;
  return !isSame && partition.retries.some(({ maybeAppended }) => maybeAppended);
}

function isEpochOver(partition: PartitionState): boolean {
  return (
    partition.settle === undefined && (partition.bumpPending || partition.settleCause !== undefined)
  );
}

/** Drain, then bump: first everything in flight is answered, then what may be in is settled, then the new epoch begins. */
function endEpoch(state: SenderState, partition: PartitionState, nowMs: number): boolean {
  if (partition.inFlight.length > 0) return false;
  const isOpen = partition.retries.some(({ maybeAppended }) => maybeAppended);
  if (partition.settleCause !== undefined || isOpen) beginSettle(state, partition, nowMs);
  else bumpEpoch(state, partition);
  return true;
}

/** Order: whether another batch may go out beside those that are in flight. */
export function isTurn(state: SenderState, partition: PartitionState): boolean {
  const out = partition.inFlight.length;
  if (out === 0) return true;
  // Nothing goes to a new leader while the old one has something unanswered.
  if (partition.sentLeaderId !== partition.leaderId) return false;
  const { enableIdempotence, maxInFlightRequestsPerConnection } = state.config;
  // Without sequences only one in flight keeps the order; whoever allows more does not ask for it.
  if (!enableIdempotence) return maxInFlightRequestsPerConnection > 1;
  // A batch that was refused goes alone: those behind it can only be refused while it is out.
  if (partition.retries.length > 0 || out >= UNSETTLED_MAX) return false;
  return isGateOpen(state, partition);
}

/**
 * A broker that does not know our producer id accepts any sequence: after a failure of the first batch it would take the second. So there is
 * one in flight until the first success at this leader epoch, and after a long silence, in which the broker may have forgotten it. Also on each
 * new connection: a broker that was restarted may be back before anybody has heard of its new epoch.
 */
function isGateOpen(state: SenderState, partition: PartitionState): boolean {
  return (
    partition.gateLeaderId === partition.leaderId &&
    partition.gateLeaderEpoch === partition.leaderEpoch &&
    partition.gateConnection === state.nodes.get(partition.leaderId)?.connection
  );
}

/** Takes the batch out of its list and into flight; gives it its sequence if it has none. */
export function takeBatch(
  state: SenderState,
  partition: PartitionState,
  batch: ProducerBatch,
  nowMs: number,
): void {
  const retry = partition.retries.indexOf(batch);
  if (retry >= 0) partition.retries.splice(retry, 1);
  else assert(partition.queue.shift() === batch, 'a queue is drained from its head');
  if (batch.baseSequence === NO_SEQUENCE) {
    batch.transactional = state.transactions !== undefined;
    if (state.config.enableIdempotence) partition.identity.stamp(batch);
    else if (batch.counter < 0) partition.identity.count(batch);
  }
  batch.attempts += 1;
  if (nowMs - partition.sentMs > GATE_IDLE_MS) partition.gateLeaderId = NO_NODE;
  partition.sentMs = nowMs;
  partition.inFlight.push(batch);
  partition.sentLeaderId = partition.leaderId;
  partition.sentLeaderEpoch = partition.leaderEpoch;
  partition.sentConnection = state.nodes.get(partition.leaderId)?.connection ?? 0;
}
