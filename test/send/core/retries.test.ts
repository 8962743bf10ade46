import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProducerBatch } from '../../../src/accumulate/producer-batch.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** When each attempt of the batch went out, until it has its outcome. */
function attemptsOf(world: SimulatedWorld, batch: ProducerBatch): number[] {
  const atMs: number[] = [];
  world.run(60_000, () => {
    if (batch.attempts > atMs.length) atMs.push(world.nowMs);
    return world.outcomes.has(batch);
  });
  return atMs;
}

function waitsBetween(atMs: readonly number[]): number[] {
  return atMs.slice(1).map((ms, i) => ms - (atMs[i] ?? 0));
}

/** Way and service of a request in the simulated world. */
const ROUND_TRIP_MS = 10;

test('a batch that is refused again and again is tried ever more slowly, and as quickly as at first after a success', () => {
  const world = SimulatedWorld.warm();
  for (let round = 0; round < 2; round++) {
    let left = 7;
    world.faults.refusal = () => (left-- > 0 ? 'NOT_ENOUGH_REPLICAS' : undefined);
    const waits = waitsBetween(attemptsOf(world, world.send('logs', 0)));
    assert.equal(waits.length, 7);
    waits.forEach((wait, i) => {
      const exactMs = Math.min(1000, 100 * 2 ** i);
      const isFine = wait >= exactMs * 0.8 && wait <= Math.min(1000, exactMs * 1.2) + ROUND_TRIP_MS;
      assert.ok(isFine, `round ${String(round)}: ${String(wait)} ms before retry ${String(i + 1)}`);
    });
  }
  world.verify();
});

test('a partition that backs off holds up no other of its broker', () => {
  const world = SimulatedWorld.warm({ partitions: 2, config: { retryBackoffMs: 1000 } });
  let left = 1;
  world.faults.refusal = ({ partition }) =>
    partition === 0 && left-- > 0 ? 'NOT_ENOUGH_REPLICAS' : undefined;
  const [slow, quick] = [world.send('logs', 0), world.send('logs', 1)];
  world.run(100);
  assert.equal(world.outcome(quick).type, 'acked');
  assert.equal(world.outcomes.has(slow), false);
  world.settle();
  world.verify();
});

test('a refused batch waits for the backoff at the same leader, and goes to a new one at once', () => {
  for (const moves of [false, true]) {
    const config = { retryBackoffMs: 5000, retryBackoffMaxMs: 5000 };
    const world = SimulatedWorld.warm({ nodes: 2, partitions: 2, config });
    // Metadata may be asked for again.
    world.run(15_000);
    let left = 1;
    world.faults.refusal = () => (left-- > 0 ? 'NOT_ENOUGH_REPLICAS' : undefined);
    const batch = world.send('logs', 0);
    world.run(500);
    assert.equal(batch.attempts, 1);
    if (moves) world.cluster.partition('logs', 0).moveTo(1);
    world.state.metadata.wanted = true;
    world.step({ type: 'tick' });
    world.run(500);
    assert.equal(batch.attempts, moves ? 2 : 1);
    world.settle();
    world.verify();
  }
});

test('a leader that is gone and names no other: metadata is asked for, the backoff waited for, the rest of the request is done', () => {
  const config = { retryBackoffMs: 1000 };
  const world = SimulatedWorld.warm({ nodes: 2, partitions: 4, config });
  // Metadata may be asked for again.
  world.run(3000);
  world.cluster.partition('logs', 0).moveTo(1);
  const [sent, asked] = [world.produced().length, world.requests('sendMetadata').length];
  world.faults.request = ({ type }) => (type === 'sendMetadata' ? { delayMs: 2000 } : undefined);
  // Both are led by the same broker, as far as is known.
  const batches = [world.batch('logs', 0), world.batch('logs', 2)];
  const [moved, stayed] = batches;
  assert.ok(moved !== undefined && stayed !== undefined);
  world.step({ type: 'batchesSealed', batches });
  world.run(700);
  assert.equal(world.outcome(stayed).type, 'acked');
  assert.deepEqual(world.produced().slice(sent), [[moved.id, stayed.id]]);
  assert.equal(world.requests('sendMetadata').length - asked, 1);
  world.settle();
  assert.equal(world.outcome(moved).type, 'acked');
  world.verify();
});

test('a broker that leads nothing of ours gets no connection', () => {
  const world = SimulatedWorld.warm({ nodes: 3 });
  for (let i = 0; i < 5; i++) world.send('logs', 0);
  world.settle();
  const nodes = world.effects.flatMap((one) => (one.type === 'connect' ? [one.node] : []));
  assert.deepEqual(new Set(nodes), new Set([-1, 0]));
});

test('retries=3 is three attempts after the first, with idempotence and without', () => {
  for (const enableIdempotence of [true, false]) {
    for (const refusals of [3, 4]) {
      const world = SimulatedWorld.warm({ config: { enableIdempotence, retries: 3 } });
      let left = refusals;
      world.faults.refusal = () => (left-- > 0 ? 'NOT_ENOUGH_REPLICAS' : undefined);
      const batch = world.send('logs', 0);
      world.settle();
      assert.equal(batch.attempts, 4);
      assert.equal(world.outcome(batch).type, refusals === 3 ? 'acked' : 'failed');
    }
  }
});

test('without idempotence a lost connection uses up a retry', () => {
  for (const cuts of [1, 2]) {
    const config = { enableIdempotence: false, retries: 1 };
    const world = SimulatedWorld.warm({ config });
    let left = cuts;
    world.faults.request = ({ type }) =>
      type === 'sendProduce' && left-- > 0 ? 'cutBefore' : undefined;
    const batch = world.send('logs', 0);
    world.settle();
    const outcome = world.outcome(batch);
    assert.equal(batch.attempts, 2);
    if (cuts === 1) assert.equal(outcome.type, 'acked');
    else {
      assert.ok(outcome.type === 'failed' && outcome.error === 'NETWORK_EXCEPTION');
      assert.equal(outcome.written, 'perhaps');
    }
  }
});

test('without idempotence the pieces of a batch that may be in are not said to be out', () => {
  const world = SimulatedWorld.warm({ config: { enableIdempotence: false } });
  let attempts = 0;
  world.faults = {
    request: ({ type }) => {
      if (type === 'sendProduce') attempts += 1;
      return type === 'sendProduce' && attempts === 1 ? 'cutAfter' : undefined;
    },
    refusal: ({ records }) => {
      if (attempts === 1) return undefined;
      return records.count > 10 ? 'MESSAGE_TOO_LARGE' : 'INVALID_RECORD';
    },
  };
  world.send('logs', 0, 100);
  world.settle();
  assert.equal(world.cluster.partition('logs', 0).logEnd, 110, 'the whole had arrived');
  const [, ...pieces] = world.outcomes.values();
  assert.deepEqual(new Set(pieces.map(({ written }) => written)), new Set(['perhaps']));
});
