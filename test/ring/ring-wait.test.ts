import assert from 'node:assert/strict';
import { extname } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { LINE_BYTES, WAITING_OFFSET } from '../../src/ring/ring-layout.ts';
import { Doorbell } from '../../src/ring/ring-wait.ts';
import { resetRing } from '../../src/ring/ring.ts';
import { allocateSharedMemory } from '../../src/ring/shared-memory.ts';
import { placesIn, type ActorSetup, type Scenario } from './interleaved-actor.ts';
import { createControl, exploreSchedules, type Explored } from './interleaving.ts';

const actorFile = new URL(`./interleaved-actor${extname(import.meta.url)}`, import.meta.url);

async function explore(scenario: Scenario, descriptors: number): Promise<Explored> {
  const memory = allocateSharedMemory(8 * 2 ** 20);
  const control = createControl();
  const { ring, bell } = placesIn(memory);
  const words = new Int32Array(memory.bytes.buffer);
  const threads = ([0, 1] as const).map((actor) => {
    const { memory: shared } = memory;
    const workerData: ActorSetup = { control, memory: shared, scenario, actor, descriptors };
    return new Worker(actorFile, { workerData });
  });
  try {
    await Promise.all(
      threads.map((thread) => new Promise((resolve) => thread.once('online', resolve))),
    );
    return exploreSchedules(
      control,
      () => {
        resetRing(memory, ring);
        Atomics.store(words, bell / 4, 0);
        Atomics.store(words, (bell + LINE_BYTES) / 4, 0);
      },
      () => {
        Atomics.notify(words, ring / 4);
        Atomics.notify(words, bell / 4);
      },
    );
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

for (const [scenario, descriptors] of [
  ['ring', 1],
  ['ring', 2],
  ['doorbell', 1],
] as const) {
  test(`${scenario}: no wake-up is lost in any order of operations, descriptors: ${descriptors}`, async (context) => {
    const { schedules, lostWakeUps } = await explore(scenario, descriptors);
    context.diagnostic(`${schedules} schedules`);
    assert.ok(schedules > 10, 'the two sides did interleave');
    assert.equal(lostWakeUps, 0);
  });
}

test('careless waiting does lose wake-ups: the exploration finds them', async () => {
  const { lostWakeUps } = await explore('careless', 1);
  assert.ok(lostWakeUps > 0);
});

test('a commit or a ring notifies only when the other side sleeps', async (context) => {
  const memory = allocateSharedMemory(65_536 * 2);
  const bell = 65_536;
  const doorbell = new Doorbell(memory, bell);
  const notify = context.mock.method(Atomics, 'notify');
  doorbell.ring();
  assert.equal(notify.mock.callCount(), 0);
  const sleep = doorbell.wait(doorbell.read());
  doorbell.ring();
  assert.equal(notify.mock.callCount(), 1);
  await sleep;
  doorbell.ring();
  assert.equal(notify.mock.callCount(), 1);
  assert.equal(memory.data.getInt32(bell + WAITING_OFFSET, true), 0);
});
