/**
 * `npm run sim`: the sender core in a simulated cluster, seed by seed. `--seeds N`, `--first SEED`, `--jobs N` processes; `--mutations [--write]`
 * plants each known bug in turn and says which seed notices it (`--pick` for some of them); `--mutation NAME` plants one.
 * `--caller`: the sender of the library, whose outcomes somebody waits for.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { CampaignTotals } from './campaign.ts';
import { runChild, type ChildMessage } from './child.ts';
import { projectRoot } from '../support/project.ts';
import { knownBug } from './known-bugs.ts';
import { assertPlanted, plant } from './plant.ts';
import { score, summary, writeTable } from './score.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    stride: { type: 'string', default: '1' },
    pick: { type: 'string', default: '' },
    mutation: { type: 'string' },
    mutations: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
    caller: { type: 'boolean', default: false },
  },
});
const seeds = whole('seeds');
const first = whole('first');
const jobs = whole('jobs');
const outcomesFor = values.caller ? 'caller' : 'source';

if (values.mutations) await scoreMutations();
else if (jobs > 1) await runInChildren();
else await runHere();

function whole(name: 'seeds' | 'first' | 'jobs' | 'stride'): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${name} takes a whole number from 1, not ${values[name]}`);
  }
  return value;
}

async function runHere(): Promise<void> {
  const mutation = values.mutation === undefined ? undefined : knownBug(values.mutation);
  if (mutation !== undefined) plant(mutation);
  // Loaded only now: the sender comes with it.
  const { explain, runCampaign } = await import('./campaign.ts');
  if (mutation !== undefined) assertPlanted(mutation);
  const startedMs = performance.now();
  const totals = await runCampaign({
    ...{ first, seeds, stride: whole('stride'), outcomesFor },
    stopsAtFault: values.mutation !== undefined,
    onSeed: (seed) => {
      tell({ type: 'seed', seed });
    },
    onFault: async (result) => {
      const { seed, verdict } = result;
      if (verdict === undefined) return;
      const isExplained = !values.child || mutation === undefined;
      const text = isExplained ? await explain(result, values.mutation, outcomesFor) : '';
      if (values.child) tell({ type: 'fault', seed, verdict, text });
      else console.log(text);
    },
  });
  tell({ type: 'done', totals });
  if (values.child) process.disconnect();
  else sayTotals(totals, startedMs);
}

function tell(message: ChildMessage): void {
  if (values.child) process.send?.(message);
}

async function runInChildren(): Promise<void> {
  const startedMs = performance.now();
  const results = await Promise.all(
    Array.from({ length: jobs }, (_, i) => {
      const range = ['--first', `${first + i}`, '--seeds', `${seeds - i}`, '--stride', `${jobs}`];
      const planted = values.mutation === undefined ? [] : ['--mutation', values.mutation];
      const waiting = values.caller ? ['--caller'] : [];
      return runChild([...range, ...planted, ...waiting, '--child'], ({ text }) => {
        console.log(text);
      });
    }),
  );
  const totals = results.flatMap((result) => result.totals ?? []);
  const { addTotals, noTotals } = await import('./campaign.ts');
  sayTotals(totals.reduce(addTotals, noTotals), startedMs);
  // One that does not come back has no totals.
  if (results.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

function sayTotals(totals: CampaignTotals, startedMs: number): void {
  const seconds = (performance.now() - startedMs) / 1000;
  const hours = totals.simulatedMs / 3_600_000;
  console.log(
    `${totals.seeds} seeds, ${totals.records} records, ${hours.toFixed(1)} simulated hours: ` +
      `${totals.failed} failed (${(totals.seeds / seconds).toFixed(1)} seeds/s)`,
  );
  if (totals.failed > 0) process.exitCode = 1;
}

async function scoreMutations(): Promise<void> {
  const all = await score({
    ...{ first, seeds, jobs, pick: values.pick },
    onCaught: ({ mutation, by }) => {
      const found =
        by === undefined
          ? 'NOT CAUGHT'
          : `seed ${by.seed}: ${by.verdict.kind}: ${by.verdict.message}`;
      console.log(
        `${mutation.name.padEnd(32)} ${mutation.ticket.padEnd(40)} ${found.slice(0, 120)}`,
      );
    },
  });
  console.log(summary(all, seeds));
  if (values.write) writeTable(join(projectRoot, 'docs/SIMULATION.md'), all, seeds);
}
