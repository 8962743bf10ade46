/** The logs of the brokers against the outcomes that the sender gave: what Jepsen calls lost writes, duplicates, and inconsistent offsets. */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { Acked, ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import type { LogEntry, Records, SimulatedPartition } from '../support/simulated-partition.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';
import type { Plan } from './plan.ts';

export function judgeLogs(world: SimulatedWorld, plan: Plan): void {
  const fatal = world.said('fatal')[0];
  demand(fatal === undefined, 'broken', () => `it stopped for good: ${fatal?.message ?? ''}`);
  const seen = new Uint8Array(world.recordCount);
  for (const [topic, { partitions }] of world.cluster.topics) {
    partitions.forEach((partition, index) => {
      countRecords(`${topic}-${index}`, partition, seen, plan.config.enableIdempotence);
    });
  }
  const buried = new Uint8Array(world.recordCount);
  for (const grave of world.cluster.graves) countRecords('deleted', grave, buried, false);
  for (const [batch, outcome] of world.outcomes) {
    judgeOutcome(plan, batch, outcome, seen, buried);
    if (outcome.type === 'acked') judgeOffset(world, batch, outcome);
  }
  const { enableIdempotence, acks, maxInFlightRequestsPerConnection } = plan.config;
  const isOrdered = acks === -1 && maxInFlightRequestsPerConnection === 1;
  if (!enableIdempotence && isOrdered) judgeFirstOrder(world);
}

/** Counts, and, where each record may be there once only, says what is wrong with the order. */
function countRecords(
  place: string,
  { log }: SimulatedPartition,
  seen: Uint8Array,
  isOnce: boolean,
): void {
  let last = -1;
  for (const { records, baseOffset } of log) {
    for (let record = records.from; record < records.from + records.count; record++) {
      const times = (seen[record] ?? 0) + 1;
      seen[record] = Math.min(times, 200);
      const twice = (): string =>
        `record ${record} is there twice, the second at offset ${baseOffset}`;
      if (isOnce) demand(times === 1, 'duplicated', twice, place);
    }
    const behind = (): string => `record ${records.from} lies behind record ${last}`;
    if (isOnce) demand(records.from > last, 'reordered', behind, place);
    last = records.from + records.count - 1;
  }
}

function judgeOutcome(
  { config, abandons, isBlind }: Plan,
  batch: ProducerBatch,
  outcome: ProduceOutcome,
  seen: Uint8Array,
  buried: Uint8Array,
): void {
  const { type, written } = outcome;
  const place = `${batch.topic}-${batch.partition}`;
  const { from, count } = batch.payload as Records;
  for (let record = from; record < from + count; record++) {
    const times = seen[record] ?? 0;
    const isThere = times > 0 || (buried[record] ?? 0) > 0;
    const what = (): string =>
      `record ${record} of batch ${batch.id} (${type}), there ${times} times`;
    // Without the replicas' word a leader may lose what it acknowledged.
    if (written === 'yes' && config.acks === -1) demand(isThere, 'lost', what, place);
    if (written === 'no') demand(times === 0, 'lied', what, place);
  }
  if (config.enableIdempotence && written === 'perhaps') {
    const unsure = (): string => `the fate of batch ${batch.id} (${type}) is not known`;
    // Without the right to read nobody can tell what became of a batch that is refused for good now.
    const isAllowed = type === 'abandoned' ? abandons : isBlind;
    // Whoever waits is told in time that nobody knows.
    demand(isAllowed || config.outcomesFor === 'caller', 'lied', unsure, place);
  }
  if (outcome.type !== 'expired') return;
  const early = (): string => `batch ${batch.id} expired after ${outcome.waitedMs} ms`;
  demand(outcome.waitedMs >= (config.deliveryTimeoutMs ?? 0), 'lied', early, place);
}

/** The offset of the answer is where the record is. */
function judgeOffset(world: SimulatedWorld, batch: ProducerBatch, { baseOffset }: Acked): void {
  if (baseOffset < 0n || world.state.config.acks !== -1 || world.cluster.graves.length > 0) return;
  const { from } = batch.payload as Records;
  const { topic, partition } = batch;
  const offset = Number(baseOffset);
  const entry = entryAt(world.cluster.partition(topic, partition).log, offset);
  const message = (): string =>
    `batch ${batch.id} was said to be at offset ${offset}, where record ${entry?.records.from ?? 'none'} is`;
  demand(entry?.records.from === from, 'lied', message, `${topic}-${partition}`);
}

function entryAt(log: readonly LogEntry[], offset: number): LogEntry | undefined {
  let low = 0;
  let high = log.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((log[middle]?.baseOffset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return log[low]?.baseOffset === offset ? log[low] : undefined;
}

/** Without idempotence and with one request in flight: blind retries may double, but what was acknowledged came in its order. */
function judgeFirstOrder(world: SimulatedWorld): void {
  const acked = new Set<number>();
  for (const [{ payload }, { type }] of world.outcomes) {
    const { from, count } = payload as Records;
    for (let i = 0; type === 'acked' && i < count; i++) acked.add(from + i);
  }
  for (const [topic, { partitions }] of world.cluster.topics) {
    partitions.forEach(({ log }, index) => {
      let last = -1;
      for (const { records } of log) {
        for (let record = records.from; record < records.from + records.count; record++) {
          // Taken out at its first sight.
          if (!acked.delete(record)) continue;
          const behind = (): string => `record ${record} lies behind record ${last}`;
          demand(record > last, 'reordered', behind, `${topic}-${index}`);
          last = record;
        }
      }
    });
  }
}
