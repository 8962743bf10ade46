import { setLeader } from './cluster-metadata.ts';
import type { PartitionProduced } from './events.ts';
import type { PartitionState, SenderState } from './sender-state.ts';

/** KIP-951: the answer names the new leader, so that no Metadata is needed. Only a newer epoch of a broker that is known counts. */
export function takeLeaderHint(
  state: SenderState,
  partition: PartitionState,
  { currentLeader }: PartitionProduced,
  nowMs: number,
): void {
  if (currentLeader === undefined || currentLeader.leaderEpoch <= partition.leaderEpoch) return;
  if (!state.nodes.has(currentLeader.leaderId)) return;
  setLeader(state, partition, currentLeader.leaderId, currentLeader.leaderEpoch, nowMs);
}
