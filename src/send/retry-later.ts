/** A refusal after which a batch with a sequence is tried again. */
import type { KafkaError } from '../kafka/errors.ts';
import { sayRetry } from './batch-results.ts';
import { requestUpdate } from './cluster-metadata.ts';
import type { PartitionProduced } from './events.ts';
import type { SentEntry } from './in-flight-requests.ts';
import { takeLeaderHint } from './leader-hint.ts';
import { backOff, type SenderState } from './sender-state.ts';

/**
 * When the partition is tried again, and what else the refusal says.
 *
 * @param answered undefined: the connection was lost
 */
export function retryLater(
  state: SenderState,
  { batch, partition, leaderEpoch }: SentEntry,
  error: KafkaError,
  answered: PartitionProduced | undefined,
  nowMs: number,
): void {
  sayRetry(state, batch, error);
  backOff(state, partition, nowMs);
  if (error.refreshMetadata) requestUpdate(state);
  if (answered !== undefined) takeLeaderHint(state, partition, answered, nowMs);
  // A newer leader has refused nothing yet.
  if (partition.leaderEpoch > leaderEpoch) partition.retryAtMs = nowMs;
}
