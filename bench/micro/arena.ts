import { Arena, type Run } from '../../src/ring/arena.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';
import { seededRandom } from '../../test/support/seeded-random.ts';
import type { MicroRow } from '../micro-row.ts';

const MEGABYTE = 2 ** 20;
const ROUNDS = 5000;
const REPEATS = 5;

/** The way of an output run, claimed, trimmed, freed, in an arena that is half full of scattered batches: it must not grow with the arena. */
export function arenaBench(): MicroRow[] {
  return [32, 256, 1024].map((megabytes): MicroRow => {
    const bytes = megabytes * MEGABYTE;
    const arena = new Arena(allocateSharedMemory(bytes), { address: 0, bytes });
    scatter(arena);
    let best = Infinity;
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const started = performance.now();
      for (let round = 0; round < ROUNDS; round += 1) claimTrimFree(arena);
      best = Math.min(best, performance.now() - started);
    }
    const name = `arena, claim + trim + free in ${megabytes} MB`;
    return { name, value: (best / ROUNDS) * 1000, unit: 'us' };
  });
}

/** Batches of up to 500 KB, every other one freed, and room for a chunk behind them. */
function scatter(arena: Arena): void {
  const random = seededRandom(1);
  const runs: Run[] = [];
  while (arena.freeBytes > arena.totalBytes / 8) {
    runs.push(present(arena.claim(1 + Math.floor(random() * 500_000)), 'there is room'));
  }
  for (const [index, run] of runs.entries()) if (index % 2 === 0) arena.free(run);
}

function claimTrimFree(arena: Arena): void {
  const run = present(arena.claim(MEGABYTE), 'there is room for a chunk');
  arena.free(arena.trim(run, 250_000));
}
