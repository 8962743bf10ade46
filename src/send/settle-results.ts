/** What settling has proved. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { acknowledge } from './batch-results.ts';
import { report, type PartitionState, type SenderState } from './sender-state.ts';
import { proceed, type Settle } from './settle.ts';

/** Everything up to `reached` that may have been appended is in. Offsets of all but a resent one are not known. */
export function confirmReached(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  reached: number,
): void {
  const isIn = ({ maybeAppended, counter, recordCount }: ProducerBatch): boolean =>
    maybeAppended && counter + recordCount <= reached;
  const proved = partition.retries.filter(isIn);
  partition.retries = partition.retries.filter((batch) => !isIn(batch));
  for (const batch of proved) {
    settle.duplicates += 1;
    const where = { baseOffset: -1n, logAppendTimeMs: -1, duplicate: true };
    acknowledge(state, partition, batch, where);
  }
}

/** The headers of the whole log were read: what was found is in, the rest is not, though an attempt of before may still arrive. */
export function settleFound(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  nowMs: number,
): void {
  sayLoss(state, partition, settle);
  for (const [batch, baseOffset] of settle.found) {
    partition.retries.splice(partition.retries.indexOf(batch), 1);
    settle.duplicates += 1;
    acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs: -1, duplicate: true });
  }
  settle.found.clear();
  proceed(state, partition, nowMs);
}

/** Acknowledged records that the leader does not have are gone; only their source may still have them. */
export function sayLoss(state: SenderState, partition: PartitionState, settle: Settle): void {
  const { identity, lastAckedOffset, topic, partition: index } = partition;
  const { reached, logEnd } = settle;
  const records =
    reached === undefined ? Number(lastAckedOffset + 1n - logEnd) : identity.ackedCounter - reached;
  if (records <= 0) return;
  report(state, {
    kind: 'dataLossSuspected',
    topic: topic.topic,
    partition: index,
    recordsMax: records,
    message:
      `the leader does not have the last ${String(records)} records that were acknowledged: ` +
      'an unclean election, or a broker that lost its disk',
  });
  identity.ackedCounter = identity.baseCounter;
  partition.lastAckedOffset = -1n;
  partition.floor = logEnd;
}
