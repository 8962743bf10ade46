/** What settling has proved. */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { acknowledge } from './batch-results.ts';
import { report, type PartitionState, type SenderState } from './sender-state.ts';
import { proceed, type Settle } from './settle.ts';

/** So many answers are read for the offsets of batches that the leader has; they may lie far behind the batches of others. */
const PLACES_ANSWERS_MAX = 4;

/** What may have been appended and lies before `reached`, in order. */
function upTo({ retries }: PartitionState, reached: number): ProducerBatch[] {
  return retries.filter(
    ({ maybeAppended, counter, recordCount }) => maybeAppended && counter + recordCount <= reached,
  );
}

/**
 * The leader has named the last batch that it has. Where the named ones lie is read from the log, unless nobody else has written between them.
 *
 * @returns whether headers have to be read
 */
export function beginPlaces(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
): boolean {
  const { floor } = partition;
  const { reached, logEnd } = settle;
  if (state.config.outcomesFor === 'source' || floor === undefined || reached === undefined) {
    return false;
  }
  const batches = upTo(partition, reached);
  if (batches.length === 0 || floor >= logEnd) return false;
  if (firstOffset(partition, batches, logEnd) !== undefined) return false;
  settle.scanOffset = floor;
  settle.placesLeft = PLACES_ANSWERS_MAX;
  return true;
}

/** When the batches fill the log from the floor to `end`, there is one place for each. */
function firstOffset(
  { floor }: PartitionState,
  batches: readonly ProducerBatch[],
  end: bigint,
): bigint | undefined {
  const records = batches.reduce((sum, { recordCount }) => sum + recordCount, 0);
  return floor !== undefined && floor + BigInt(records) === end ? floor : undefined;
}

/**
 * Everything up to `reached` that may have been appended is in.
 *
 * @param end the offset behind all of it, when that is known
 */
export function confirmReached(
  state: SenderState,
  partition: PartitionState,
  settle: Settle,
  reached: number,
  end: bigint | undefined,
): void {
  const proved = upTo(partition, reached);
  const isForCaller = state.config.outcomesFor === 'caller';
  let next = isForCaller && end !== undefined ? firstOffset(partition, proved, end) : undefined;
  partition.retries = partition.retries.filter((batch) => !proved.includes(batch));
  for (const batch of proved) {
    settle.duplicates += 1;
    const baseOffset = settle.found.get(batch) ?? next ?? -1n;
    if (next !== undefined) next += BigInt(batch.recordCount);
    acknowledge(state, partition, batch, { baseOffset, logAppendTimeMs: -1, duplicate: true });
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
