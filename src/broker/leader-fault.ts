import { errors } from '../kafka/errors.ts';
import type { KafkaError } from '../kafka/errors.ts';
import type { Partition } from './partition.ts';

/** Leader epoch of a client that does not know any. */
const NO_EPOCH = -1;

/**
 * Why a node does not serve a partition to a client that believes in `leaderEpoch` (KIP-320); NONE if it does.
 *
 * @param followersServe a replica is enough, it need not lead
 */
export function leaderFault(
  partition: Partition,
  nodeId: number,
  leaderEpoch: number,
  followersServe: boolean,
): KafkaError {
  const { replicas } = partition;
  const serves = followersServe ? replicas.nodeIds.includes(nodeId) : partition.isLeader(nodeId);
  if (!serves) return errors.NOT_LEADER_OR_FOLLOWER;
  if (leaderEpoch === NO_EPOCH) return errors.NONE;
  if (leaderEpoch < replicas.leaderEpoch) return errors.FENCED_LEADER_EPOCH;
  if (leaderEpoch > replicas.leaderEpoch) return errors.UNKNOWN_LEADER_EPOCH;
  return errors.NONE;
}
