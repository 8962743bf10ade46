/** The mutation score: which known bugs the simulation finds. What it does not find, its zeros do not speak of. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withMarkedPart } from '../../config/marked-part.ts';
import { runChild } from './child.ts';
import { knownBugs } from './known-bugs.ts';
import type { Mutation } from './mutation.ts';
import type { Verdict } from './fault.ts';

export interface Caught {
  readonly mutation: Mutation;
  /** Undefined when no seed noticed. */
  readonly by: { readonly seed: number; readonly verdict: Verdict } | undefined;
}

export interface ScoreOptions {
  readonly first: number;
  readonly seeds: number;
  readonly jobs: number;
  /** Part of a name, for a few of them only. */
  readonly pick: string;
  readonly onCaught: (caught: Caught) => void;
}

export async function score(options: ScoreOptions): Promise<Caught[]> {
  const { first, seeds, jobs, pick, onCaught } = options;
  const waiting = knownBugs.filter(({ name }) => name.includes(pick));
  const all = new Map<string, Caught>();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const args = ['--mutation', next.name, '--first', `${first}`, '--seeds', `${seeds}`];
      const { faults } = await runChild([...args, '--child']);
      const caught = { mutation: next, by: faults[0] };
      all.set(next.name, caught);
      onCaught(caught);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return knownBugs.flatMap(({ name }) => all.get(name) ?? []);
}

export function summary(all: readonly Caught[], seeds: number): string {
  const count = all.filter(({ by }) => by !== undefined).length;
  return `${count} of ${all.length} known bugs are caught within ${seeds} seeds`;
}

/** Puts the table where docs/SIMULATION.md has it. */
export function writeTable(path: string, all: readonly Caught[], seeds: number): void {
  const page = readFileSync(path, 'utf8');
  const part = `${summary(all, seeds)}.\n\n${tableOf(all)}`;
  const command = 'npm run sim -- --mutations --write';
  writeFileSync(path, withMarkedPart(page, 'mutations', command, part));
}

function tableOf(all: readonly Caught[]): string {
  const rows = all.map(({ mutation: { name, ticket, bug }, by }) => {
    const found = by === undefined ? 'not caught |' : `${by.verdict.kind} | ${by.seed}`;
    return `| ${name} | ${bug} | ${ticket} | ${found} |`;
  });
  const head = [
    '| mutation | what the client did | ticket | caught as | seed |',
    '| --- | --- | --- | --- | --- |',
  ];
  return [...head, ...rows].join('\n');
}
