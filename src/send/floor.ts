/** Before the first batch of a partition: where the log ends. What is below is not ours, and need never be searched for lost batches. */
import { errorOf, errors } from '../kafka/errors.ts';
import { park } from './batch-results.ts';
import { requestUpdate } from './cluster-metadata.ts';
import type { SenderEvent } from './events.ts';
import { startRequest } from './in-flight-requests.ts';
import {
  activate,
  backOff,
  emit,
  wakeBy,
  type NodeState,
  type PartitionState,
  type SenderState,
} from './sender-state.ts';

export function askFloor(
  state: SenderState,
  partition: PartitionState,
  node: NodeState,
  nowMs: number,
): void {
  if (partition.floorRequest !== 0) return;
  if (nowMs < partition.retryAtMs) {
    wakeBy(state, partition.retryAtMs);
    return;
  }
  const question = { api: 'ListOffsets', about: 'floor', partition } as const;
  partition.floorRequest = startRequest(state, node, question, nowMs);
  emit(state, {
    type: 'sendListOffsets',
    node: node.id,
    connection: node.connection,
    request: partition.floorRequest,
    topic: partition.topic.topic,
    partition: partition.partition,
    replicaId: -1,
    currentLeaderEpoch: partition.leaderEpoch,
  });
}

export function takeFloor(
  state: SenderState,
  partition: PartitionState,
  answer: SenderEvent,
  nowMs: number,
): void {
  partition.floorRequest = 0;
  activate(state, partition);
  if (answer.type !== 'offsetListed') return;
  const error = errorOf(answer.errorCode);
  if (error === errors.NONE) {
    partition.floor ??= answer.offset;
    partition.refusals = 0;
    return;
  }
  if (error.refreshMetadata) requestUpdate(state);
  if (error === errors.TOPIC_AUTHORIZATION_FAILED) park(state, partition, error, nowMs);
  else backOff(state, partition, nowMs);
}
