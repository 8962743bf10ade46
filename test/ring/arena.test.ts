import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena, GUARD_BYTES, PAGE_BYTES, type Run } from '../../src/ring/arena.ts';
import { allocateSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { NaiveArena } from './naive-arena.ts';

const MEGABYTE = 2 ** 20;

interface Fixture {
  readonly memory: SharedMemory;
  readonly arena: Arena;
}

function arenaOf(bytes: number, guard: 'off' | 'check' = 'check', address = 65_536): Fixture {
  const memory = allocateSharedMemory(address + bytes);
  return { memory, arena: new Arena(memory, { address, bytes, guard }) };
}

function claimed(arena: Arena, bytes: number): Run {
  return present(arena.claim(bytes), 'the test claims what there is');
}

test('a run has the bytes asked for and 64 guard bytes, in whole pages', () => {
  const { arena } = arenaOf(64 * PAGE_BYTES);
  for (const bytes of [1, PAGE_BYTES - GUARD_BYTES, PAGE_BYTES - GUARD_BYTES + 1, 5 * PAGE_BYTES]) {
    const run = claimed(arena, bytes);
    assert.ok(run.bytes >= bytes && run.bytes < bytes + PAGE_BYTES);
    assert.equal((run.bytes + GUARD_BYTES) % PAGE_BYTES, 0);
    assert.equal(run.address % PAGE_BYTES, 0);
  }
});

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`runs lie where a page-by-page search from the lowest address puts them, seed ${seed}`, () => {
    const random = seededRandom(seed);
    const pages = 1 + Math.floor(random() * 700);
    const { arena, memory } = arenaOf(pages * PAGE_BYTES);
    const model = new NaiveArena(pages);
    const live: { run: Run; page: number; pages: number; mark: number }[] = [];
    for (let step = 0; step < 4000; step += 1) {
      if (random() < 0.5) {
        const bytes = 1 + Math.floor(random() ** 3 * pages * PAGE_BYTES * 0.6);
        const run = arena.claim(bytes);
        const needed = Math.ceil((bytes + GUARD_BYTES) / PAGE_BYTES);
        const page = model.claim(needed);
        assert.equal(run && (run.address - 65_536) / PAGE_BYTES, page, `step ${step}`);
        if (run === undefined || page === undefined) continue;
        const mark = step & 0xff;
        memory.bytes.fill(mark, run.address, run.address + run.bytes);
        live.push({ run, page, pages: needed, mark });
      } else if (live.length > 0) {
        const index = Math.floor(random() * live.length);
        const own = present(live[index], 'the index is below the length');
        const owned = memory.view(own.run.address, own.run.bytes);
        assert.ok(
          owned.every((byte) => byte === own.mark),
          `step ${step}: nobody else wrote into the run`,
        );
        if (random() < 0.5) {
          const run = arena.trim(own.run, 1 + Math.floor(random() * own.run.bytes));
          const kept = (run.bytes + GUARD_BYTES) / PAGE_BYTES;
          model.free(own.page + kept, own.pages - kept);
          Object.assign(own, { run, pages: kept });
        } else {
          arena.free(own.run);
          model.free(own.page, own.pages);
          live.splice(index, 1);
        }
      }
      assert.equal(arena.freeBytes, model.freePages * PAGE_BYTES, `step ${step}`);
    }
    for (const { run } of live) arena.free(run);
    assert.equal(arena.freeBytes, arena.totalBytes);
    assert.equal(arena.claim(pages * PAGE_BYTES), undefined, 'guard bytes count');
    assert.equal(claimed(arena, pages * PAGE_BYTES - GUARD_BYTES).address, 65_536);
  });
}

