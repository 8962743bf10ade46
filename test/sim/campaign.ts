/** Many seeds one after the other. */
import type { SenderConfig } from '../../src/send/sender-config.ts';
import type { SeedResult } from './fault.ts';
import { runLibrary } from './library-story.ts';
import { runSeed } from './story.ts';
import { runTransactions } from './transactional-story.ts';

export interface CampaignOptions {
  readonly first: number;
  readonly seeds: number;
  /** From one seed to the next: others are done by other processes. */
  readonly stride: number;
  readonly stopsAtFault: boolean;
  readonly outcomesFor: SenderConfig['outcomesFor'];
  readonly onSeed: (seed: number) => void;
  readonly onFault: (result: SeedResult) => void | Promise<void>;
}

export interface CampaignTotals {
  readonly seeds: number;
  readonly failed: number;
  readonly records: number;
  readonly simulatedMs: number;
}

export const noTotals: CampaignTotals = { seeds: 0, failed: 0, records: 0, simulatedMs: 0 };

export function addTotals(a: CampaignTotals, b: CampaignTotals): CampaignTotals {
  return {
    seeds: a.seeds + b.seeds,
    failed: a.failed + b.failed,
    records: a.records + b.records,
    simulatedMs: a.simulatedMs + b.simulatedMs,
  };
}

const stories = { batches: runSeed, transactions: runTransactions, library: runLibrary } as const;
type Story = keyof typeof stories;

/** The library's story takes longer than it has records: every other seed tells it. */
const LIBRARY_EVERY = 2;

/** With callers, those that are always the library's are left out: the same would be told once more. */
function storiesOf(seed: number, outcomesFor: SenderConfig['outcomesFor']): readonly Story[] {
  if (outcomesFor === 'caller') return ['batches'];
  const isLibrary = seed % LIBRARY_EVERY === 1;
  return isLibrary ? ['batches', 'transactions', 'library'] : ['batches', 'transactions'];
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignTotals> {
  const { first, seeds, stride, stopsAtFault, outcomesFor, onSeed, onFault } = options;
  let totals = noTotals;
  for (let seed = first; seed < first + seeds; seed += stride) {
    onSeed(seed);
    for (const story of storiesOf(seed, outcomesFor)) {
      const result = await stories[story](seed, undefined, outcomesFor);
      const { records, simulatedMs } = result;
      const seeds = story === 'batches' ? 1 : 0;
      const failed = result.verdict === undefined ? 0 : 1;
      totals = addTotals(totals, { seeds, failed, records, simulatedMs });
      if (failed === 0) continue;
      await onFault(result);
      if (stopsAtFault) return totals;
    }
  }
  return totals;
}

const TRACE_LINES_MAX = 120;

/**
 * What failed, how to see it again, and the story of the partition.
 *
 * @param mutation the one that is planted in this process
 */
export async function explain(
  { story, seed, verdict }: SeedResult,
  mutation: string | undefined,
  outcomesFor: SenderConfig['outcomesFor'],
): Promise<string> {
  if (verdict === undefined) return `seed ${seed}: nothing is wrong`;
  const { kind, message, place } = verdict;
  const planted = mutation === undefined ? '' : ` --mutation ${mutation}`;
  const waiting = outcomesFor === 'caller' ? ' --caller' : '';
  const lines = [
    `seed ${seed}, ${story}: ${kind}${place === undefined ? '' : ` in ${place}`}: ${message}`,
    `  again: npm run sim -- --first ${seed} --seeds 1${planted}${waiting}`,
  ];
  if (place !== undefined && !place.startsWith('deleted')) {
    const { trace } = await stories[story](seed, place, outcomesFor);
    lines.push(`  the last ${Math.min(trace.length, TRACE_LINES_MAX)} lines of ${place}:`);
    lines.push(...trace.slice(-TRACE_LINES_MAX).map((line) => `  ${line}`));
  }
  return lines.join('\n');
}
