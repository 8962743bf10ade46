/** Many seeds one after the other. */
import type { SenderConfig } from '../../src/send/sender-config.ts';
import type { SeedResult } from './fault.ts';
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
  readonly onFault: (result: SeedResult) => void;
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

export function runCampaign(options: CampaignOptions): CampaignTotals {
  const { first, seeds, stride, stopsAtFault, outcomesFor, onSeed, onFault } = options;
  // Transactions are always the caller's: the same story would be told once more.
  const stories = outcomesFor === 'caller' ? [runSeed] : [runSeed, runTransactions];
  let totals = noTotals;
  for (let seed = first; seed < first + seeds; seed += stride) {
    onSeed(seed);
    for (const run of stories) {
      const result = run(seed, undefined, outcomesFor);
      const { story, records, simulatedMs } = result;
      const seeds = story === 'batches' ? 1 : 0;
      const failed = result.verdict === undefined ? 0 : 1;
      totals = addTotals(totals, { seeds, failed, records, simulatedMs });
      if (failed === 0) continue;
      onFault(result);
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
export function explain(
  { story, seed, verdict }: SeedResult,
  mutation: string | undefined,
  outcomesFor: SenderConfig['outcomesFor'],
): string {
  if (verdict === undefined) return `seed ${seed}: nothing is wrong`;
  const { kind, message, place } = verdict;
  const planted = mutation === undefined ? '' : ` --mutation ${mutation}`;
  const waiting = outcomesFor === 'caller' ? ' --caller' : '';
  const lines = [
    `seed ${seed}, ${story}: ${kind}${place === undefined ? '' : ` in ${place}`}: ${message}`,
    `  again: npm run sim -- --first ${seed} --seeds 1${planted}${waiting}`,
  ];
  if (place !== undefined && !place.startsWith('deleted')) {
    const run = story === 'batches' ? runSeed : runTransactions;
    const { trace } = run(seed, place, outcomesFor);
    lines.push(`  the last ${Math.min(trace.length, TRACE_LINES_MAX)} lines of ${place}:`);
    lines.push(...trace.slice(-TRACE_LINES_MAX).map((line) => `  ${line}`));
  }
  return lines.join('\n');
}
