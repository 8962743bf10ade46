/**
 * Fills Produce requests: many partitions in one, at most one batch of each, the longest unserved partition first. What it leaves of a request goes to
 * those further down the line whose batches fit: short batches of a quiet partition do not wait while long ones of the others take turns.
 */
import { canSend, startRequest, type SentEntry } from './in-flight-requests.ts';
import { retireBootstrap, wantConnection } from './node-connections.ts';
import { nextBatch, takeBatch } from './partition-turn.ts';
import { assignKeyless } from './partitioner.ts';
import {
  emit,
  hasWork,
  type NodeState,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';

/** So many batches that do not fit are passed over for a request: a line can be thousands long. */
const PASSED_OVER_MAX = 100;

/** Sends all that can be sent since something changed at a node. */
export function drain(state: SenderState, nowMs: number): void {
  let progressed: boolean;
  do {
    assignKeyless(state, nowMs);
    progressed = false;
    for (
      let node = state.dirtyNodes.first;
      node !== undefined;
      node = state.dirtyNodes.after(node)
    ) {
      if (node.active.size === 0) continue;
      if (node.status !== 'ready') wantConnection(state, node, nowMs);
      while (canSend(state, node, nowMs) && drainNode(state, node, nowMs)) progressed = true;
    }
  } while (progressed && state.keylessTopics.size > 0);
  retireBootstrap(state);
  state.dirtyNodes.clear();
}

/** @returns whether a Produce request went out */
function drainNode(state: SenderState, node: NodeState, nowMs: number): boolean {
  const { maxInFlightRequestsPerConnection, maxRequestSize } = state.config;
  const entries: SentEntry[] = [];
  let bytes = 0;
  let passedOver = 0;
  let next: PartitionState | undefined;
  for (let partition = node.active.first; partition !== undefined; partition = next) {
    if (passedOver > PASSED_OVER_MAX) break;
    // The Produce request under way needs a place of its own.
    const taken = node.inFlight.length + (entries.length > 0 ? 1 : 0);
    const mayAsk = taken < maxInFlightRequestsPerConnection;
    if (!mayAsk && entries.length === 0) break;
    const batch = nextBatch(state, partition, node, mayAsk, nowMs);
    next = node.active.after(partition);
    if (batch === undefined) {
      if (!hasWork(partition)) node.active.delete(partition);
      continue;
    }
    if (entries.length > 0 && bytes + batch.batchBytes > maxRequestSize) {
      passedOver += 1;
      continue;
    }
    bytes += batch.batchBytes;
    entries.push({
      batch,
      partition,
      leaderEpoch: partition.leaderEpoch,
      settles: partition.settle !== undefined,
    });
  }
  if (entries.length === 0) return false;
  sendProduce(state, node, entries, nowMs);
  return true;
}

function sendProduce(
  state: SenderState,
  node: NodeState,
  entries: readonly SentEntry[],
  nowMs: number,
): void {
  const { acks, requestTimeoutMs, transactions } = state.config;
  for (const { partition, batch } of entries) {
    takeBatch(state, partition, batch, nowMs);
    partition.topic.lastUseMs = nowMs;
    // To the end of the line.
    node.active.delete(partition);
    if (hasWork(partition)) node.active.add(partition);
  }
  emit(state, {
    type: 'sendProduce',
    node: node.id,
    connection: node.connection,
    request: startRequest(state, node, { api: 'Produce', entries }, nowMs),
    acks,
    timeoutMs: requestTimeoutMs,
    entries: entries.map(({ batch, partition }) => ({
      batch,
      topicId: partition.topic.topicId,
      freshTimestamp: batch.maybeAppended,
    })),
    ...(transactions === undefined ? {} : { transaction: transactionOf(state, transactions) }),
  });
}

function transactionOf(
  { transactions }: SenderState,
  { transactionalId }: { readonly transactionalId: string },
): { readonly transactionalId: string; readonly v2: boolean } {
  return { transactionalId, v2: transactions?.v2 === true };
}
