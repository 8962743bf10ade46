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
import { isBootstrap, wantConnection } from './node-connections.ts';
import { isTurn, UNSETTLED_MAX } from './partition-turn.ts';
import {
  activate,
  wakeBy,
  type NodeState,
  type PartitionState,
  type SenderState,
  type TopicState,
} from './sender-state.ts';

const GUESS_PARTITIONS_MIN = 64;
const GUESSES = 16;

/** One look for a partition. */
interface Look {
  readonly state: SenderState;
  /** Only partitions led by a broker of this rack; undefined: any. */
  readonly rack: string | undefined;
  readonly nowMs: number;
}

/** Gives keyless batches to partitions, as many as can take one now. */
export function assignKeyless(state: SenderState, nowMs: number): void {
  const { keylessTopics } = state;
  let next: TopicState | undefined;
  for (let topic = keylessTopics.first; topic !== undefined; topic = next) {
    while (topic.keyless.length > 0) {
      const chosen = choose(state, topic, nowMs);
      if (chosen === undefined) break;
      give(state, topic, chosen);
    }
    next = keylessTopics.after(topic);
    if (topic.keyless.length === 0) keylessTopics.delete(topic);
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

/** Stays for batch.size bytes, then draws. */
function choose(state: SenderState, topic: TopicState, nowMs: number): PartitionState | undefined {
  const look = { state, rack: rackFor(state, topic, nowMs), nowMs };
  if (topic.stickyBytes < state.config.batchSize) {
    const sticky = topic.partitions[topic.stickyPartition];
    if (sticky !== undefined && isCandidate(look, sticky)) return sticky;
  }
  const drawn = isWorthALook(state, nowMs) ? (guess(look, topic) ?? draw(look, topic)) : undefined;
  topic.stickyPartition = drawn?.partition ?? UNASSIGNED_PARTITION;
  topic.stickyBytes = 0;
  return drawn;
}

/**
 * KIP-1123: the rack to stay in, which is ours while a broker there can be reached and leads a partition of the topic that refuses nothing.
 * That it is busy is no reason to leave: the batch waits, as it does for any broker.
 */
function rackFor(state: SenderState, topic: TopicState, nowMs: number): string | undefined {
  const { partitionerRackAware, clientRack } = state.config;
  if (!partitionerRackAware) return undefined;
  const isHere = topic.partitions.some((partition) => {
    if (partition === undefined || partition.refusals > 0) return false;
    const node = state.nodes.get(partition.leaderId);
    return node?.rack === clientRack && node.failures === 0 && !isSlow(state, node, nowMs);
  });
  return isHere ? clientRack : undefined;
}

/** With thousands of partitions it is cheaper to ask the brokers first: none may have room. */
function isWorthALook(state: SenderState, nowMs: number): boolean {
  if (!state.config.partitionerAdaptivePartitioningEnable) return true;
  if (state.metadata.answeredCount === 0) return true;
  for (const node of state.nodes.values()) {
    if (isBootstrap(node)) continue;
    if (node.status === 'disconnected' || canSend(state, node, nowMs)) return true;
  }
  return false;
}

/** With thousands of partitions to look at a draw costs more than the batch: some are tried blindly first, those with much in flight less willingly. */
function guess(look: Look, topic: TopicState): PartitionState | undefined {
  const { state } = look;
  const { length } = topic.partitions;
  if (length < GUESS_PARTITIONS_MIN) return undefined;
  for (let guesses = 0; guesses < GUESSES; guesses += 1) {
    const partition = topic.partitions[Math.floor(state.random() * length)];
    if (partition === undefined || !isCandidate(look, partition)) continue;
    if (state.random() * UNSETTLED_MAX >= loadOf(state, partition)) return partition;
  }
  return undefined;
}

/** A partition with less in flight has more tickets. */
function draw(look: Look, topic: TopicState): PartitionState | undefined {
  const { state } = look;
  const candidates: PartitionState[] = [];
  let led = false;
  let most = 0;
  let loads = 0;
  for (const partition of topic.partitions) {
    if (partition === undefined || !state.nodes.has(partition.leaderId)) continue;
    led = true;
    if (!isCandidate(look, partition)) continue;
    const load = loadOf(state, partition);
    if (load > most) most = load;
    loads += load;
    candidates.push(partition);
  }
  if (!led) requestUpdate(state);
  let ticket = Math.floor(state.random() * (candidates.length * (most + 1) - loads));
  for (const partition of candidates) {
    ticket -= most + 1 - loadOf(state, partition);
    if (ticket < 0) return partition;
  }
  return undefined;
}

function loadOf({ config }: SenderState, { inFlight, queue }: PartitionState): number {
  return config.partitionerAdaptivePartitioningEnable ? inFlight.length + queue.length : 0;
}

/** Led by a broker that is known; adaptive: it could be sent there in this very step, as far as can be told beforehand. */
function isCandidate({ state, rack, nowMs }: Look, partition: PartitionState): boolean {
  const node = state.nodes.get(partition.leaderId);
  if (node === undefined || (rack !== undefined && node.rack !== rack)) return false;
  if (!state.config.partitionerAdaptivePartitioningEnable) return true;
  if (node.status === 'disconnected') wantConnection(state, node, nowMs);
  return (
    partition.queue.length === 0 &&
    partition.retries.length === 0 &&
    partition.settle === undefined &&
    partition.settleCause === undefined &&
    // An epoch that is over ends when the batch goes out, unless something of it is still on the wire.
    (!partition.bumpPending || partition.inFlight.length === 0) &&
    partition.splitting === undefined &&
    isRested(state, partition, nowMs) &&
    isTurn(state, partition) &&
    canSend(state, node, nowMs) &&
    !isSlow(state, node, nowMs)
  );
}

/** Its batch was given up while it was left alone: nothing but a keyless batch asks for it at that time. */
function isRested(state: SenderState, { retryAtMs }: PartitionState, nowMs: number): boolean {
  if (nowMs < retryAtMs) wakeBy(state, retryAtMs);
  return nowMs >= retryAtMs;
}

/** partitioner.availability.timeout.ms: a broker that has not answered for so long gets no more. */
function isSlow(state: SenderState, { inFlight }: NodeState, nowMs: number): boolean {
  const { partitionerAvailabilityTimeoutMs } = state.config;
  const oldest = inFlight[0];
  if (partitionerAvailabilityTimeoutMs <= 0 || oldest === undefined) return false;
  return nowMs - oldest.sentMs > partitionerAvailabilityTimeoutMs;
}
