/**
 * The partition of keyless batches: uniform and sticky (KIP-480), adaptive to how fast the brokers are (KIP-794).
 *
 * A batch gets its partition when it could go out there at once, so that one slow or stuck partition holds up nothing. The queue of the topic
 * is in order and so is that of each partition: what comes from one source stays in order in each partition.
 */
import { UNASSIGNED_PARTITION } from '../accumulate/producer-batch.ts';
import { assert } from '../shared/assert.ts';
import { requestUpdate } from './cluster-metadata.ts';
import { canSend } from './in-flight-requests.ts';
import { wantConnection } from './node-connections.ts';
import { isTurn } from './partition-turn.ts';
import {
  activate,
  NO_NODE,
  type NodeState,
  type PartitionState,
  type SenderState,
  type TopicState,
} from './sender-state.ts';

/** Gives keyless batches to partitions, as many as can take one now. */
export function assignKeyless(state: SenderState, nowMs: number): void {
  for (const topic of state.keylessTopics) {
    while (topic.keyless.length > 0) {
      const candidates = candidatesOf(state, topic, nowMs);
      const chosen = choose(state, topic, candidates);
      if (chosen === undefined) break;
      give(state, topic, chosen);
    }
    if (topic.keyless.length === 0) state.keylessTopics.delete(topic);
  }
}

function give(state: SenderState, topic: TopicState, chosen: PartitionState): void {
  const batch = topic.keyless.shift();
  assert(batch !== undefined, 'a partition is chosen for a batch');
  topic.stickyBytes += batch.batchBytes;
  batch.partition = chosen.partition;
  chosen.queue.push(batch);
  activate(state, chosen);
}

function candidatesOf(state: SenderState, topic: TopicState, nowMs: number): PartitionState[] {
  const candidates: PartitionState[] = [];
  let led = false;
  for (const partition of topic.partitions) {
    if (partition === undefined || partition.leaderId === NO_NODE) continue;
    const node = state.nodes.get(partition.leaderId);
    if (node === undefined) continue;
    led = true;
    if (!state.config.partitionerAdaptivePartitioningEnable) candidates.push(partition);
    else if (canTake(state, partition, node, nowMs)) candidates.push(partition);
    else wantConnection(state, node, nowMs);
  }
  if (!led) requestUpdate(state);
  return candidates;
}

/** It could be sent there in this very step, as far as can be told beforehand. */
function canTake(
  state: SenderState,
  partition: PartitionState,
  node: NodeState,
  nowMs: number,
): boolean {
  return (
    canSend(state, node, nowMs) &&
    !isSlow(state, node, nowMs) &&
    partition.queue.length === 0 &&
    partition.retries.length === 0 &&
    partition.settle === undefined &&
    partition.settleCause === undefined &&
    !partition.bumpPending &&
    partition.splitting === undefined &&
    nowMs >= partition.retryAtMs &&
    isTurn(state, partition)
  );
}

/** partitioner.availability.timeout.ms: a broker that has not answered for so long gets no more. */
function isSlow(state: SenderState, { inFlight }: NodeState, nowMs: number): boolean {
  const { partitionerAvailabilityTimeoutMs } = state.config;
  const oldest = inFlight[0];
  if (partitionerAvailabilityTimeoutMs <= 0 || oldest === undefined) return false;
  return nowMs - oldest.sentMs > partitionerAvailabilityTimeoutMs;
}

/** Stays for batch.size bytes, then draws. */
function choose(
  state: SenderState,
  topic: TopicState,
  candidates: readonly PartitionState[],
): PartitionState | undefined {
  if (topic.stickyBytes < state.config.batchSize) {
    const sticky = candidates.find(({ partition }) => partition === topic.stickyPartition);
    if (sticky !== undefined) return sticky;
  }
  const drawn = draw(state, candidates);
  topic.stickyPartition = drawn?.partition ?? UNASSIGNED_PARTITION;
  topic.stickyBytes = 0;
  return drawn;
}

/** A partition with less in flight has more tickets. */
function draw(
  state: SenderState,
  candidates: readonly PartitionState[],
): PartitionState | undefined {
  if (!state.config.partitionerAdaptivePartitioningEnable) {
    return candidates[Math.floor(state.random() * candidates.length)];
  }
  const loads = candidates.map(({ inFlight, queue }) => inFlight.length + queue.length);
  const most = Math.max(...loads);
  const tickets = loads.reduce((sum, load) => sum + most + 1 - load, 0);
  let ticket = Math.floor(state.random() * tickets);
  return candidates.find((_, i) => {
    ticket -= most + 1 - (loads[i] ?? 0);
    return ticket < 0;
  });
}
