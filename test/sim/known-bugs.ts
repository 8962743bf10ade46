import { bugsOfAccumulator } from './bugs-of-accumulator.ts';
import { bugsOfDelivery } from './bugs-of-delivery.ts';
import { bugsOfSequences } from './bugs-of-sequences.ts';
import { bugsOfTransactions } from './bugs-of-transactions.ts';
import type { Mutation } from './mutation.ts';

/** Every bug that can be planted. */
export const knownBugs: readonly Mutation[] = [
  ...bugsOfSequences,
  ...bugsOfDelivery,
  ...bugsOfTransactions,
  ...bugsOfAccumulator,
];

/** @throws {Error} for a name that is not in the table */
export function knownBug(name: string): Mutation {
  const found = knownBugs.find((one) => one.name === name);
  if (found === undefined) {
    const names = knownBugs.map((one) => one.name).join(', ');
    throw new Error(`there is no mutation ${name}: ${names}`);
  }
  return found;
}
