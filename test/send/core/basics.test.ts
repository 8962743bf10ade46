import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../support/simulated-world.ts';

test('batches go out in order and are acknowledged with their offsets', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 1);
  world.start();
  const batches = Array.from({ length: 20 }, () => world.send('logs', 0));
  world.settle();
  const offsets = batches.map((batch) => {
    const outcome = world.outcome(batch);
    return outcome.type === 'acked' ? outcome.baseOffset : -1n;
  });
  assert.deepEqual(
    offsets,
    batches.map((_, i) => BigInt(i * 10)),
  );
  world.verify();
});

test('a cut connection loses nothing and doubles nothing', () => {
  const world = new SimulatedWorld();
  world.cluster.createTopic('logs', 1);
  world.start();
  for (let i = 0; i < 20; i++) world.send('logs', 0);
  world.run(9);
  world.cutAll(true);
  world.settle();
  world.verify();
  console.log(world.reports);
});
