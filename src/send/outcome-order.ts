/**
 * Whoever waits for records of a partition hears of them in the order of `send` (KafkaProducer.send: callbacks of a partition are executed in order): what is known
 * of a batch is kept until all is told of those before it. Batches with a place of their own and those without are two lines, as on their way.
 */
import type { ProducerBatch } from '../accumulate/producer-batch.ts';
import type { ProduceOutcome } from '../ack/produce-outcome.ts';
import type { SenderState } from './sender-state.ts';

/** An outcome that waits for those of `behind`, of which there is one at least. */
export interface KeptOutcome {
  readonly batch: ProducerBatch;
  readonly outcome: ProduceOutcome;
  readonly behind: Set<ProducerBatch>;
}

/** Those of its line that were sent before it, and that nobody has heard of. For what a source can replay nobody waits. */
export function untoldBefore(state: SenderState, batch: ProducerBatch): ProducerBatch[] {
  if (state.config.outcomesFor === 'source' || batch.replayable) return [];
  const partition = state.topics.get(batch.topic)?.partitions[batch.partition];
  if (partition === undefined) return [];
  const { inFlight, retries, splitting } = partition;
  const behind: ProducerBatch[] = [];
  for (const other of inFlight) if (isUntold(other) && precedes(other, batch)) behind.push(other);
  for (const other of retries) if (isUntold(other) && precedes(other, batch)) behind.push(other);
  if (splitting !== undefined && isUntold(splitting) && precedes(splitting, batch)) {
    behind.push(splitting);
  }
  for (const { batch: other } of state.keptOutcomes) {
    if (isBeside(other, batch) && precedes(other, batch)) behind.push(other);
  }
  return behind;
}

function isUntold({ done, told, replayable }: ProducerBatch): boolean {
  return !done && !told && !replayable;
}

/** In one line, and earlier. */
function precedes(one: ProducerBatch, batch: ProducerBatch): boolean {
  return one.keyless === batch.keyless && isBefore(one, batch);
}

export function keep(
  state: SenderState,
  batch: ProducerBatch,
  outcome: ProduceOutcome,
  behind: readonly ProducerBatch[],
): void {
  state.keptOutcomes.push({ batch, outcome, behind: new Set(behind) });
}

/** Who waits for the whole waits for its pieces. */
export function replace(
  state: SenderState,
  whole: ProducerBatch,
  pieces: readonly ProducerBatch[],
): void {
  for (const { behind } of state.keptOutcomes) {
    if (behind.delete(whole)) for (const piece of pieces) behind.add(piece);
  }
}

/** All is told of the batch. @returns what waited for nothing else, in its order */
export function release(state: SenderState, batch: ProducerBatch): KeptOutcome[] {
  if (state.keptOutcomes.length === 0) return [];
  const freed = state.keptOutcomes.filter(
    ({ behind }) => behind.delete(batch) && behind.size === 0,
  );
  if (freed.length > 0) {
    state.keptOutcomes = state.keptOutcomes.filter(({ behind }) => behind.size > 0);
  }
  return freed.sort((a, b) => (isBefore(a.batch, b.batch) ? -1 : 1));
}

function isBeside(one: ProducerBatch, { topic, partition }: ProducerBatch): boolean {
  return one.topic === topic && one.partition === partition;
}

function isBefore(a: ProducerBatch, b: ProducerBatch): boolean {
  return a.ordinal < b.ordinal || (a.ordinal === b.ordinal && a.firstRecord < b.firstRecord);
}
