/** Who leads what: asked for when it is old or turned out wrong, all questions in one request, and never more often than the backoff allows. */
import { backoffMs } from './backoff.ts';
import { startRequest } from './in-flight-requests.ts';
import { pickAnyNode } from './node-connections.ts';
import {
  activate,
  emit,
  hasWork,
  NO_LEADER_EPOCH,
  NO_NODE,
  report,
  wakeBy,
  type PartitionState,
  type SenderState,
  type TopicState,
} from './sender-state.ts';

/** What is known turned out to be wrong or too little. */
export function requestUpdate(state: SenderState): void {
  state.metadata.wanted = true;
}

/** Asks for metadata that is newer than this moment; `isFresh` says when the returned refresh has come. */
export function requestFresh(state: SenderState): number {
  state.metadata.wanted = true;
  return state.metadata.sentCount + 1;
}

export function isFresh(state: SenderState, refresh: number): boolean {
  return state.metadata.answeredCount >= refresh;
}

/** Sends the one Metadata request if it is time for it. */
export function refreshIfDue(state: SenderState, nowMs: number): void {
  const { metadata, config } = state;
  if (metadata.request !== 0) return;
  const agedAtMs = metadata.lastAnswerMs + config.metadataMaxAgeMs;
  const dueAtMs = metadata.wanted ? metadata.notBeforeMs : Math.max(agedAtMs, metadata.notBeforeMs);
  if (nowMs < dueAtMs) {
    wakeBy(state, dueAtMs);
    return;
  }
  rebootstrapIfDue(state, nowMs);
  const node = pickAnyNode(state, nowMs);
  if (node === undefined) return;
  const topics = topicsInUse(state, nowMs);
  metadata.wanted = false;
  metadata.sentCount += 1;
  const question = { api: 'Metadata', topics, refresh: metadata.sentCount } as const;
  metadata.request = startRequest(state, node, question, nowMs);
  emit(state, {
    type: 'sendMetadata',
    node: node.id,
    connection: node.connection,
    request: metadata.request,
    topics,
    allowAutoTopicCreation: config.allowAutoCreateTopics,
  });
}

/**
 * KIP-1102: brokers that can be reached but tell nothing are left for the bootstrap servers. Those may be dead names by now, and the brokers
 * well again: then it is their turn once more, and so on.
 */
function rebootstrapIfDue(state: SenderState, nowMs: number): void {
  const { metadata, config } = state;
  const triggerMs = config.metadataRecoveryRebootstrapTriggerMs;
  if (metadata.answeredCount === 0 || config.metadataRecoveryStrategy === 'none') return;
  if (metadata.askingSinceMs === Infinity) metadata.askingSinceMs = nowMs;
  const waitMs = metadata.rebootstrap ? Math.max(triggerMs, config.requestTimeoutMs) : triggerMs;
  if (nowMs - metadata.askingSinceMs <= waitMs) {
    wakeBy(state, metadata.askingSinceMs + waitMs + 1);
    return;
  }
  if (metadata.rebootstrap) {
    metadata.rebootstrap = false;
    metadata.askingSinceMs = nowMs;
    return;
  }
  const waited = `metadata.recovery.rebootstrap.trigger.ms=${String(triggerMs)}`;
  rebootstrap(state, `no known broker has told of the cluster for ${waited}`, nowMs);
}

/** From now on the bootstrap servers are asked, unless `metadata.recovery.strategy` is against it. */
export function rebootstrap(state: SenderState, why: string, nowMs: number): void {
  const { metadata, config } = state;
  if (config.metadataRecoveryStrategy === 'none') return;
  metadata.askingSinceMs = nowMs;
  if (metadata.rebootstrap || metadata.answeredCount === 0) return;
  metadata.rebootstrap = true;
  report(state, { kind: 'rebootstrapped', message: `asking the bootstrap servers again: ${why}` });
}

/** The request was answered, or lost: when the next one may go. */
export function metadataDone(state: SenderState, fruitful: boolean, nowMs: number): void {
  const { metadata, config, random } = state;
  metadata.request = 0;
  metadata.fruitless = fruitful ? 0 : metadata.fruitless + 1;
  const attempt = Math.max(0, metadata.fruitless - 1);
  metadata.notBeforeMs =
    nowMs + backoffMs(config.retryBackoffMs, config.retryBackoffMaxMs, attempt, random);
}

function topicsInUse(state: SenderState, nowMs: number): string[] {
  const topics: string[] = [];
  for (const topic of state.topics.values()) {
    const idle = nowMs - topic.lastUseMs > state.config.metadataMaxIdleMs;
    if (!idle || isBusy(topic)) topics.push(topic.topic);
  }
  return topics;
}

/** Something of the topic is not done. Its sequences are remembered even when nothing is. */
export function isBusy(topic: TopicState): boolean {
  if (topic.keyless.length > 0) return true;
  return topic.partitions.some(
    (partition) => partition !== undefined && (hasWork(partition) || partition.inFlight.length > 0),
  );
}

/**
 * Takes a leader as true unless a newer epoch is known: answers come from many brokers, and some of them lag behind (KIP-320).
 *
 * @returns whether anything is new
 */
export function setLeader(
  state: SenderState,
  partition: PartitionState,
  leaderId: number,
  leaderEpoch: number,
  nowMs: number,
): boolean {
  if (leaderEpoch !== NO_LEADER_EPOCH && leaderEpoch < partition.leaderEpoch) return false;
  if (leaderId === partition.leaderId && leaderEpoch === partition.leaderEpoch) return false;
  moveTo(state, partition, leaderId);
  // A new leader need not be backed off from: it has not refused anything.
  if (leaderEpoch > partition.leaderEpoch && partition.parked === undefined) {
    partition.retryAtMs = Math.min(partition.retryAtMs, nowMs);
  }
  partition.leaderEpoch = leaderEpoch;
  return true;
}

/** Nobody leads it as far as is known. The epoch is kept: an older one must not come back. */
export function loseLeader(state: SenderState, partition: PartitionState): void {
  if (partition.leaderId !== NO_NODE) moveTo(state, partition, NO_NODE);
}

function moveTo(state: SenderState, partition: PartitionState, leaderId: number): void {
  state.nodes.get(partition.leaderId)?.active.delete(partition);
  state.leaderless.delete(partition);
  partition.leaderId = leaderId;
  if (hasWork(partition)) activate(state, partition);
}
