/**
 * delivery.timeout.ms. Only what surely is not in the log may expire: never sent, or refused each time. A batch whose fate is not known is
 * settled, however long that takes; a caller who cannot wait for that is told that nobody knows. One whose source can replay never expires.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import { errors } from '../kafka/errors.ts';
import { at, complete, tell } from './batch-outcome.ts';
import { partitionsOf, wakeBy, type PartitionState, type SenderState } from './sender-state.ts';
import { whyKeyless, whyNoMetadata, whyWaiting } from './wait-status.ts';

export function expire(state: SenderState, nowMs: number): void {
  const { accumulator } = state;
  if (nowMs >= accumulator.nextExpiryMs) {
    const isDue = (batch: ProducerBatch): boolean => accumulator.expiresAtMs(batch) <= nowMs;
    const partitions = [...partitionsOf(state)];
    const refused = partitions.flatMap((partition) => refusedOf(state, partition));
    const open = partitions.flatMap((partition) => openOf(state, partition));
    const others = [...new Set([...refused, ...open])].sort((a, b) => a.ordinal - b.ordinal);
    const queued = accumulator.takeExpired(nowMs, others);
    const mayExpire = new Set(refused);
    // Those that were sent before those that were not: whoever hears of it, hears of each partition in its order.
    for (const batch of others.filter(isDue)) {
      if (mayExpire.has(batch)) expireRefused(state, batch, nowMs);
      else tellOverdue(state, batch);
    }
    for (const batch of queued) timeOut(state, batch, nowMs);
  }
  wakeBy(state, accumulator.nextExpiryMs);
}

/** A batch is back that surely is not in the log: its time may have passed while it was on the wire. */
export function watchExpiry(state: SenderState, batch: ProducerBatch): void {
  state.accumulator.watch(batch);
  wakeBy(state, state.accumulator.nextExpiryMs);
}

function refusedOf(state: SenderState, partition: PartitionState): ProducerBatch[] {
  if (!state.config.enableIdempotence || state.transactions !== undefined) return partition.retries;
  if (partition.settle !== undefined || partition.settleCause !== undefined) return [];
  return partition.retries.filter(({ maybeAppended }) => !maybeAppended);
}

/** Sent, or on the way to be cut, with somebody who waits for an outcome in time. */
function openOf(
  { config }: SenderState,
  { inFlight, retries, splitting }: PartitionState,
): ProducerBatch[] {
  if (config.outcomesFor === 'source') return [];
  const here = splitting === undefined ? [] : [splitting];
  return [...inFlight, ...retries, ...here].filter(({ told }) => !told);
}

function tellOverdue(state: SenderState, batch: ProducerBatch): void {
  const partition = partitionOfBatch(state, batch);
  const why = partition === undefined ? 'on its way' : whyWaiting(state, partition);
  tell(state, batch, {
    type: 'failed',
    written: 'perhaps',
    ...at(batch),
    error: errors.REQUEST_TIMED_OUT.name,
    message: `delivery.timeout.ms passed before anybody could tell whether it was written: ${why}`,
  });
}

function expireRefused(state: SenderState, batch: ProducerBatch, nowMs: number): void {
  const partition = partitionOfBatch(state, batch);
  if (partition === undefined) return;
  partition.retries = partition.retries.filter((other) => other !== batch);
  // It leaves a gap in the sequences.
  partition.bumpPending ||= state.config.enableIdempotence;
  timeOut(state, batch, nowMs);
}

function partitionOfBatch(state: SenderState, batch: ProducerBatch): PartitionState | undefined {
  return state.topics.get(batch.topic)?.partitions[batch.partition];
}

function whyLate(state: SenderState, batch: ProducerBatch): string {
  const partition = partitionOfBatch(state, batch);
  if (partition !== undefined) return whyWaiting(state, partition);
  const topic = state.topics.get(batch.topic);
  return topic === undefined ? whyNoMetadata(state) : whyKeyless(state, topic);
}

function timeOut(state: SenderState, batch: ProducerBatch, nowMs: number): void {
  const message = `delivery.timeout.ms passed while it waited: ${whyLate(state, batch)}`;
  if (batch.maybeAppended) {
    const { name } = errors.REQUEST_TIMED_OUT;
    complete(state, batch, {
      type: 'failed',
      written: 'perhaps',
      ...at(batch),
      error: name,
      message,
    });
    return;
  }
  const waitedMs = nowMs - batch.createdMs;
  complete(state, batch, { type: 'expired', written: 'no', ...at(batch), waitedMs, message });
}
