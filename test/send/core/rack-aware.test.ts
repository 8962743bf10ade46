/** partitioner.rack.aware: KIP-1123. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SenderConfig } from '../../../src/send/sender-config.ts';
import { SimulatedWorld } from '../../support/simulated-world.ts';

/** Three zones of a broker each, six partitions of `logs`: 0 and 3 in zone a, 1 and 4 in b, 2 and 5 in c. */
function zones(config: Partial<SenderConfig> = {}): SimulatedWorld {
  const world = new SimulatedWorld({
    nodes: 3,
    config: { partitionerRackAware: true, clientRack: 'b', batchSize: 1000, ...config },
  });
  world.cluster.racks = ['a', 'b', 'c'];
  world.cluster.createTopic('logs', 6);
  world.start();
  world.send('logs', undefined);
  world.settle();
  world.run(200);
  return world;
}

/** Where `count` batches go, two every 5 ms. */
function placesOf(world: SimulatedWorld, count: number): Set<number> {
  const batches = [];
  while (batches.length < count) {
    batches.push(world.send('logs', undefined), world.send('logs', undefined));
    world.run(5);
  }
  world.settle();
  return new Set(batches.map(({ partition }) => partition));
}

test('records without key go to the partitions led in our rack, to all of those', () => {
  assert.deepEqual(placesOf(zones(), 100), new Set([1, 4]));
  const uniform = { partitionerAdaptivePartitioningEnable: false };
  assert.deepEqual(placesOf(zones(uniform), 100), new Set([1, 4]));
});

test('without partitioner.rack.aware the rack means nothing', () => {
  assert.equal(placesOf(zones({ partitionerRackAware: false }), 200).size, 6);
});

test('a busy rack is waited for, not left', () => {
  const world = zones();
  world.faults.request = ({ type }) => (type === 'sendProduce' ? { delayMs: 300 } : undefined);
  assert.deepEqual(placesOf(world, 300), new Set([1, 4]));
});

test('where nobody leads in our rack, all others are used', () => {
  assert.equal(placesOf(zones({ clientRack: 'd' }), 200).size, 6);
  const unnamed = zones();
  unnamed.cluster.racks = [];
  unnamed.state.metadata.wanted = true;
  unnamed.step({ type: 'tick' });
  unnamed.run(200);
  assert.equal(placesOf(unnamed, 200).size, 6);
});

test('when the broker of our rack is gone others are used, and it again when it is back', () => {
  const world = zones();
  world.cluster.up.set(1, false);
  for (const partition of [1, 4]) world.cluster.partition('logs', partition).moveTo(0);
  world.cutAll(false);
  assert.ok(placesOf(world, 300).size > 2);
  world.cluster.up.set(1, true);
  for (const partition of [1, 4]) world.cluster.partition('logs', partition).moveTo(1);
  world.state.metadata.wanted = true;
  world.step({ type: 'tick' });
  world.run(5000);
  assert.deepEqual(placesOf(world, 100), new Set([1, 4]));
});

test('a broker of our rack that cannot be reached is not waited for, though it leads as far as is known', () => {
  const world = zones();
  // Nobody tells us that it is gone.
  world.faults.request = ({ type }) => (type === 'sendMetadata' ? { delayMs: 5000 } : undefined);
  world.cluster.up.set(1, false);
  world.cutAll(false);
  world.run(100);
  const batches = Array.from({ length: 20 }, () => world.send('logs', undefined));
  world.run(500);
  // Half of them stand behind the question for metadata, on the same connection.
  assert.ok(batches.some((batch) => world.outcomes.get(batch)?.type === 'acked'));
  for (const { partition } of batches) assert.ok(![1, 4].includes(partition), String(partition));
});

test('a partition of our rack that takes nothing holds up no record', () => {
  const world = zones();
  const local = [1, 4];
  world.faults.refusal = ({ partition }) =>
    local.includes(partition) ? 'NOT_ENOUGH_REPLICAS' : undefined;
  const sent = Array.from({ length: 40 }, () => {
    const batch = world.send('logs', undefined, 10, { replayable: true });
    world.run(10);
    return batch;
  });
  world.run(500);
  const acked = sent.filter((batch) => world.outcomes.get(batch)?.type === 'acked');
  assert.ok(acked.length >= 36, String(acked.length));
  world.faults = {};
  world.settle();
  world.verify();
});

test('batches with a partition go there, whatever the rack', () => {
  const world = zones();
  const batch = world.send('logs', 0);
  world.settle();
  assert.equal(batch.partition, 0);
});