test('partitions that are stuck, each up to a share of the arena, make no claim fail', () => {
  const random = seededRandom(11);
  const { arena } = arenaOf(64 * MEGABYTE, 'off');
  const stuckMax = arena.totalBytes / 32;
  const stuck = new Map<number, { runs: Run[]; bytes: number }>();
  const inFlight: { run: Run; until: number }[] = [];
  let claims = 0;
  for (let tick = 0; tick < 4000; tick += 1) {
    for (const sent of inFlight.splice(0)) {
      if (sent.until <= tick) arena.free(sent.run);
      else inFlight.push(sent);
    }
    for (let task = 0; task < 8; task += 1) {
      const input = arena.claim(MEGABYTE * (0.3 + 0.7 * random()));
      const output = arena.claim(1.15 * MEGABYTE);
      assert.ok(input !== undefined && output !== undefined, `claim ${claims} finds room`);
      claims += 2;
      arena.trim(output, 50_000 + Math.floor(random() * 250_000));
      arena.free(input);
      const partition = Math.floor(random() * 60);
      const held = stuck.get(partition) ?? { runs: [], bytes: 0 };
      const isStuck = partition < 6 && held.bytes + output.bytes < stuckMax;
      if (isStuck) {
        stuck.set(partition, { runs: [...held.runs, output], bytes: held.bytes + output.bytes });
      } else inFlight.push({ run: output, until: tick + 1 + Math.floor(random() * 6) });
    }
  }
  const held = [...stuck.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(held > 8 * MEGABYTE, 'partitions were stuck indeed');
});

test('a run that was freed is told from the next one at its address', () => {
  const { arena } = arenaOf(16 * PAGE_BYTES);
  const first = claimed(arena, 100);
  arena.assertLive(first);
  arena.free(first);
  assert.throws(() => arena.assertLive(first), /the run is live/);
  const second = claimed(arena, 100);
  assert.equal(second.address, first.address);
  assert.notEqual(second.generation, first.generation);
  assert.throws(() => arena.assertLive(first), /the run is live/);
  assert.throws(() => arena.free(first), /the run is live/);
  assert.throws(() => arena.trim(first, 1), /the run is live/);
  arena.assertLive(second);
});

test('trimming keeps the run, its generation and its first bytes, and frees the pages behind them', () => {
  const { arena, memory } = arenaOf(64 * PAGE_BYTES);
  const run = claimed(arena, 20 * PAGE_BYTES);
  const { generation } = run;
  memory.bytes.fill(7, run.address, run.address + 5000);
  const free = arena.freeBytes;
  const trimmed = arena.trim(run, 5000);
  assert.equal(trimmed.generation, generation);
  assert.ok(trimmed.bytes >= 5000);
  assert.equal(arena.freeBytes, free + 19 * PAGE_BYTES);
  assert.ok(memory.view(trimmed.address, 5000).every((byte) => byte === 7));
  assert.throws(() => arena.trim(trimmed, trimmed.bytes + 1), /trimmed to a part of itself/);
  arena.free(trimmed);
  assert.equal(arena.freeBytes, arena.totalBytes);
});

test('a write behind the end of a run is found when the run is freed or trimmed', () => {
  const { arena, memory } = arenaOf(64 * PAGE_BYTES);
  const freed = claimed(arena, 1000);
  memory.bytes[freed.address + freed.bytes] = 0;
  assert.throws(() => arena.free(freed), /guard bytes/);
  const trimmed = claimed(arena, 9000);
  memory.bytes[trimmed.address + trimmed.bytes + GUARD_BYTES - 1] = 0;
  assert.throws(() => arena.trim(trimmed, 10), /guard bytes/);
});

test('a write into freed memory is found when it is claimed again, behind a trimmed run too', () => {
  const { arena, memory } = arenaOf(8 * PAGE_BYTES);
  const run = claimed(arena, 3000);
  arena.free(run);
  memory.bytes[run.address + 17] = 1;
  assert.throws(() => arena.claim(3000), /after it was freed/);

  const other = arenaOf(8 * PAGE_BYTES);
  const long = claimed(other.arena, 3 * PAGE_BYTES);
  other.arena.trim(long, 100);
  other.memory.bytes[long.address + 2 * PAGE_BYTES] = 1;
  assert.throws(() => other.arena.claim(3 * PAGE_BYTES), /after it was freed/);
});

test('who waits for room is called after each free, and finds the room', () => {
  const { arena } = arenaOf(8 * PAGE_BYTES);
  const all = claimed(arena, 8 * PAGE_BYTES - GUARD_BYTES);
  let found: Run | undefined;
  arena.onFree(() => (found ??= arena.claim(2 * PAGE_BYTES)));
  assert.equal(arena.claim(1), undefined);
  arena.trim(all, 4 * PAGE_BYTES);
  assert.notEqual(found, undefined);
});

test('a claim takes microseconds in 2 GB full of holes', () => {
  const random = seededRandom(3);
  const { arena } = arenaOf(1900 * MEGABYTE, 'off');
  const runs: Run[] = [];
  while (arena.freeBytes > arena.totalBytes / 4) runs.push(claimed(arena, 1 + random() * 80_000));
  for (const [index, run] of runs.entries()) if (index % 2 === 0) arena.free(run);
  const rounds = 5000;
  const started = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const run = claimed(arena, MEGABYTE);
    arena.trim(run, 250_000);
    arena.free(run);
  }
  const microseconds = ((performance.now() - started) / rounds) * 1000;
  // One or two on an idle machine; a search page by page takes 200.
  assert.ok(microseconds < 40, `${microseconds.toFixed(1)} us`);
});
