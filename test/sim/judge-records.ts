/** The logs of the brokers, record by record, against what the library told of each. */
import type { ProduceOutcome } from '../../src/ack/produce-outcome.ts';
import type { IntakeCounts } from '../../src/producer/record-intake.ts';
import type { SimulatedPartition } from '../support/simulated-partition.ts';
import type { SimulatedWorld } from '../support/simulated-world.ts';
import { demand } from './fault.ts';
import type { Ledger, SentRecord } from './library-ledger.ts';
import type { Plan } from './plan.ts';

/** Where a record is in the logs; a blind retry may have doubled it. */
interface Found {
  readonly topic: string;
  readonly partition: number;
  readonly offsets: number[];
}

export interface Trial {
  readonly world: SimulatedWorld;
  readonly plan: Plan;
  readonly ledger: Ledger;
}

/** When all is over and the producer is closed. */
export function judgeRecords(trial: Trial, counts: IntakeCounts): void {
  const { world, plan, ledger } = trial;
  const fatal = world.said('fatal')[0];
  demand(fatal === undefined, 'broken', () => `it stopped for good: ${fatal?.message ?? ''}`);
  const { enableIdempotence, acks, maxInFlightRequestsPerConnection } = plan.config;
  const isOrdered = enableIdempotence || (acks === -1 && maxInFlightRequestsPerConnection === 1);
  const found = new Map<number, Found>();
  for (const [topic, { partitions }] of world.cluster.topics) {
    partitions.forEach((partition, index) => {
      readLog(trial, topic, index, partition, found);
      if (isOrdered) judgeOrder(trial, `${topic}-${index}`, partition);
    });
  }
  const buried = new Set<number>();
  for (const { log } of world.cluster.graves) {
    for (const { records } of log) for (const id of idsOf(ledger, records)) buried.add(id);
  }
  for (const record of ledger.records) judgeRecord(trial, record, found.get(record.id), buried);
  if (isOrdered) judgeTelling(ledger);
  judgeCounts(ledger, counts);
}

function idsOf(
  { ids }: Ledger,
  { from, count }: { readonly from: number; readonly count: number },
) {
  return ids.slice(from, from + count);
}

function readLog(
  { plan, ledger }: Trial,
  topic: string,
  partition: number,
  { log }: SimulatedPartition,
  found: Map<number, Found>,
): void {
  for (const { records, baseOffset } of log) {
    idsOf(ledger, records).forEach((id, index) => {
      const offset = baseOffset + index;
      const twice = (): string => `record ${id} is there twice, the second at offset ${offset}`;
      const isTwice = plan.config.enableIdempotence && found.has(id);
      demand(!isTwice, 'duplicated', twice, `${topic}-${partition}`);
      const known = found.get(id);
      if (known?.topic === topic && known.partition === partition) known.offsets.push(offset);
      else found.set(id, { topic, partition, offsets: [offset] });
      const record = ledger.records[id];
      const wanted = record === undefined ? undefined : ledger.placeOf(record);
      const astray = (): string => `record ${id} was for partition ${wanted ?? -1}`;
      demand((wanted ?? partition) === partition, 'lied', astray, `${topic}-${partition}`);
    });
  }
}

/** Records that the sender gives to partitions, and those that have one of their own, each in their order. Blind retries may double. */
function judgeOrder({ plan, ledger }: Trial, place: string, { log }: SimulatedPartition): void {
  const last = { free: -1, own: -1 };
  const seen = new Set<number>();
  for (const { records } of log) {
    for (const id of idsOf(ledger, records)) {
      const record = ledger.records[id];
      if (record === undefined || seen.has(id)) continue;
      seen.add(id);
      const isAcked = ledger.outcomeOf(record)?.type === 'acked';
      if (!plan.config.enableIdempotence && !isAcked) continue;
      const lane = ledger.isFree(record) ? 'free' : 'own';
      const before = last[lane];
      demand(id > before, 'reordered', () => `record ${id} lies behind record ${before}`, place);
      last[lane] = id;
    }
  }
}

function judgeRecord(
  { world, plan, ledger }: Trial,
  record: SentRecord,
  found: Found | undefined,
  buried: ReadonlySet<number>,
): void {
  const { id, way, position, end } = record;
  const outcome = ledger.outcomeOf(record);
  const place = ledger.traceable(record);
  const open = (): string => `record ${id} (${way}) has no end`;
  demand(position === undefined || outcome !== undefined, 'hung', open, place);
  demand(end !== undefined || way === 'unheard', 'hung', open, place);
  const isReplicated = plan.config.acks === -1;
  const isThere = found !== undefined || buried.has(id);
  const what = (): string => `record ${id}: ${outcome?.type ?? 'no batch'}, ${describe(found)}`;
  if (outcome?.written === 'yes' && isReplicated) demand(isThere, 'lost', what, place);
  if ((outcome?.written ?? 'no') === 'no') demand(found === undefined, 'lied', what, place);
  if (end === undefined) return;
  judgeEnd(record, outcome, place);
  const { metadata } = end;
  if (metadata === null || !isReplicated || world.cluster.graves.length > 0) return;
  const { topic, partition, offset } = metadata;
  const isKnown = offset >= 0n;
  const isHere = found?.partition === partition && found.offsets.includes(Number(offset));
  const told = (): string => `record ${id} is said to be at ${offset}, ${describe(found)}`;
  demand(!isKnown || (found?.topic === topic && isHere), 'lied', told, place);
}

/** What was told of the record is what became of its batch. */
function judgeEnd(
  { id, way, topic, key, value, timestamp, end }: SentRecord,
  outcome: ProduceOutcome | undefined,
  place: string | undefined,
): void {
  const { error = null, metadata = null } = end ?? {};
  const became = outcome?.type ?? 'no batch';
  const other = (): string => `record ${id} is told ${error?.message ?? 'good'}: ${became}`;
  demand((metadata !== null) === (outcome?.type === 'acked'), 'lied', other, place);
  // Of a call the first failure is told.
  if (error !== null && way !== 'call') {
    const fate = (outcome?.written ?? 'no') === 'no' ? 'notSent' : 'possiblyWritten';
    demand(error.fate === fate, 'lied', () => `record ${id} is told ${error.fate}`, place);
    demand(error.topic === topic, 'lied', () => `record ${id} is told of another topic`, place);
  }
  if (metadata === null || outcome?.type !== 'acked') return;
  const keyBytes = key === null ? -1 : key.length;
  const isItself =
    metadata.topic === topic &&
    metadata.serializedKeySize === keyBytes &&
    metadata.serializedValueSize === value.length &&
    (timestamp === undefined || outcome.logAppendTimeMs >= 0 || metadata.timestamp === timestamp);
  demand(isItself, 'lied', () => `record ${id} is told the metadata of another`, place);
}

function describe(found: Found | undefined): string {
  if (found === undefined) return 'not in a log';
  return `in ${found.topic}-${found.partition} at ${found.offsets.join(' and ')}`;
}

/** Whoever hears of records of a partition, hears of them in their order: of those that came into batches. */
function judgeTelling(ledger: Ledger): void {
  const last = new Map<string, number>();
  for (const id of ledger.told) {
    const record = ledger.records[id];
    const outcome = record === undefined ? undefined : ledger.outcomeOf(record);
    if (record === undefined || outcome === undefined || outcome.partition < 0) continue;
    const place = `${outcome.topic}-${outcome.partition}`;
    const lane = `${place}/${ledger.isFree(record)}`;
    const before = last.get(lane) ?? -1;
    const behind = (): string => `record ${id} (${outcome.type}) is told of after record ${before}`;
    demand(id > before, 'reordered', behind, place);
    last.set(lane, id);
  }
}

function judgeCounts(ledger: Ledger, counts: IntakeCounts): void {
  const acked = ledger.outcomes.filter((outcome) => outcome?.type === 'acked').length;
  const sent = ledger.records.length;
  const wanted = { sent, acked, failed: sent - acked, waiting: 0 };
  const { recordsSent, recordsAcked, recordsFailed, recordsWaiting } = counts;
  const isRight =
    recordsSent === sent &&
    recordsAcked === acked &&
    recordsFailed === wanted.failed &&
    recordsWaiting === 0;
  const wrong = (): string => `counts are ${JSON.stringify(counts)}: ${JSON.stringify(wanted)}`;
  demand(isRight, 'lied', wrong);
}
